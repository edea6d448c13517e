-- Where the log lives: the identifier of the PostgreSQL cluster and its timeline, as `<identifier>:<timeline>`. It changes when
-- a standby is promoted, when a backup is restored to a point in time and when a dump is restored into another cluster. Each of
-- them may lose events that subscribers have seen, so the first statement that notices renews the epoch.

-- Services that do not run these functions of PostgreSQL have a constant instead: there the epoch changes only when a server
-- finds the log behind its subscribers, or by `npm run db:new-epoch`.
do $$
begin
  begin
    perform pg_walfile_name(pg_current_wal_insert_lsn());
    create function log_timeline() returns text language sql volatile as
      'select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)';
  exception when others then
    create function log_timeline() returns text language sql immutable as 'select ''''';
  end;
  begin
    perform system_identifier from pg_control_system();
    create function log_cluster() returns text language sql stable as
      'select system_identifier::text from pg_control_system()';
  exception when others then
    create function log_cluster() returns text language sql immutable as 'select ''''';
  end;
end $$;

insert into meta (key, value) values ('origin', log_cluster() || ':' || log_timeline());

-- Returns the epoch of the log; renews it first if the log has moved to another cluster or timeline.
create function log_epoch() returns text language plpgsql volatile as $$
declare
  current_origin text;
  current_epoch text;
begin
  -- A standby has no timeline of its own, and its epoch is that of its primary.
  if not pg_is_in_recovery() then
    current_origin := log_cluster() || ':' || log_timeline();
    -- An update, even of no row, would fail while the database is read-only.
    perform from meta where key = 'origin' and value = current_origin;
    if not found then
      update meta set value = current_origin where key = 'origin' and value <> current_origin;
      -- Of several servers that notice at once, one updates the row; the others wait for it.
      if found then
        update meta set value = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8) where key = 'epoch';
      end if;
    end if;
  end if;
  select value into current_epoch from meta where key = 'epoch';
  return current_epoch;
end $$;
