/**
 * The one statement through which everything enters the log.
 *
 * In:  $1 jsonb, an array of units `{ ord, topic, base?, close?, events: [{ type, payload }], task?: { id, expect, attempt?,
 *      worker?, set, items? } }`, each topic at most once.
 * Out: one row a unit: `ord`, `ok`, `base` (the topic's seq before), `at`, and what the task's row said before
 *      (`status`, `attempt`, `progress`), also when refused.
 *
 * For every unit, atomically and independent of its neighbours: the guard (task's status is expected, attempt and worker
 * are the ones the writer believes in, topic open and at `base` when given), the next seqs, the events, the task's row, its items.
 * Rows are locked topics first, then tasks, each in the order of their names, so statements never deadlock with each other
 * nor with the heartbeat, which locks tasks in the same order. A locked row is read in its newest version, so the guard
 * is never decided on what the statement's snapshot saw.
 */
export const appendStatement = /* sql */ `
with unit as materialized (
  select u.ord, u.topic, u.base, coalesce(u.close, false) as close, u.events,
    u.task->>'id' as task, u.task->'expect' as expect,
    (u.task->>'attempt')::int as attempt, u.task->>'worker' as worker,
    coalesce(u.task->'set', '{}'::jsonb) as set, u.task->'items' as items
  from jsonb_to_recordset($1::jsonb) as u(ord int, topic text, base bigint, close boolean, events jsonb, task jsonb)
),
held_topic as materialized (
  select name, seq, closed from topic where name in (select topic from unit) order by name for no key update
),
held_task as materialized (
  select id, status, attempt, worker, progress from task
  where id in (select task from unit where exists (select 1 from held_topic)) order by id for no key update
),
verdict as materialized (
  select u.*, t.seq as base_was, k.status as status_was, k.attempt as attempt_was, k.progress as progress_was,
    date_trunc('milliseconds', clock_timestamp()) as at,
    t.name is not null and not t.closed
      and (u.base is null or u.base = t.seq)
      and (u.task is null or (k.id is not null and u.expect ? k.status
        and (u.attempt is null or u.attempt = k.attempt)
        and (u.worker is null or u.worker = k.worker))) as ok
  from unit u left join held_topic t on t.name = u.topic left join held_task k on k.id = u.task
),
moved as (
  update topic set seq = topic.seq + jsonb_array_length(v.events), closed = v.close
  from verdict v where v.ok and topic.name = v.topic
),
noted as (
  insert into event (topic, seq, type, at, payload)
  select v.topic, v.base_was + e.idx, e.value->>'type', v.at,
    case when v.task is null or e.value->'payload' ? 'progress' then e.value->'payload'
      else (e.value->'payload') || jsonb_build_object('progress', v.progress_was) end
  from verdict v cross join lateral jsonb_array_elements(v.events) with ordinality as e(value, idx)
  where v.ok
),
changed as (
  update task set
    status = coalesce(v.set->>'status', task.status),
    attempt = coalesce((v.set->>'attempt')::int, task.attempt),
    progress = coalesce(v.set->'progress', task.progress),
    result = coalesce(v.set->'result', task.result),
    error = case when v.set ? 'error' then nullif(v.set->'error', 'null'::jsonb) else task.error end,
    cancel_reason = coalesce(v.set->>'cancelReason', task.cancel_reason),
    worker = case when v.set ? 'worker' then v.set->>'worker' else task.worker end,
    lease_until = case when v.set ? 'leaseMs' then v.at + (v.set->>'leaseMs')::float8 * interval '1 ms' else task.lease_until end,
    next_attempt_at = case when v.set ? 'nextAttemptInMs' then v.at + (v.set->>'nextAttemptInMs')::float8 * interval '1 ms' else task.next_attempt_at end,
    started_at = case when v.set->>'status' = 'RUNNING' then coalesce(task.started_at, v.at) else task.started_at end,
    finished_at = case when v.close then v.at else task.finished_at end
  from verdict v where v.ok and v.set <> '{}'::jsonb and task.id = v.task
),
parts as (
  insert into task_item (task_id, key, position, label, status, percent, error)
  select v.task, i.key, i.position, i.label, i.status, i.percent, i.error
  from verdict v cross join lateral jsonb_to_recordset(v.items)
    as i(key text, position int, label text, status text, percent real, error jsonb)
  where v.ok and v.items is not null
  on conflict (task_id, key) do update
    set status = excluded.status, percent = excluded.percent, error = excluded.error, label = excluded.label
)
select ord, ok, base_was as base, at, status_was as status, attempt_was as attempt,
  case when task is not null then progress_was end as progress
from verdict order by ord`

/**
 * Settings of the connections that append: the statement is planned once, when tables may be nearly empty, and a plan
 * that scans them would be kept while they grow. Index lookups are right at any size.
 */
export const appendConnectionOptions = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off'
