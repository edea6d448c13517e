-- The inbox: what users were told, and what of it they have read.

-- Whoever has a row here has a topic `inbox:<user>` too. Others find what was said to everyone when they come first.
create table inbox (
  user_id text primary key
);

create table notification (
  id text primary key,
  -- null: to everyone, as one row, however many they are.
  user_id text,
  level text not null check (level in ('INFORMATION', 'SUCCESS', 'WARNING', 'ERROR')),
  title text not null,
  message text,
  -- The id of what it is about; that may be gone by the time it is read.
  about_id text,
  -- What it must not be made twice of.
  made_key text unique,
  created_at timestamptz(3) not null default clock_timestamp(),
  expires_at timestamptz(3) not null,
  -- Of one to a single user; for the others see below.
  read_at timestamptz(3)
);
create index notification_by_user on notification (user_id, created_at desc, id desc);
create index notification_unread on notification (user_id) where read_at is null;
create index notification_expiry on notification (expires_at);

-- Who has read what was said to everyone.
create table broadcast_read (
  user_id text not null,
  notification_id text not null references notification (id) on delete cascade,
  read_at timestamptz(3) not null default clock_timestamp(),
  primary key (user_id, notification_id)
);
create index broadcast_read_by_notification on broadcast_read (notification_id);
