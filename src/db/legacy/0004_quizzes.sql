-- Quizzes: questions made from a document, reviewed by their owner, published, taken.

create table quiz (
  id text primary key,
  owner text not null,
  -- A quiz outlives its document: what is asked and cited is in the quiz itself.
  document_id text references document (id) on delete set null,
  title text not null,
  status text not null check (status in ('GENERATING', 'DRAFT', 'FAILED', 'PUBLISHED')),
  requested_count integer not null check (requested_count > 0),
  kinds text[] not null,
  -- What whoever asked for it should know, such as that there are fewer questions than asked for.
  note text,
  error jsonb,
  created_at timestamptz(3) not null default now(),
  published_at timestamptz(3)
);
create index quiz_by_owner on quiz (owner, created_at desc, id desc);
create index quiz_by_document on quiz (document_id, created_at desc) where document_id is not null;

-- A place in a quiz; what stands there is one of its versions.
create table question (
  id text primary key,
  quiz_id text not null references quiz (id) on delete cascade,
  position integer not null,
  -- The version shown; null until the first is made.
  version integer,
  created_at timestamptz(3) not null default now()
);
create index question_order on question (quiz_id, position);

-- Nothing is ever overwritten: replacing and editing add a version, undoing goes back to the one before.
create table question_version (
  question_id text not null references question (id) on delete cascade,
  version integer not null,
  -- The version that it took the place of; null for the first.
  parent integer,
  origin text not null check (origin in ('GENERATED', 'REPLACED', 'EDITED')),
  -- Found by a task that has not yet put it in its place. It counts when others look for a question that is new.
  is_draft boolean not null default false,
  -- The task that made it; null when a person did.
  task_id text,
  -- Why the one before was replaced, in the words of whoever asked for it.
  reason text,
  -- Kind, prompt, options, answer, alternatives, explanation, difficulty, citation.
  body jsonb not null,
  accepted_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (question_id, version)
);
create index question_version_by_task on question_version (task_id) where task_id is not null;

create table quiz_attempt (
  id text primary key,
  quiz_id text not null references quiz (id) on delete cascade,
  taker text not null,
  -- Of each question: its id, what was given (null for nothing), whether that is right.
  answers jsonb not null,
  correct_count integer not null,
  question_count integer not null,
  -- The caller's idempotency key.
  submit_key text,
  created_at timestamptz(3) not null default now()
);
create index quiz_attempt_by_quiz on quiz_attempt (quiz_id, taker, created_at desc);
create unique index quiz_attempt_key on quiz_attempt (taker, submit_key) where submit_key is not null;
