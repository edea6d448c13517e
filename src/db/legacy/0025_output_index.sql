-- The streamed text of a task is read for each late subscriber, without the other events of its attempt.
create index event_output on event (topic, seq) where type in ('TaskOutput', 'TaskStarted');
