-- What administrators see: who is connected, and what happened at the door.

-- What each server that is up says of its connections, renewed every few seconds; one that has gone silent is not counted.
-- Unlogged, as it is worth nothing after a crash of the database.
create unlogged table server_census (
  server_id text primary key,
  name text not null,
  started_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  census jsonb not null
);

-- Who did what, from where; the same again within a minute is counted on the same row.
create table audit (
  id text primary key,
  at timestamptz(3) not null,
  -- The last time it happened.
  until timestamptz(3) not null,
  event text not null,
  user_id text,
  address text,
  user_agent text,
  -- What it is about: a topic, a document, a limit.
  subject text,
  -- Why, as a program reads it and in words.
  reason text,
  detail text,
  count integer not null
);
create index audit_by_time on audit (at desc, id desc);
create index audit_by_user on audit (user_id, at desc, id desc);
create index audit_by_event on audit (event, at desc, id desc);
create index audit_by_age on audit (until);
