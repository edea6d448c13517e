-- Invitation links are listed, counted and revoked one by one; an owner may restrict a link to one user.
alter table session_link
  add column id text not null default 'invitation_' || replace(gen_random_uuid()::text, '-', ''),
  add column is_single_use boolean not null default false,
  -- The number of users that it has admitted.
  add column use_count integer not null default 0,
  add unique (id);
alter table session_link alter column id drop default;

-- The users that an owner has removed: a link does not admit them, an invitation by name does.
create table session_removal (
  session_id text not null references session (id) on delete cascade,
  user_id text not null,
  removed_at timestamptz(3) not null default now(),
  primary key (session_id, user_id)
);
