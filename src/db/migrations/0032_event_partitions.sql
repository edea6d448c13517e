-- Events are stored in partitions by time, so that old ones are deleted by dropping a table. The first partition has no lower bound
-- and the last one no upper bound: an event is never without a partition, whether or not one was added in time.
-- docs/decisions/317-events-are-partitioned-by-time.md

create table tidings.event_partition (
  id integer primary key,
  lower timestamptz not null,
  upper timestamptz not null check (upper > lower)
);

-- The existing table becomes the first partition. Its rows are read once, for the bounds.
alter table tidings.event rename to event_1;
alter table tidings.event_1 rename constraint event_pkey to event_1_pkey;
alter index tidings.event_output rename to event_1_output;
create table tidings.event (
  topic text not null,
  seq bigint not null,
  type text not null,
  at timestamptz(3) not null,
  payload jsonb not null
) partition by range (at);
-- The streamed text of a task is read for each late subscriber, without the other events of its attempt.
create index event_output on tidings.event (topic, seq) where type in ('TaskOutput', 'TaskStarted');

do $$
declare
  boundary constant timestamptz := date_trunc('hour', clock_timestamp()) + interval '1 hour';
  acl record;
begin
  execute format('alter table tidings.event attach partition tidings.event_1 for values from (''-infinity'') to (%L)', boundary);
  -- A topic is numbered under the lock of its row, so its seqs are unique across partitions as well.
  create table tidings.event_2 (like tidings.event including all, primary key (topic, seq));
  execute format('alter table tidings.event attach partition tidings.event_2 for values from (%L) to (''infinity'')', boundary);
  insert into tidings.event_partition values (1, '-infinity', boundary), (2, boundary, 'infinity');
  -- Rights that roles of the team were granted on the existing table.
  for acl in
    select privilege_type, case grantee when 0 then 'public' else grantee::regrole::text end as grantee, is_grantable
    from pg_class, aclexplode(relacl) where pg_class.oid = 'tidings.event_1'::regclass and grantee <> relowner
  loop
    execute format('grant %s on tidings.event to %s%s', acl.privilege_type, acl.grantee,
      case when acl.is_grantable then ' with grant option' else '' end);
  end loop;
end $$;

-- Creates an empty partition.
create function tidings.add_event_partition(lower_bound timestamptz, upper_bound timestamptz) returns void language plpgsql as $$
declare
  new_id constant integer := (select max(id) + 1 from tidings.event_partition);
begin
  execute format('create table tidings.event_%s (like tidings.event including all, primary key (topic, seq))', new_id);
  execute format('alter table tidings.event attach partition tidings.event_%s for values from (%L) to (%L)', new_id, lower_bound, upper_bound);
  insert into tidings.event_partition values (new_id, lower_bound, upper_bound);
end $$;

-- Divides the partition of a time in two. Other statements on events wait meanwhile; it gives up when it has to wait for them longer
-- than 50 ms.
create function tidings.split_event_partition(boundary timestamptz) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
  part tidings.event_partition;
  has_later boolean;
begin
  lock table only tidings.event in access exclusive mode;
  select * into part from tidings.event_partition where lower < boundary and boundary < upper;
  if not found then
    return;
  end if;
  execute format('select exists (select from tidings.event_%s where at >= %L)', part.id, boundary) into has_later;
  execute format('alter table tidings.event detach partition tidings.event_%s', part.id);
  if has_later then
    -- Its earlier rows move.
    perform tidings.add_event_partition(part.lower, boundary);
    execute format('with earlier as (delete from tidings.event_%s where at < %L returning *) insert into tidings.event select * from earlier', part.id, boundary);
    execute format('alter table tidings.event attach partition tidings.event_%s for values from (%L) to (%L)', part.id, boundary, part.upper);
    update tidings.event_partition set lower = boundary where id = part.id;
  else
    execute format('alter table tidings.event attach partition tidings.event_%s for values from (%L) to (%L)', part.id, part.lower, boundary);
    update tidings.event_partition set upper = boundary where id = part.id;
    perform tidings.add_event_partition(boundary, part.upper);
  end if;
end $$;

-- Adds the next partition, of a width, when less than a width remains until the last one begins.
create function tidings.extend_event_partitions(width interval) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
  last_bound constant timestamptz := (select max(lower) from tidings.event_partition);
begin
  if last_bound < clock_timestamp() + width then
    perform tidings.split_event_partition(greatest(last_bound, date_bin(width, clock_timestamp(), '2000-01-01')) + width);
  end if;
end $$;

-- Drops the partitions that end before a time, and returns how many had events. The positions up to which events are deleted are the
-- caller's to store, beforehand. The first of the remaining ones is preceded by an empty one, for whatever comes with an old time.
create function tidings.drop_event_partitions(before timestamptz) returns integer language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
  part tidings.event_partition;
  last_bound timestamptz;
  has_events boolean;
  dropped integer := 0;
begin
  lock table only tidings.event in access exclusive mode;
  for part in select * from tidings.event_partition where upper <= before order by lower loop
    execute format('select exists (select from tidings.event_%s)', part.id) into has_events;
    execute format('drop table tidings.event_%s', part.id);
    delete from tidings.event_partition where id = part.id;
    dropped := dropped + has_events::int;
    last_bound := part.upper;
  end loop;
  if last_bound is not null then
    perform tidings.add_event_partition('-infinity', last_bound);
  end if;
  return dropped;
end $$;

revoke all on function tidings.add_event_partition, tidings.split_event_partition, tidings.extend_event_partitions, tidings.drop_event_partitions from public;
