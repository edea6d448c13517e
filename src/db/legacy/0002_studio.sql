-- Documents and roadmaps: the first two applications on the engine.

create table document (
  id text primary key,
  owner text not null,
  name text not null,
  format text check (format in ('MARKDOWN', 'PLAIN_TEXT')),
  status text not null check (status in ('PROCESSING', 'READY', 'FAILED')),
  title text not null,
  size_bytes integer not null,
  word_count integer not null default 0,
  -- What had to be assumed or left out, as sentences.
  notes jsonb not null default '[]',
  links jsonb not null default '[]',
  error jsonb,
  original bytea not null,
  -- The caller's idempotency key of the import.
  import_key text,
  created_at timestamptz(3) not null default now()
);
create index document_by_owner on document (owner, created_at desc, id desc);
create unique index document_import_key on document (owner, import_key) where import_key is not null;

create table section (
  document_id text not null references document (id) on delete cascade,
  key text not null,
  position integer not null,
  level smallint not null,
  heading text not null,
  -- Markdown that stands on its own, without the sections below it.
  body text not null,
  primary key (document_id, key)
);
create index section_order on section (document_id, position);

create table roadmap (
  id text primary key,
  owner text not null,
  document_id text references document (id) on delete set null,
  title text not null,
  created_at timestamptz(3) not null default now()
);
create index roadmap_by_owner on roadmap (owner, created_at desc, id desc);

-- Stages and modules have nothing of their own but a title and a place, so they are columns of the concepts in them.
create table concept (
  id text primary key,
  roadmap_id text not null references roadmap (id) on delete cascade,
  position integer not null,
  stage_position integer not null,
  stage_title text not null,
  module_position integer not null,
  module_title text not null,
  title text not null,
  -- What its content is made from, Markdown.
  source text not null,
  links jsonb not null default '[]'
);
create index concept_order on concept (roadmap_id, position);

create table content (
  concept_id text not null references concept (id) on delete cascade,
  piece text not null check (piece in ('TUTORIAL', 'RESOURCES', 'QUIZ')),
  status text not null default 'PENDING' check (status in ('PENDING', 'GENERATING', 'COMPLETED', 'FAILED')),
  body text,
  error jsonb,
  -- The task that works on it or did so last.
  task_id text,
  -- How often it was generated; part of the seed, so that another try gives another text.
  revision integer not null default 0,
  primary key (concept_id, piece)
);
create index content_by_task on content (task_id) where task_id is not null;
