-- The functions of the engine. They name the schema of every table, and find them whatever the search_path of their caller is.

-- Where the log lives: the identifier of the PostgreSQL cluster and its timeline, as `<identifier>:<timeline>`. It changes when
-- a standby is promoted, when a backup is restored to a point in time and when a dump is restored into another cluster. Each of
-- them may lose events that subscribers have seen, so the first statement that notices renews the epoch.

-- Services that do not run these functions of PostgreSQL have a constant instead: there the epoch changes only when a server
-- finds the log behind its subscribers, or by `npm run db:new-epoch`.
do $$
begin
  begin
    perform pg_walfile_name(pg_current_wal_insert_lsn());
    create or replace function tidings.log_timeline() returns text language sql volatile as
      'select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)';
  exception when others then
    create or replace function tidings.log_timeline() returns text language sql immutable as 'select ''''';
  end;
  begin
    perform system_identifier from pg_control_system();
    create or replace function tidings.log_cluster() returns text language sql stable as
      'select system_identifier::text from pg_control_system()';
  exception when others then
    create or replace function tidings.log_cluster() returns text language sql immutable as 'select ''''';
  end;
end $$;

insert into tidings.meta (key, value) values ('origin', tidings.log_cluster() || ':' || tidings.log_timeline()) on conflict do nothing;

-- Returns the epoch of the log; renews it first if the log has moved to another cluster or timeline.
create or replace function tidings.log_epoch() returns text language plpgsql volatile as $$
declare
  current_origin text;
  current_epoch text;
begin
  -- A standby has no timeline of its own, and its epoch is that of its primary.
  if not pg_is_in_recovery() then
    current_origin := tidings.log_cluster() || ':' || tidings.log_timeline();
    -- An update, even of no row, would fail while the database is read-only.
    perform from tidings.meta where key = 'origin' and value = current_origin;
    if not found then
      update tidings.meta set value = current_origin where key = 'origin' and value <> current_origin;
      -- Of several servers that notice at once, one updates the row; the others wait for it.
      if found then
        update tidings.meta set value = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8) where key = 'epoch';
      end if;
    end if;
  end if;
  select value into current_epoch from tidings.meta where key = 'epoch';
  return current_epoch;
end $$;

-- A task is started by one function, `tidings.queue_task`, in the transaction of its caller: the engine's own, or one of the
-- application. `tidings.start_task` is the same for triggers and programs in any language.

-- A TypeID as Node makes them: `task_` and a UUID of version 7 in 26 digits of 5 bits.
create or replace function tidings.new_task_id() returns text language sql volatile as $$
  select 'task_' || string_agg(
    substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + substring(bits from 5 * digit + 1 for 5)::int, 1), '' order by digit
  )
  from generate_series(0, 25) digit, (
    select b'00' || ('x' || lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
      substr(replace(gen_random_uuid()::text, '-', ''), 14))::bit(128) as bits
  ) as id
$$;

-- A value as Node writes it with the fields of objects in the order of their names, which begins with the names that are indexes of
-- arrays. Numbers from 1e21 and below 1e-6 are written otherwise, and objects with names beyond U+FFFF beside others from U+E000 have
-- another order: requests with them are equal only to others in SQL.
create or replace function tidings.canonical_json(value jsonb) returns text language sql immutable as $$
  select case jsonb_typeof(value)
    when 'object' then (
      select '{' || coalesce(string_agg(
        to_json(name) || ':' || tidings.canonical_json(field), ','
        order by case when name ~ '^(0|[1-9][0-9]{0,9})$' then nullif(least(name::bigint, 4294967295), 4294967295) end, name collate "C"
      ), '') || '}'
      from jsonb_each(value) as fields (name, field)
    )
    when 'array' then (
      select '[' || coalesce(string_agg(tidings.canonical_json(element), ',' order by place), '') || ']'
      from jsonb_array_elements(value) with ordinality as elements (element, place)
    )
    when 'number' then trim_scale(value::numeric)::text
    else value::text
  end
$$;

-- Identifies equal requests, as `digestOf` in src/tasks/start/idempotency-key.ts does.
create or replace function tidings.digest_of(kind text, input jsonb) returns text language sql immutable as $$
  select translate(encode(sha256(convert_to(tidings.canonical_json(jsonb_build_array(kind, input, null)), 'UTF8')), 'base64'), '+/=', '-_')
$$;

-- Lets the starts with one idempotency key wait for each other until the end of the transaction: of several, exactly one is new.
create or replace function tidings.lock_key(owner text, key text) returns void language sql volatile as $$
  select pg_advisory_xact_lock(hashtextextended('tidings.key ' || $1 || ' ' || $2, 0))
$$;

-- The task of a request's idempotency key, unless the key has expired; also of a recently deleted task (src/tasks/start/erase.ts).
create or replace function tidings.task_of_key(request jsonb) returns table (task_id text, is_same boolean) language plpgsql stable as $$
#variable_conflict use_column
begin
  return query
    select task_id, digest = request->>'digest' from tidings.idempotency
    where owner in (request->>'owner', 'erased ' || hashtextextended(request->>'owner', 0)) and key = request->>'idempotencyKey'
      and coalesce(created_at > statement_timestamp() - (request->>'keptHours')::float8 * interval '1 hour', true);
end
$$;

-- The tasks that an owner has started in the last minute, up to a limit, and the time until the first of these is older. From the
-- tasks themselves, so that they count across servers and restarts; also those that were deleted since, or deleting would lift the
-- limit. By the time of the statement: a time that may change while it runs cannot be looked up in an index.
create or replace function tidings.starts_in_last_minute(owner text, max_starts integer)
returns table (count integer, retry_after_ms integer) language plpgsql stable as $$
#variable_conflict use_column
begin
  return query
    select count(*)::int, ceil(extract(epoch from min(created_at) + interval '1 minute' - clock_timestamp()) * 1000)::int
    from (
      (select created_at from tidings.task where owner = $1 and created_at > statement_timestamp() - interval '1 minute'
       order by created_at desc limit $2)
      union all
      (select created_at from tidings.task where owner = '' and erased_owner = hashtextextended($1, 0)
         and created_at > statement_timestamp() - interval '1 minute'
       order by created_at desc limit $2)
      order by created_at desc limit $2
    ) last;
end
$$;

-- Queues a task.
--
-- Input: `{ kind, input, owner }`, and optionally `id`, `idempotencyKey` with the `digest` of the request and `keptHours` (default: until
-- the key is pruned), `maxStartsPerMinute`, `maxAttempts`, `retryOf`, `subject`, `size`, `variant`, `totalItems`, `headStartMs`, `trace`, and `announce`:
-- whether workers have to be notified by the database, because their notification by the caller would precede the commit.
--
-- Output: `{ outcome }`: NEW with `id`, `at` (ms since 1970) and the `epoch` of the log; SAME with the `id` of the task that the key
-- belongs to; REUSED for a key of another request; LIMITED with `retryAfterMs`.
--
-- Locks nothing that another start has to wait for, except its idempotency key. Its events are the first of a topic that nobody can
-- have followed, so that the guards of other appends are not needed.
create or replace function tidings.queue_task(request jsonb) returns jsonb language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  new_id constant text := coalesce(request->>'id', tidings.new_task_id());
  new_at constant timestamptz := date_trunc('milliseconds', clock_timestamp());
  empty_progress constant jsonb := '{"percent": 0, "stage": null, "stagePercent": null, "message": null, "completedItems": 0,
    "failedItems": 0, "totalItems": 0, "startedAt": null, "remainingMs": null}';
  existing record;
  recent record;
begin
  if request->>'idempotencyKey' is not null then
    perform tidings.lock_key(request->>'owner', request->>'idempotencyKey');
    select * into existing from tidings.task_of_key(request);
    if found then
      return jsonb_build_object('outcome', case when existing.is_same then 'SAME' else 'REUSED' end, 'id', existing.task_id);
    end if;
  end if;
  if request->>'maxStartsPerMinute' is not null then
    select * into recent from tidings.starts_in_last_minute(request->>'owner', (request->>'maxStartsPerMinute')::int);
    if recent.count >= (request->>'maxStartsPerMinute')::int and recent.retry_after_ms is not null then
      return jsonb_build_object('outcome', 'LIMITED', 'retryAfterMs', recent.retry_after_ms);
    end if;
  end if;
  insert into tidings.topic (name, seq) values ('task:' || new_id, 1);
  insert into tidings.event (topic, seq, type, at, payload)
  values ('task:' || new_id, 1, 'TaskQueued', new_at, jsonb_build_object('status', 'QUEUED', 'progress', empty_progress));
  insert into tidings.task (id, kind, status, owner, subject, input, max_attempts, progress, retry_of, queue_key, created_at, trace, size, variant)
  values (
    new_id, request->>'kind', 'QUEUED', request->>'owner', request->>'subject', request->'input',
    coalesce((request->>'maxAttempts')::int, (select attempts from tidings.task_kind where name = request->>'kind'), 3),
    empty_progress || jsonb_build_object('totalItems', coalesce((request->>'totalItems')::int, 0)), request->>'retryOf',
    clock_timestamp() - coalesce((request->>'headStartMs')::float8, 0) * interval '1 ms', new_at, request->>'trace',
    (request->>'size')::float8, request->>'variant'
  );
  if request->>'idempotencyKey' is not null then
    insert into tidings.idempotency (owner, key, digest, task_id, created_at)
    values (request->>'owner', request->>'idempotencyKey', request->>'digest', new_id, clock_timestamp())
    on conflict (owner, key) do update
      set digest = excluded.digest, task_id = excluded.task_id, created_at = excluded.created_at;
  end if;
  if (request->>'announce')::boolean then
    insert into tidings.started_task (task_id, kind) values (new_id, request->>'kind');
    -- Delivered at the commit, once for all tasks of the transaction.
    perform pg_notify('tidings.started', '');
  end if;
  return jsonb_build_object('outcome', 'NEW', 'id', new_id, 'at', floor(extract(epoch from new_at) * 1000)::bigint,
    'epoch', (select value from tidings.meta where key = 'epoch'));
end
$$;

-- Queues a task in the transaction of the caller; returns its id, or that of the task that the same request with the same idempotency
-- key has started before. The input is checked when a worker claims the task. docs/guide/transactions.md
create or replace function tidings.start_task(kind text, input jsonb, owner text, idempotency_key text default null)
returns text language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
declare
  started jsonb;
begin
  if coalesce(kind, '') !~ '^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$' then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('The kind %L is none of a task; write it in upper case, such as EXPORT_REPORT', kind);
  end if;
  if coalesce(jsonb_typeof(input), 'null') <> 'object' then
    raise exception using errcode = 'invalid_parameter_value', message = 'The input of a task is a JSON object';
  end if;
  if coalesce(owner, '') = '' then
    raise exception using errcode = 'invalid_parameter_value', message = 'A task needs an owner: the id of a user';
  end if;
  if length(idempotency_key) > 255 then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('The idempotency key has %s characters; at most 255 are taken', length(idempotency_key));
  end if;
  if exists (select from tidings.task_kind where name = start_task.kind and has_begin) then
    raise exception using errcode = 'feature_not_supported',
      message = format('The kind %s has a function begin, which the database cannot run; start it with Tidings', kind);
  end if;
  started := tidings.queue_task(jsonb_build_object(
    'kind', kind, 'input', input, 'owner', owner, 'idempotencyKey', idempotency_key,
    'digest', case when idempotency_key is not null then tidings.digest_of(kind, input) end, 'announce', true
  ));
  if started->>'outcome' = 'REUSED' then
    raise exception using errcode = 'unique_violation',
      message = format('The idempotency key %L was used for another request; use a new key for a new request', idempotency_key);
  end if;
  return started->>'id';
end
$$;

-- Appends events to a topic of the application, in the transaction of the caller. Servers are notified at the commit.
--
-- Input: `{ topic, events: [{ type, payload }], close? }`. Output: `{ outcome }`: PUBLISHED with the `seq` of the last event; ENDED when
-- nothing can follow. Others that append to the topic wait for the end of the transaction.
create or replace function tidings.publish_events(request jsonb) returns jsonb language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  topic_name constant text := request->>'topic';
  held record;
  new_at timestamptz;
  new_seq bigint;
begin
  -- After a failover that lost events, these must not continue the lost ones.
  perform tidings.log_epoch();
  insert into tidings.topic (name) values (topic_name) on conflict do nothing;
  select seq, closed into held from tidings.topic where name = topic_name for no key update;
  if held.closed then
    return jsonb_build_object('outcome', 'ENDED');
  end if;
  new_at := date_trunc('milliseconds', clock_timestamp());
  new_seq := held.seq + jsonb_array_length(request->'events');
  insert into tidings.event (topic, seq, type, at, payload)
  select topic_name, held.seq + idx, value->>'type', new_at, value->'payload'
  from jsonb_array_elements(request->'events') with ordinality as e(value, idx);
  update tidings.topic set seq = new_seq, closed = coalesce((request->>'close')::boolean, false) where name = topic_name;
  -- Delivered at the commit. Its text is limited to 8,000 bytes: without one, all topics are compared.
  perform pg_notify('tidings.published', case when octet_length(topic_name) < 7000 then topic_name else '' end);
  return jsonb_build_object('outcome', 'PUBLISHED', 'seq', new_seq);
end
$$;

-- Roles that were granted the execution of one need no right on the tables: it runs with the rights of the role that migrates.
-- Each by its name, as the schema may have functions of a team.
revoke all on function tidings.log_timeline(), tidings.log_cluster(), tidings.log_epoch(), tidings.new_task_id(),
  tidings.canonical_json(jsonb), tidings.digest_of(text, jsonb), tidings.lock_key(text, text), tidings.task_of_key(jsonb),
  tidings.starts_in_last_minute(text, integer), tidings.queue_task(jsonb), tidings.start_task(text, jsonb, text, text),
  tidings.publish_events(jsonb) from public;
