-- Analytics: what the logs of tasks and reviews say about making quizzes. All of it but the rows of analytics_topic themselves
-- is derived from the logs by the projector, and can be derived again: npm run analytics:rebuild.

-- The topics that are counted, with what is known of them from the moment they begin.
create table analytics_topic (
  topic text primary key,
  owner text not null,
  kind text not null check (kind in ('GENERATE_QUIZ', 'REPLACE_QUESTION', 'REVIEW')),
  -- Without a reference: figures outlive the document.
  document_id text not null,
  title text not null,
  -- Counted up to here.
  seq bigint not null default 0,
  -- May hold events that are not counted yet. Set in the transaction of whoever appends, or for as long as a task goes on.
  is_due boolean not null,
  -- The task's state as counted; null for reviews, and until the first event is counted.
  status text,
  -- When the last event that was counted happened.
  at timestamptz(3)
);
create index analytics_topic_due on analytics_topic (topic) where is_due;
create index analytics_topic_by_owner on analytics_topic (owner, document_id);

-- Questions that were made, or are being made, by a task.
create table analytics_question (
  topic text not null references analytics_topic (topic) on delete cascade,
  question_id text not null,
  owner text not null,
  kind text not null,
  document_id text not null,
  started_at timestamptz(3),
  completed_at timestamptz(3),
  primary key (topic, question_id)
);
create index analytics_question_latest on analytics_question (owner, completed_at desc, topic, question_id)
  where completed_at is not null;
create index analytics_question_by_document on analytics_question (owner, document_id, completed_at desc, topic, question_id)
  where completed_at is not null;

-- Whether what stands in a place of a quiz is accepted.
create table analytics_review (
  question_id text primary key,
  topic text not null references analytics_topic (topic) on delete cascade,
  owner text not null,
  document_id text not null,
  is_accepted boolean not null
);
create index analytics_review_accepted on analytics_review (owner, document_id) where is_accepted;

-- What was there before is counted as well. Reviews had no log: theirs begins with what is accepted by now.
insert into topic (name, seq)
select 'review:' || z.id, (
  select count(*) from question q join question_version v on v.question_id = q.id and v.version = q.version
  where q.quiz_id = z.id and v.accepted_at is not null)
from quiz z on conflict do nothing;
insert into event (topic, seq, type, at, payload)
select 'review:' || q.quiz_id, row_number() over (partition by q.quiz_id order by v.accepted_at, q.id), 'QuestionReviewed',
  v.accepted_at, jsonb_build_object('questionId', q.id, 'version', v.version, 'isAccepted', true)
from question q join question_version v on v.question_id = q.id and v.version = q.version
where v.accepted_at is not null on conflict do nothing;
insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
select 'review:' || z.id, z.owner, 'REVIEW', coalesce(z.document_id, (
  select t.input->>'documentId' from task t where t.subject = z.id and t.kind = 'GENERATE_QUIZ' order by t.created_at limit 1), ''),
  z.title, true
from quiz z;
insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
select 'task:' || t.id, t.owner, t.kind, r.document_id, r.title, true
from task t left join question q on t.kind = 'REPLACE_QUESTION' and q.id = t.subject
join analytics_topic r on r.topic = 'review:' || coalesce(q.quiz_id, t.subject)
where t.kind in ('GENERATE_QUIZ', 'REPLACE_QUESTION');
