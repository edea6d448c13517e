-- The tables of the applications: documents, roadmaps, quizzes, projects, sessions, notifications, analytics, lists of a user.
--
-- Databases of the versions before have these tables already: src/db/legacy/0029_schemas.sql has moved them.

create table studio.document (
  id text primary key,
  owner text not null,
  name text not null,
  format text check (format in ('MARKDOWN', 'PLAIN_TEXT', 'HTML', 'PDF', 'DOCX')),
  status text not null check (status in ('PROCESSING', 'READY', 'FAILED')),
  title text not null,
  size_bytes integer not null,
  word_count integer not null default 0,
  -- What had to be assumed or omitted, as sentences.
  notes jsonb not null default '[]',
  links jsonb not null default '[]',
  error jsonb,
  original bytea not null,
  -- The caller's idempotency key of the import.
  import_key text,
  created_at timestamptz(3) not null default now(),
  -- Where each page begins: number, label, sectionKey, offset. Empty for documents without pages.
  pages jsonb not null default '[]'
);
create index document_by_owner on studio.document (owner, created_at desc, id desc);
create unique index document_import_key on studio.document (owner, import_key) where import_key is not null;

-- Quizzes and roadmaps are generated from the main content of documents: the text without navigation, footers, references and
-- the like, which the sections contain as well.
create table studio.section (
  document_id text not null references studio.document (id) on delete cascade,
  key text not null,
  position integer not null,
  level smallint not null,
  heading text not null,
  -- Complete Markdown, without the sections below it.
  body text not null,
  -- The page that the section begins on; null in documents without pages.
  page integer,
  is_main boolean not null default true,
  -- The part of the body that is main content; null when it is the whole body.
  main_body text,
  primary key (document_id, key)
);
create index section_order on studio.section (document_id, position);

-- The text that is searched: sections in pieces of some paragraphs, without markup. PostgreSQL truncates a tsvector at 1 MB and makes
-- snippets by reading the whole text again, so neither works on sections, which may be books.
create table studio.passage (
  document_id text not null references studio.document (id) on delete cascade,
  position integer not null,
  section_key text not null,
  page integer,
  -- The section's heading for its first passage, '' for the others.
  heading text not null,
  text text not null,
  -- The language is unknown: words as they are, and stemmed as English. Folded by the application (src/studio/text/fold.ts).
  search tsvector not null,
  primary key (document_id, position)
);
create index passage_search on studio.passage using gin (search);

-- The users that may read a document beside its owner.
create table studio.document_share (
  document_id text not null references studio.document (id) on delete cascade,
  user_id text not null,
  created_at timestamptz(3) not null default now(),
  primary key (document_id, user_id)
);
create index document_share_by_user on studio.document_share (user_id, document_id);

create table studio.roadmap (
  id text primary key,
  owner text not null,
  document_id text references studio.document (id) on delete set null,
  title text not null,
  created_at timestamptz(3) not null default now()
);
create index roadmap_by_owner on studio.roadmap (owner, created_at desc, id desc);
create index roadmap_by_document on studio.roadmap (document_id) where document_id is not null;

-- Stages and modules have only a title and a position, so they are columns of their concepts.
create table studio.concept (
  id text primary key,
  roadmap_id text not null references studio.roadmap (id) on delete cascade,
  position integer not null,
  stage_position integer not null,
  stage_title text not null,
  module_position integer not null,
  module_title text not null,
  title text not null,
  -- The source of its content, Markdown.
  source text not null,
  links jsonb not null default '[]'
);
create index concept_order on studio.concept (roadmap_id, position);

create table studio.content (
  concept_id text not null references studio.concept (id) on delete cascade,
  piece text not null check (piece in ('TUTORIAL', 'RESOURCES', 'QUIZ')),
  status text not null default 'PENDING' check (status in ('PENDING', 'GENERATING', 'COMPLETED', 'FAILED')),
  body text,
  error jsonb,
  -- The task that generates it, or the last one that did.
  task_id text,
  -- The number of generations; part of the seed, so that a repetition gives another text.
  revision integer not null default 0,
  primary key (concept_id, piece)
);
create index content_by_task on studio.content (task_id) where task_id is not null;

create table studio.quiz (
  id text primary key,
  owner text not null,
  -- A quiz outlives its document: questions and citations are in the quiz itself.
  document_id text references studio.document (id) on delete set null,
  title text not null,
  status text not null check (status in ('GENERATING', 'DRAFT', 'FAILED', 'PUBLISHED')),
  requested_count integer not null check (requested_count > 0),
  kinds text[] not null,
  -- For the owner, such as that there are fewer questions than requested.
  note text,
  error jsonb,
  created_at timestamptz(3) not null default now(),
  published_at timestamptz(3)
);
create index quiz_by_owner on studio.quiz (owner, created_at desc, id desc);
create index quiz_by_document on studio.quiz (document_id, created_at desc) where document_id is not null;

-- A place in a quiz; its content is one of its versions.
create table studio.question (
  id text primary key,
  quiz_id text not null references studio.quiz (id) on delete cascade,
  position integer not null,
  -- The version shown; null until the first exists.
  version integer,
  created_at timestamptz(3) not null default now()
);
create index question_order on studio.question (quiz_id, position);

-- Nothing is overwritten: replacing and editing add a version, undoing returns to the previous one.
create table studio.question_version (
  question_id text not null references studio.question (id) on delete cascade,
  version integer not null,
  -- The version that it replaced; null for the first.
  parent integer,
  origin text not null check (origin in ('GENERATED', 'REPLACED', 'EDITED')),
  -- Found by a task that has not yet put it in its place. It counts when other tasks look for a new question.
  is_draft boolean not null default false,
  -- The task that made it; null for an edit.
  task_id text,
  -- Why the previous one was replaced, in the words of the user.
  reason text,
  -- Kind, prompt, options, answer, alternatives, explanation, difficulty, citation.
  body jsonb not null,
  accepted_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (question_id, version)
);
create index question_version_by_task on studio.question_version (task_id) where task_id is not null;

create table studio.quiz_attempt (
  id text primary key,
  quiz_id text not null references studio.quiz (id) on delete cascade,
  taker text not null,
  -- For each question: its id, the answer (null for none), whether it is right.
  answers jsonb not null,
  correct_count integer not null,
  question_count integer not null,
  -- The caller's idempotency key.
  submit_key text,
  created_at timestamptz(3) not null default now()
);
create index quiz_attempt_by_quiz on studio.quiz_attempt (quiz_id, taker, created_at desc);
create unique index quiz_attempt_key on studio.quiz_attempt (taker, submit_key) where submit_key is not null;

-- Small static web projects: generated, edited, checked, and shown in a preview.
create table studio.project (
  id text primary key,
  owner text not null,
  title text not null,
  prompt text not null,
  -- Null when a model decides what to write.
  template text check (template in ('READING_PAGE', 'QUIZ_PAGE', 'FLASH_CARDS')),
  -- A project outlives its sources: its files contain all they need.
  document_id text references studio.document (id) on delete set null,
  quiz_id text references studio.quiz (id) on delete set null,
  status text not null check (status in ('GENERATING', 'READY', 'FAILED')),
  note text,
  error jsonb,
  -- Raised by each change of the files.
  version integer not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index project_by_owner on studio.project (owner, created_at desc, id desc);
create index project_by_document on studio.project (document_id) where document_id is not null;
create index project_by_quiz on studio.project (quiz_id) where quiz_id is not null;

-- Text only, by name: no folder, link or mode exists through which a name could leave the project.
create table studio.project_file (
  project_id text not null references studio.project (id) on delete cascade,
  path text not null,
  -- The name without case and compatibility forms: two files of one key would be one on many machines.
  path_key text not null,
  content text not null,
  size_bytes integer not null,
  updated_at timestamptz(3) not null default now(),
  primary key (project_id, path)
);
create unique index project_file_key on studio.project_file (project_id, path_key);

create table studio.project_preview (
  project_id text primary key references studio.project (id) on delete cascade,
  status text not null check (status in ('STARTING', 'READY', 'FAILED', 'STOPPED')),
  -- The unguessable part of its address; null while it is not served.
  key text,
  -- The version of the files that it shows; viewers of another one have to load again.
  version integer not null default 0,
  error jsonb,
  changed_at timestamptz(3) not null default now(),
  -- The last request for a file of it.
  used_at timestamptz(3) not null default now()
);
create unique index project_preview_by_key on studio.project_preview (key) where key is not null;
create index project_preview_running on studio.project_preview (used_at) where status in ('STARTING', 'READY');

-- Conversations of several users, with cards about their subject, and replies made from those.
create table studio.session (
  id text primary key,
  owner text not null,
  title text not null,
  -- The creator's own id for it: the same id returns the same session.
  client_id text not null,
  -- Statistics, stored with every message rather than counted.
  message_count integer not null default 0,
  token_count integer not null default 0,
  last_activity_at timestamptz(3) not null default now(),
  -- The position of the newest message. The lock of the row gives all messages one order.
  last_position integer not null default 0,
  created_at timestamptz(3) not null default now(),
  closed_at timestamptz(3),
  unique (owner, client_id)
) with (fillfactor = 70);

create table studio.session_participant (
  session_id text not null references studio.session (id) on delete cascade,
  user_id text not null,
  joined_at timestamptz(3) not null default now(),
  primary key (session_id, user_id)
);
create index session_participant_by_user on studio.session_participant (user_id, session_id);

-- The users that an owner has removed: a link does not admit them, an invitation by name does.
create table studio.session_removal (
  session_id text not null references studio.session (id) on delete cascade,
  user_id text not null,
  removed_at timestamptz(3) not null default now(),
  primary key (session_id, user_id)
);

-- Admits users until it expires. Only a digest of its token is stored. Links are listed, counted and revoked one by one.
create table studio.session_link (
  digest text primary key,
  session_id text not null references studio.session (id) on delete cascade,
  created_by text not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  id text not null default 'invitation_' || replace(gen_random_uuid()::text, '-', '') unique,
  is_single_use boolean not null default false,
  -- The number of users that it has admitted.
  use_count integer not null default 0
);
create index session_link_by_session on studio.session_link (session_id);

create table studio.session_message (
  id text primary key,
  session_id text not null references studio.session (id) on delete cascade,
  position integer not null,
  -- Null for a reply.
  author text,
  -- The author's own id for it: however often it is sent, it is stored once.
  client_id text,
  body text not null,
  status text not null check (status in ('SENT', 'WRITING', 'COMPLETED', 'STOPPED', 'FAILED')),
  -- Of a reply: the message that it answers, the task that writes it, and the attempt that wrote its body.
  reply_to text references studio.session_message (id) on delete cascade,
  task_id text,
  attempt integer not null default 1,
  -- The passages that a reply quotes or was made from.
  citations jsonb not null default '[]',
  error jsonb,
  token_count integer not null default 0,
  created_at timestamptz(3) not null default now(),
  finished_at timestamptz(3),
  unique (session_id, position),
  unique (session_id, author, client_id)
) with (fillfactor = 70);
-- Sending a message, and the task that answers it, look for the answer.
create index session_message_by_asked on studio.session_message (reply_to) where reply_to is not null;
create index session_message_by_task on studio.session_message (task_id) where task_id is not null;

create table studio.session_card (
  id text primary key,
  session_id text not null references studio.session (id) on delete cascade,
  kind text not null check (kind in ('DOCUMENT', 'SECTION', 'QUIZ', 'NOTE')),
  -- Its object may be deleted; the card remains, with its title.
  document_id text references studio.document (id) on delete set null,
  section_key text,
  quiz_id text references studio.quiz (id) on delete set null,
  title text not null,
  -- Of a note.
  text text,
  added_by text not null,
  client_id text not null,
  created_at timestamptz(3) not null default now(),
  unique (session_id, added_by, client_id)
);
create index session_card_order on studio.session_card (session_id, created_at, id);
create index session_card_by_document on studio.session_card (document_id) where document_id is not null;
create index session_card_by_quiz on studio.session_card (quiz_id) where quiz_id is not null;

-- The users with a topic `inbox:<user>`. Other users find broadcasts when they open their inbox for the first time.
create table studio.inbox (
  user_id text primary key
);

create table studio.notification (
  id text primary key,
  -- Null for a broadcast, which is one row for all users.
  user_id text,
  level text not null check (level in ('INFORMATION', 'SUCCESS', 'WARNING', 'ERROR')),
  title text not null,
  message text,
  -- The id of its subject, which may have been deleted since.
  about_id text,
  -- One notification exists per key.
  made_key text unique,
  created_at timestamptz(3) not null default clock_timestamp(),
  expires_at timestamptz(3) not null,
  -- Of a notification to one user; for broadcasts see below.
  read_at timestamptz(3)
);
create index notification_by_user on studio.notification (user_id, created_at desc, id desc);
create index notification_unread on studio.notification (user_id) where read_at is null;
create index notification_expiry on studio.notification (expires_at);

-- The users that have read a broadcast.
create table studio.broadcast_read (
  user_id text not null,
  notification_id text not null references studio.notification (id) on delete cascade,
  read_at timestamptz(3) not null default clock_timestamp(),
  primary key (user_id, notification_id)
);
create index broadcast_read_by_notification on studio.broadcast_read (notification_id);

-- Analytics: what the logs of tasks and reviews say about making quizzes. All of it but the rows of analytics_topic themselves
-- is derived from the logs by the projector, and can be derived again: npm run analytics:rebuild.

-- The topics that are counted, with what is known of them from the moment they begin.
create table studio.analytics_topic (
  topic text primary key,
  owner text not null,
  kind text not null check (kind in ('GENERATE_QUIZ', 'REPLACE_QUESTION', 'REVIEW')),
  -- Without a reference: figures outlive the document.
  document_id text not null,
  title text not null,
  -- Counted up to this event.
  seq bigint not null default 0,
  -- May have events that are not counted yet. Set in the transaction of an append, or while a task runs.
  is_due boolean not null,
  -- The task's state as counted; null for reviews, and until the first event is counted.
  status text,
  -- The time of the last event that was counted.
  at timestamptz(3)
);
create index analytics_topic_due on studio.analytics_topic (topic) where is_due;
create index analytics_topic_by_owner on studio.analytics_topic (owner, document_id);

-- Questions that were made, or are being made, by a task.
create table studio.analytics_question (
  topic text not null references studio.analytics_topic (topic) on delete cascade,
  question_id text not null,
  owner text not null,
  kind text not null,
  document_id text not null,
  started_at timestamptz(3),
  completed_at timestamptz(3),
  primary key (topic, question_id)
);
create index analytics_question_latest on studio.analytics_question (owner, completed_at desc, topic, question_id)
  where completed_at is not null;
create index analytics_question_by_document on studio.analytics_question (owner, document_id, completed_at desc, topic, question_id)
  where completed_at is not null;

-- Whether the current version of a question is accepted.
create table studio.analytics_review (
  question_id text primary key,
  topic text not null references studio.analytics_topic (topic) on delete cascade,
  owner text not null,
  document_id text not null,
  is_accepted boolean not null
);
create index analytics_review_accepted on studio.analytics_review (owner, document_id) where is_accepted;
create index analytics_review_by_topic on studio.analytics_review (topic);

-- Changes to a user's own tasks and library, which src/studio/viewer/viewer-updates.ts moves to the log: events of the topic
-- `viewer:<user id>`, which exists for users that have subscribed to it.
create table studio.viewer_change (
  -- Changes of one row are in the order of their transactions, as the row is locked.
  id bigint generated always as identity primary key,
  user_id text not null,
  type text not null,
  payload jsonb not null
);
