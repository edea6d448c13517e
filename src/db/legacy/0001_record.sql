-- The record: topics and their events, tasks and their items. Postgres 14 or newer.

create table meta (
  key text primary key,
  value text not null
);
-- The epoch names one life of the log; `npm run db:new-epoch` renews it after a backup was restored.
insert into meta (key, value) values ('epoch', substr(replace(gen_random_uuid()::text, '-', ''), 1, 8));

-- One row per topic: the seq of its newest event. fillfactor leaves room for HOT updates, as seq changes with every append.
create table topic (
  name text primary key,
  seq bigint not null default 0,
  -- Events up to here are no longer kept.
  pruned_seq bigint not null default 0,
  -- Set by the event after which nothing more can follow.
  closed boolean not null default false
) with (fillfactor = 70);

create table event (
  topic text not null,
  seq bigint not null,
  type text not null,
  at timestamptz(3) not null,
  payload jsonb not null,
  primary key (topic, seq)
);

create table task (
  id text primary key,
  kind text not null,
  status text not null check (status in ('QUEUED', 'RUNNING', 'RETRYING', 'COMPLETED', 'FAILED', 'CANCELED')),
  owner text not null,
  -- What it works on, such as a roadmap's id: finds the task now working on a thing.
  subject text,
  input jsonb not null,
  -- The execution under way or last made; 0 before the first.
  attempt integer not null default 0,
  max_attempts integer not null check (max_attempts >= 1),
  progress jsonb not null,
  result jsonb,
  error jsonb,
  cancel_reason text,
  retry_of text references task (id) on delete set null,
  -- Where it stands in line: its creation less its head start. Ties are broken by id.
  queue_key timestamptz not null,
  -- Who works on it and until when that may be believed.
  worker text,
  lease_until timestamptz,
  next_attempt_at timestamptz,
  created_at timestamptz(3) not null,
  started_at timestamptz(3),
  finished_at timestamptz(3)
) with (fillfactor = 70);
create index task_waiting on task (kind, queue_key, id) where status = 'QUEUED';
create index task_running on task (kind, id) where status = 'RUNNING';
create index task_retrying on task (next_attempt_at) where status = 'RETRYING';
create index task_by_owner on task (owner, created_at desc, id desc);
create index task_by_subject on task (subject, created_at desc) where subject is not null;
create index task_finished on task (kind, finished_at) where finished_at is not null;

create table task_item (
  task_id text not null references task (id) on delete cascade,
  key text not null,
  position integer not null,
  label text not null,
  status text not null check (status in ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED')),
  percent real not null default 0,
  error jsonb,
  primary key (task_id, key)
) with (fillfactor = 70);

-- The same key asked for again returns the same task; a digest of the input tells a repetition from a mistake.
create table idempotency (
  owner text not null,
  key text not null,
  digest text not null,
  task_id text not null references task (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (owner, key)
);
create index idempotency_age on idempotency (created_at);

-- The workers that are alive and how many tasks of each kind they take at once: for estimates of the wait.
create table worker (
  id text primary key,
  slots jsonb not null,
  seen_at timestamptz not null
);
