import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import type { JsonObject, TaskStatus } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { Appended, AppendUnit } from './append.ts'
import { type LogEvent, toInstant } from './event.ts'

const itemsStep = /* sql */ `,
parts as (
  insert into task_item (task_id, key, position, label, status, percent, error)
  select v.task, i.key, i.position, i.label, i.status, i.percent, i.error
  from verdict v cross join lateral jsonb_to_recordset(v.items)
    as i(key text, position int, label text, status text, percent real, error jsonb)
  where v.ok and v.items is not null
  on conflict (task_id, key) do update
    set status = excluded.status, percent = excluded.percent, error = excluded.error, label = excluded.label
)`

/**
 * The one statement through which everything enters the log.
 *
 * In:  $1 jsonb, an array of units `{ topic, base?, close?, events: [{ type, payload }], task?, expect?, attempt?, worker?, set?,
 *      told?, items? }`, each topic and each task at most once; `told`: the last event's progress is the task's new one.
 * Out: one row a unit, in their order: `ok`, `base` (the topic's seq before), `at` (ms since 1970), and of the task's row before
 *      `status` and `attempt` when refused, `progress` when accepted without a new one.
 *
 * For every unit, atomically and independent of its neighbours: the guard (task's status is expected, attempt and worker
 * are the ones the writer believes in, topic open and at `base` when given), the next seqs, the events, the task's row, its items.
 * Rows are locked all topics first, then all tasks, each in the order of their names, so statements never deadlock with each
 * other nor with the heartbeat, which locks tasks in the same order. The two sorts see to that: each takes in all rows, and
 * with them their locks, before it hands on the first. A locked row is read in its newest version, so the guard is never
 * decided on what the statement's snapshot saw.
 *
 * Rows are looked up one by one (lateral): joins between the steps would compare every unit with every other. Starting a
 * step costs as much as several units, so the one for items is there only when there are any.
 */
const createStatement = (hasItems: boolean): string => /* sql */ `
with unit as materialized (
  select * from rows from (
    jsonb_to_recordset($1::jsonb) as (topic text, base bigint, close boolean, events jsonb,
      task text, expect jsonb, attempt int, worker text, set jsonb, told boolean, items jsonb)
  ) with ordinality as u(topic, base, close, events, task, expect, attempt, worker, set, told, items, ord)
  order by topic
),
held_topic as materialized (
  select u.*, t.seq as base_was, t.closed
  from unit u left join lateral (select seq, closed from topic where name = u.topic for no key update) t on true
  order by u.task
),
verdict as materialized (
  select u.ord, u.topic, u.close, u.events, u.task, u.set, u.told, u.items, u.base_was,
    k.status as status_was, k.attempt as attempt_was,
    case when u.told then u.events->-1->'payload'->'progress' else coalesce(u.set->'progress', k.progress) end as progress,
    date_trunc('milliseconds', clock_timestamp()) as at,
    coalesce(
      not u.closed and (u.base is null or u.base = u.base_was)
        and (u.task is null or (u.expect ? k.status
          and (u.attempt is null or u.attempt = k.attempt)
          and (u.worker is null or u.worker = k.worker))),
      false) as ok
  from held_topic u left join lateral (
    select status, attempt, worker, progress from task where id = u.task for no key update
  ) k on true
),
moved as (
  update topic set seq = topic.seq + jsonb_array_length(v.events), closed = coalesce(v.close, false)
  from verdict v where v.ok and topic.name = v.topic
),
noted as (
  insert into event (topic, seq, type, at, payload)
  select v.topic, v.base_was + e.idx, e.value->>'type', v.at,
    case when v.task is null or e.value->'payload' ? 'progress' then e.value->'payload'
      else (e.value->'payload') || jsonb_build_object('progress', v.progress) end
  from verdict v cross join lateral jsonb_array_elements(v.events) with ordinality as e(value, idx)
  where v.ok
),
changed as (
  update task set
    status = coalesce(v.set->>'status', task.status),
    attempt = coalesce((v.set->>'attempt')::int, task.attempt),
    max_attempts = coalesce((v.set->>'maxAttempts')::int, task.max_attempts),
    progress = v.progress,
    result = coalesce(v.set->'result', task.result),
    error = case when v.set ? 'error' then nullif(v.set->'error', 'null'::jsonb) else task.error end,
    cancel_reason = coalesce(v.set->>'cancelReason', task.cancel_reason),
    worker = case when v.set ? 'worker' then v.set->>'worker' else task.worker end,
    lease_until = case when v.set ? 'leaseMs' then v.at + (v.set->>'leaseMs')::float8 * interval '1 ms' else task.lease_until end,
    next_attempt_at = case when v.set ? 'nextAttemptInMs' then v.at + (v.set->>'nextAttemptInMs')::float8 * interval '1 ms' else task.next_attempt_at end,
    started_at = case when v.set->>'status' = 'RUNNING' then coalesce(task.started_at, v.at) else task.started_at end,
    finished_at = case when v.close then v.at else task.finished_at end
  from verdict v where v.ok and (v.set is not null or v.close) and task.id = v.task

)${hasItems ? itemsStep : ''}
select ok, base_was as base, (extract(epoch from at) * 1000)::float8 as at,
  case when not ok then status_was end as status, case when not ok then attempt_was end as attempt,
  case when ok and task is not null and not coalesce(told, set ? 'progress', false) then progress end as progress
from verdict order by ord`

const statements = { plain: createStatement(false), items: createStatement(true) }

/**
 * Settings of the connections that append: the statement is planned once, when tables may be nearly empty, and a plan
 * that scans them would be kept while they grow. Index lookups are right at any size.
 */
export const appendConnectionOptions = '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off'

interface VerdictRow {
  ok: boolean
  base: number | null
  at: number
  status: TaskStatus | null
  attempt: number | null
  progress: JsonObject | null
}

/**
 * Runs the statement for units of which no two have a topic or a task in common.
 *
 * @param options.isPrepared - whether the connection will run it again, so that planning it once pays
 * @returns what became of each, in their order
 */
export async function runAppend(
  client: pg.ClientBase,
  units: readonly AppendUnit[],
  { isPrepared }: { isPrepared: boolean },
): Promise<readonly Appended[]> {
  const text = JSON.stringify(units.map(toWire))
  const variant = units.some((unit) => unit.task?.items !== undefined) ? 'items' : 'plain'
  const query = { text: statements[variant], values: [text] }
  const { rows } = await client.query<VerdictRow>(isPrepared ? { ...query, name: `tidings-append-${variant}` } : query)
  return units.map((unit, index) => {
    const row = rows[index]
    if (row === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${unit.topic}" was not answered`)
    return toAppended(unit, row)
  })
}

function toWire({ task, ...unit }: AppendUnit): object {
  if (task === undefined) return unit
  const { id, set, ...rest } = task
  const told = unit.events.at(-1)?.payload['progress']
  // Progress is most of an append's bytes, and is nearly always in both: parsed once, an append costs a tenth less.
  if (set?.progress === undefined || !isDeepStrictEqual(told, set.progress)) return { ...unit, ...rest, set, task: id }
  return { ...unit, ...rest, set: { ...set, progress: undefined }, told: true, task: id }
}

function toAppended(unit: AppendUnit, row: VerdictRow): Appended {
  const { base } = row
  if (!row.ok || base === null) return { accepted: false, status: row.status, attempt: row.attempt, seq: base }
  const at = toInstant(new Date(row.at))
  const progress = unit.task?.set?.progress ?? row.progress
  const events = unit.events.map(
    ({ type, payload }, index): LogEvent => ({
      topic: unit.topic,
      seq: base + index + 1,
      type,
      at,
      payload: unit.task && !('progress' in payload) ? { ...payload, progress } : payload,
    }),
  )
  return { accepted: true, events, seq: base + events.length }
}

/**
 * Looks whether a unit that was refused had been written before, by the statement whose connection broke.
 *
 * @returns how it was accepted then; null when something else stands in its place, or nothing
 */
export async function recallAppend(
  client: pg.ClientBase,
  { topic, base, events, task }: AppendUnit,
): Promise<Appended | null> {
  if (base === undefined) return null
  const { rows } = await client.query<{ seq: number; type: string; at: Date; payload: JsonObject }>(
    'select seq, type, at, payload from event where topic = $1 and seq > $2 and seq <= $2 + $3 order by seq',
    [topic, base, events.length],
  )
  const isOurs = events.every(({ type, payload }, index) => {
    const row = rows[index]
    if (row?.type !== type) return false
    const wanted = JSON.parse(JSON.stringify(payload)) as JsonObject
    // The statement adds the progress where the writer left it out.
    return isDeepStrictEqual(
      row.payload,
      task && !('progress' in wanted) ? { ...wanted, progress: row.payload['progress'] } : wanted,
    )
  })
  if (!isOurs) return null
  return {
    accepted: true,
    events: rows.map(({ seq, type, at, payload }) => ({ topic, seq, type, at: toInstant(at), payload })),
    seq: base + events.length,
  }
}
