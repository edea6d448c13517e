-- The tables of the engine: topics and their events, tasks and their items. PostgreSQL 14 or newer.
--
-- Statements name the schema `tidings`, here and in the code; another `DATABASE_SCHEMA` replaces it as they are sent
-- (src/db/schema-name.ts). Databases of the versions before have these tables already: src/db/legacy/0029_schemas.sql has moved them.

-- `epoch` names one life of the log, `origin` the cluster and timeline that it is on; `bus` and `bus key` are those of the servers.
create table tidings.meta (
  key text primary key,
  value text not null
);
insert into tidings.meta (key, value) values ('epoch', substr(replace(gen_random_uuid()::text, '-', ''), 1, 8));

-- One row per topic: the seq of its newest event. fillfactor leaves room for HOT updates, as seq changes with every append.
create table tidings.topic (
  name text primary key,
  seq bigint not null default 0,
  -- Events up to this one are no longer stored.
  pruned_seq bigint not null default 0,
  -- Set by a terminal event.
  closed boolean not null default false
) with (fillfactor = 70);

create table tidings.event (
  topic text not null,
  seq bigint not null,
  type text not null,
  at timestamptz(3) not null,
  payload jsonb not null,
  primary key (topic, seq)
);
-- The streamed text of a task is read for each late subscriber, without the other events of its attempt.
create index event_output on tidings.event (topic, seq) where type in ('TaskOutput', 'TaskStarted');

create table tidings.task (
  id text primary key,
  kind text not null,
  status text not null check (status in ('QUEUED', 'RUNNING', 'RETRYING', 'COMPLETED', 'FAILED', 'CANCELED')),
  -- Empty for a task that was deleted recently.
  owner text not null,
  -- The object that it works on, such as the id of a roadmap.
  subject text,
  input jsonb not null,
  -- The current or last execution; 0 before the first.
  attempt integer not null default 0,
  max_attempts integer not null check (max_attempts >= 1),
  progress jsonb not null,
  result jsonb,
  error jsonb,
  cancel_reason text,
  retry_of text references tidings.task (id) on delete set null,
  -- Its place in the queue: the time of its creation less its head start. Ties are broken by id.
  queue_key timestamptz not null,
  -- The worker that runs it, and the time until which this can be relied on.
  worker text,
  lease_until timestamptz,
  next_attempt_at timestamptz,
  created_at timestamptz(3) not null,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  -- The place in a trace where the task was queued, as a W3C traceparent, so that its attempts belong to it in any process.
  trace text,
  -- One entry per execution, oldest first: `{ attempt, startedAt, finishedAt, outcome, error }`, the last three absent while it runs.
  -- A column and not a table, as it is written by the same update as the rest of the row and read at the same moment.
  attempts jsonb not null default '[]',
  -- A hash of the owner of a deleted task, so that its start still counts towards the owner's limit.
  erased_owner bigint,
  -- The amount of work, for estimates: tasks of one kind and variant (such as the format of a document) whose duration depends on
  -- their size (such as bytes). Both are null where the kind declares none.
  variant text,
  size float8
) with (fillfactor = 70);
create index task_waiting on tidings.task (kind, queue_key, id) where status = 'QUEUED';
create index task_running on tidings.task (kind, id) where status = 'RUNNING';
create index task_retrying on tidings.task (next_attempt_at) where status = 'RETRYING';
create index task_by_owner on tidings.task (owner, created_at desc, id desc);
create index task_by_subject on tidings.task (subject, created_at desc) where subject is not null;
create index task_finished on tidings.task (kind, finished_at) where finished_at is not null;
-- For the reference itself: without it, deleting a task reads the whole table.
create index task_by_retried on tidings.task (retry_of) where retry_of is not null;

create table tidings.task_item (
  task_id text not null references tidings.task (id) on delete cascade,
  key text not null,
  position integer not null,
  label text not null,
  status text not null check (status in ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED')),
  percent real not null default 0,
  error jsonb,
  primary key (task_id, key)
) with (fillfactor = 70);
-- Items are read in pages: the first ones of a task, or those after one. The expression keeps PostgreSQL from using this index for a
-- lookup by key, which would read all items of the task, where tasks have few items on average.
create index task_item_in_order on tidings.task_item ((task_id || ''), position);

-- The same key returns the same task; a digest of the input distinguishes a repetition from a mistake.
create table tidings.idempotency (
  owner text not null,
  key text not null,
  digest text not null,
  task_id text not null references tidings.task (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (owner, key)
);
create index idempotency_age on tidings.idempotency (created_at);
create index idempotency_by_task on tidings.idempotency (task_id);

-- The kinds as a start in SQL has to know them. Written by every process that knows the kind.
create table tidings.task_kind (
  name text primary key,
  attempts integer not null,
  -- Whether the kind has a part of its own in the start, which only Node can run.
  has_begin boolean not null
);

-- Tasks that were started in transactions of the application, until a worker has seen that they have committed.
create table tidings.started_task (
  task_id text primary key references tidings.task (id) on delete cascade,
  kind text not null
);

-- The workers that are alive, and how many tasks of each kind they run at once: for estimates of the wait.
create table tidings.worker (
  id text primary key,
  slots jsonb not null,
  seen_at timestamptz not null
);

-- Subscribers of topics. Of use only while servers run, so it is kept out of the write-ahead log: after a crash of the database the
-- tables are empty, and the servers write their subscribers again.

create unlogged table tidings.presence_server (
  id text primary key,
  -- The server does not count after this.
  alive_until timestamptz not null
) with (fillfactor = 50);

create unlogged table tidings.presence (
  topic text not null,
  user_id text not null,
  server text not null references tidings.presence_server (id) on delete cascade,
  primary key (topic, user_id, server)
);
create index presence_by_server on tidings.presence (server);

-- An activity of a user in a topic for a short time, such as typing.
create unlogged table tidings.presence_mark (
  topic text not null,
  user_id text not null,
  mark text not null,
  until timestamptz not null,
  primary key (topic, user_id)
);
create index presence_mark_until on tidings.presence_mark (until);

-- The connections of each running server, renewed every few seconds; a server that has gone silent is not counted.
create unlogged table tidings.server_statistics (
  server_id text primary key,
  name text not null,
  started_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  statistics jsonb not null
);

-- The audit log. The same event within a minute is counted on the same row.
create table tidings.audit (
  id text primary key,
  at timestamptz(3) not null,
  -- The last time it happened.
  until timestamptz(3) not null,
  event text not null,
  user_id text,
  address text,
  user_agent text,
  -- A topic, a document, a limit.
  subject text,
  -- For programs; `detail` is the same in words.
  reason text,
  detail text,
  count integer not null
);
create index audit_by_time on tidings.audit (at desc, id desc);
create index audit_by_user on tidings.audit (user_id, at desc, id desc);
create index audit_by_event on tidings.audit (event, at desc, id desc);
create index audit_by_age on tidings.audit (until);
