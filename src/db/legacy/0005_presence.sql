-- Who follows which topic now. Nothing here outlives the moment, so it is kept out of the write-ahead log: after a crash of
-- the database the tables are empty, and the servers write down anew who is with them.

-- A server counts until it was not heard of for so long.
create unlogged table presence_server (
  id text primary key,
  alive_until timestamptz not null
) with (fillfactor = 50);

create unlogged table presence (
  topic text not null,
  user_id text not null,
  server text not null references presence_server (id) on delete cascade,
  primary key (topic, user_id, server)
);
create index presence_by_server on presence (server);

-- What somebody is doing there, for a short while: such as typing.
create unlogged table presence_mark (
  topic text not null,
  user_id text not null,
  mark text not null,
  until timestamptz not null,
  primary key (topic, user_id)
);
create index presence_mark_until on presence_mark (until);
