-- Projects: small static web projects, generated, edited, checked, and looked at in a preview.

create table project (
  id text primary key,
  owner text not null,
  title text not null,
  prompt text not null,
  -- null when a model decides what to write.
  template text check (template in ('READING_PAGE', 'QUIZ_PAGE', 'FLASH_CARDS')),
  -- A project outlives what it was made from: its files hold all they need.
  document_id text references document (id) on delete set null,
  quiz_id text references quiz (id) on delete set null,
  status text not null check (status in ('GENERATING', 'READY', 'FAILED')),
  note text,
  error jsonb,
  -- Raised by each change of the files.
  version integer not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index project_by_owner on project (owner, created_at desc, id desc);

-- Text alone, by name: there is no folder, link or mode that a name could lead out through.
create table project_file (
  project_id text not null references project (id) on delete cascade,
  path text not null,
  -- The name without case and compatibility forms: two files of one key would be one on many machines.
  path_key text not null,
  content text not null,
  size_bytes integer not null,
  updated_at timestamptz(3) not null default now(),
  primary key (project_id, path)
);
create unique index project_file_key on project_file (project_id, path_key);

create table project_preview (
  project_id text primary key references project (id) on delete cascade,
  status text not null check (status in ('STARTING', 'READY', 'FAILED', 'STOPPED')),
  -- The unguessable part of its address; null while it is not to be had.
  key text,
  -- Which version of the files it shows; whoever looks at another one has to load again.
  version integer not null default 0,
  error jsonb,
  changed_at timestamptz(3) not null default now(),
  -- When somebody last asked for a file of it.
  used_at timestamptz(3) not null default now()
);
create unique index project_preview_by_key on project_preview (key) where key is not null;
create index project_preview_running on project_preview (used_at) where status in ('STARTING', 'READY');
