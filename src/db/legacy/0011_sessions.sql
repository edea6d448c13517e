-- Sessions: conversations that several people watch, with cards that say what they are about, and replies made from those.

create table session (
  id text primary key,
  owner text not null,
  title text not null,
  -- The creator's own id for it: asked for again with the same, the same session is returned.
  client_id text not null,
  -- Statistics, kept with every message rather than counted.
  message_count integer not null default 0,
  token_count integer not null default 0,
  last_activity_at timestamptz(3) not null default now(),
  -- The position of the newest message. The row's lock is what gives all messages one order.
  last_position integer not null default 0,
  created_at timestamptz(3) not null default now(),
  closed_at timestamptz(3),
  unique (owner, client_id)
) with (fillfactor = 70);

create table session_participant (
  session_id text not null references session (id) on delete cascade,
  user_id text not null,
  joined_at timestamptz(3) not null default now(),
  primary key (session_id, user_id)
);
create index session_participant_by_user on session_participant (user_id, session_id);

-- A way in for whoever has the link, until it expires. Only a digest of its token is kept.
create table session_link (
  digest text primary key,
  session_id text not null references session (id) on delete cascade,
  created_by text not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now()
);
create index session_link_by_session on session_link (session_id);

create table session_message (
  id text primary key,
  session_id text not null references session (id) on delete cascade,
  position integer not null,
  -- Who wrote it; null for a reply.
  author text,
  -- The author's own id for it: however often it is sent, it is stored once.
  client_id text,
  body text not null,
  status text not null check (status in ('SENT', 'WRITING', 'COMPLETED', 'STOPPED', 'FAILED')),
  -- Of a reply: the message it answers, the task that writes it, and the attempt that wrote what stands there.
  reply_to text references session_message (id) on delete cascade,
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

create table session_card (
  id text primary key,
  session_id text not null references session (id) on delete cascade,
  kind text not null check (kind in ('DOCUMENT', 'SECTION', 'QUIZ', 'NOTE')),
  -- What it shows may be deleted; the card stays, with its title, and says nothing any more.
  document_id text references document (id) on delete set null,
  section_key text,
  quiz_id text references quiz (id) on delete set null,
  title text not null,
  -- Of a note.
  text text,
  added_by text not null,
  client_id text not null,
  created_at timestamptz(3) not null default now(),
  unique (session_id, added_by, client_id)
);
create index session_card_order on session_card (session_id, created_at, id);
create index session_card_by_document on session_card (document_id) where document_id is not null;
create index session_card_by_quiz on session_card (quiz_id) where quiz_id is not null;
