-- References without an index on their own side: deleting what they refer to read the whole table.
create index task_by_retried on task (retry_of) where retry_of is not null;
create index idempotency_by_task on idempotency (task_id);
create index roadmap_by_document on roadmap (document_id) where document_id is not null;
create index analytics_review_by_topic on analytics_review (topic);
create index project_by_document on project (document_id) where document_id is not null;
create index project_by_quiz on project (quiz_id) where quiz_id is not null;

-- Sending a message, and the task that answers it, look for the answer.
create index session_message_by_asked on session_message (reply_to) where reply_to is not null;
create index session_message_by_task on session_message (task_id) where task_id is not null;
