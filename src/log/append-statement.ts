import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import type { JsonObject } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { AppendRequest, AppendResult } from './append-request.ts'
import { type LogEvent, toInstant } from './event.ts'

const itemsStep = /* sql */ `,
parts as (
  insert into tidings.task_item (task_id, key, position, label, status, percent, error)
  select a.task, i.key, i.position, i.label, i.status, i.percent, i.error
  from accepted a cross join lateral jsonb_to_recordset(a.items)
    as i(key text, position int, label text, status text, percent real, error jsonb)
  where a.items is not null
  on conflict (task_id, key) do update
    set status = excluded.status, percent = excluded.percent, error = excluded.error, label = excluded.label
)`

const resetStep = /* sql */ `,
reset as (
  update tidings.task_item i set status = 'PENDING', percent = 0, error = null
  from accepted a
  where a.reset and i.task_id = a.task and i.status not in ('COMPLETED', 'SKIPPED')
    and (i.status <> 'PENDING' or i.percent <> 0 or i.error is not null)
)`

/**
 * The single statement that writes to the log.
 *
 * - Input: $1 jsonb, an array of requests
 *   `{ topic, base?, close?, events: [{ type, payload }], task?, expect?, attempt?, worker?, set?, reported?, items?, reset? }`
 *   in which each topic and each task occurs at most once. `reported`: the progress of the last event
 *   is the task's new progress.
 * - Output: one row per accepted request: `ord` (its index, from 1), the `epoch` of the log, `base`
 *   (the previous seq of the topic), `at` (ms since 1970), and `progress` of the task unless its events
 *   contain it. Rejected requests have no row: see {@link explainRefusals}.
 *
 * Appends nothing while the epoch is that of another timeline: events that follow a failover must not
 * be taken for a continuation of the log that subscribers have seen, so {@link runAppend} renews it
 * first.
 *
 * Performs for every request, atomically and independently of the others: the guard (the topic is
 * open and at `base` if given; the task has an expected status, and the attempt and worker that the
 * writer expects), the next seqs, the events, the task's row, its items.
 *
 * Locks rows in a fixed order, first all topics, then all tasks, each sorted by name, so that
 * statements never deadlock with each other or with the heartbeat, which locks tasks in the same
 * order. The two sorts ensure this: each consumes all its input rows, and thereby acquires their
 * locks, before it emits the first. A topic's row is read when it is locked; a task's guard is the
 * condition of its update, which PostgreSQL re-evaluates on the newest version after waiting for a
 * lock. Neither decision is ever based on the snapshot of the statement.
 *
 * Rows are looked up individually: joins between the steps would compare every request with every
 * other. Starting a step costs as much as several requests, so the steps for items are included
 * only if a request needs them.
 */
const createStatement = (...itemSteps: readonly string[]): string => /* sql */ `
with request as materialized (
  select * from rows from (
    jsonb_to_recordset($1::jsonb) as (topic text, base bigint, close boolean, events jsonb,
      task text, expect jsonb, attempt int, worker text, set jsonb, reported boolean, items jsonb, reset boolean)
  ) with ordinality as u(topic, base, close, events, task, expect, attempt, worker, set, reported, items, reset, ord)
  where (select split_part(value, ':', 2) = tidings.log_timeline() from tidings.meta where key = 'origin')
  order by topic
),
held as materialized (
  select u.*, t.seq as base_was, date_trunc('milliseconds', clock_timestamp()) as at,
    not t.closed and (u.base is null or u.base = t.seq) as open
  from request u left join lateral (select seq, closed from tidings.topic where name = u.topic for no key update) t on true
  order by u.task
),
changed as (
  update tidings.task set
    status = coalesce(h.set->>'status', task.status),
    attempt = coalesce((h.set->>'attempt')::int, task.attempt),
    attempts = case
      when h.set ? 'attempt' then task.attempts || jsonb_build_object('attempt', h.set->'attempt', 'startedAt', h.at)
      when h.set ? 'attemptEnd' and jsonb_array_length(task.attempts) > 0 and not (task.attempts->-1) ? 'outcome'
        then jsonb_set(task.attempts, '{-1}', (task.attempts->-1) || (h.set->'attemptEnd') || jsonb_build_object('finishedAt', h.at))
      else task.attempts
    end,
    progress = case when h.reported then h.events->-1->'payload'->'progress' else coalesce(h.set->'progress', task.progress) end,
    result = coalesce(h.set->'result', task.result),
    error = case when h.set ? 'error' then nullif(h.set->'error', 'null'::jsonb) else task.error end,
    cancel_reason = coalesce(h.set->>'cancelReason', task.cancel_reason),
    worker = case when h.set ? 'worker' then h.set->>'worker' else task.worker end,
    lease_until = case when h.set ? 'leaseMs' then h.at + (h.set->>'leaseMs')::float8 * interval '1 ms' else task.lease_until end,
    next_attempt_at = case when h.set ? 'nextAttemptInMs' then h.at + (h.set->>'nextAttemptInMs')::float8 * interval '1 ms' else task.next_attempt_at end,
    started_at = case when h.set->>'status' = 'RUNNING' then coalesce(task.started_at, h.at) else task.started_at end,
    finished_at = case when h.close then h.at else task.finished_at end
  from held h
  where h.open and task.id = h.task and h.expect ? task.status
    and (h.attempt is null or h.attempt = task.attempt)
    and (h.worker is null or h.worker = task.worker)
  returning h.ord, h.topic, h.close, h.events, h.items, h.reset, h.base_was, h.at, h.task, task.progress,
    coalesce(h.reported, h.set ? 'progress', false) as is_known
),
accepted as (
  select * from changed
  union all
  select ord, topic, close, events, items, reset, base_was, at, task, null, true from held where open and task is null
),
moved as (
  update tidings.topic set seq = topic.seq + jsonb_array_length(a.events), closed = coalesce(a.close, false)
  from accepted a where topic.name = a.topic
),
noted as (
  insert into tidings.event (topic, seq, type, at, payload)
  select a.topic, a.base_was + e.idx, e.value->>'type', a.at,
    case when a.progress is null or e.value->'payload' ? 'progress' then e.value->'payload'
      else (e.value->'payload') || jsonb_build_object('progress', a.progress) end
  from accepted a cross join lateral jsonb_array_elements(a.events) with ordinality as e(value, idx)
)${itemSteps.join('')}
select ord::int, (select value from tidings.meta where key = 'epoch') as epoch, base_was as base,
  (extract(epoch from at) * 1000)::float8 as at,
  case when not is_known then progress end as progress
from accepted`

const statements = {
  plain: createStatement(),
  items: createStatement(itemsStep),
  reset: createStatement(resetStep),
  both: createStatement(itemsStep, resetStep),
}

/**
 * Settings of the connections that append. The statement is planned once, possibly while the tables
 * are nearly empty, and a plan with sequential scans would be kept while they grow; index lookups
 * are right at any size. A topic locked by another transaction delays the other topics of the same
 * statement by at most one second.
 */
export const appendConnectionOptions =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c lock_timeout=1000'

interface AcceptedRow {
  ord: number
  epoch: string
  base: number
  at: number
  progress: JsonObject | null
}

/**
 * Runs the statement for requests of which no two share a topic or a task.
 *
 * @param options.isPrepared - whether the connection will run it again, so that it is worth
 * preparing
 * @returns the outcome of each request, in the order of `requests`
 */
export async function runAppend(
  client: pg.ClientBase,
  requests: readonly AppendRequest[],
  { isPrepared }: { isPrepared: boolean },
): Promise<readonly AppendResult[]> {
  const text = JSON.stringify(requests.map(toWire))
  const hasItems = requests.some(({ task }) => task?.items !== undefined)
  const hasReset = requests.some(({ task }) => task?.resetItems === true)
  const variant = hasItems ? (hasReset ? 'both' : 'items') : hasReset ? 'reset' : 'plain'
  const query = { text: statements[variant], values: [text] }
  const run = () => client.query<AcceptedRow>(isPrepared ? { ...query, name: `tidings-append-${variant}` } : query)
  let { rows } = await run()
  if (rows.length === 0) {
    // Perhaps the timeline had changed. Whether it still has says nothing: another connection may have renewed the epoch meanwhile.
    await client.query('select tidings.log_epoch()')
    ;({ rows } = await run())
  }
  const results: AppendResult[] = []
  for (const row of rows) {
    const request = requests[row.ord - 1]
    if (request !== undefined) results[row.ord - 1] = toResult(request, row)
  }
  return rows.length === requests.length ? results : await explainRefusals(client, requests, results)
}

/** Returns all outcomes, adding the current state of topic and task for the rejected requests. */
async function explainRefusals(
  client: pg.ClientBase,
  requests: readonly AppendRequest[],
  results: readonly (AppendResult | undefined)[],
): Promise<readonly AppendResult[]> {
  const { rows } = await client.query<Omit<Extract<AppendResult, { accepted: false }>, 'accepted'>>(
    `select k.status, k.attempt, t.seq
    from unnest($1::text[], $2::text[]) with ordinality as u(topic, task, ord)
    left join tidings.topic t on t.name = u.topic left join tidings.task k on k.id = u.task order by u.ord`,
    [requests.map(({ topic }) => topic), requests.map(({ task }) => task?.id ?? null)],
  )
  return requests.map((request, index) => {
    const row = rows[index]
    if (row === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${request.topic}" was not answered`)
    return results[index] ?? { accepted: false, ...row }
  })
}

function toWire({ task, trace: _trace, ...request }: AppendRequest): object {
  if (task === undefined) return request
  const { id, set, resetItems, ...others } = task
  const rest = { ...others, ...(resetItems === true ? { reset: true } : {}) }
  const eventProgress = request.events.at(-1)?.payload['progress']
  // Progress is most of an append's bytes and nearly always in both places: parsing it once makes
  // an append 10 % cheaper.
  if (set?.progress === undefined || !isDeepStrictEqual(eventProgress, set.progress))
    return { ...request, ...rest, set, task: id }
  return { ...request, ...rest, set: { ...set, progress: undefined }, reported: true, task: id }
}

function toResult(request: AppendRequest, row: AcceptedRow): AppendResult {
  const { base, epoch } = row
  const at = toInstant(new Date(row.at))
  const progress = request.task?.set?.progress ?? row.progress
  const events = request.events.map(
    ({ type, payload }, index): LogEvent => ({
      topic: request.topic,
      seq: base + index + 1,
      type,
      at,
      payload: request.task && !('progress' in payload) ? { ...payload, progress } : payload,
      ...(request.trace === undefined ? {} : { trace: request.trace }),
    }),
  )
  return { accepted: true, events, seq: base + events.length, epoch }
}

/**
 * Checks whether a rejected request was already written by the statement whose connection broke.
 *
 * @returns the accepted outcome; null if other events, or none, are at its position
 */
export async function recallAppend(
  client: pg.ClientBase,
  { topic, base, events, task }: AppendRequest,
): Promise<AppendResult | null> {
  if (base === undefined) return null
  const { rows } = await client.query<{ epoch: string; seq: number; type: string; at: Date; payload: JsonObject }>(
    `select (select value from tidings.meta where key = 'epoch') as epoch, seq, type, at, payload
    from tidings.event where topic = $1 and seq > $2 and seq <= $2 + $3 order by seq`,
    [topic, base, events.length],
  )
  const isOurs = events.every(({ type, payload }, index) => {
    const row = rows[index]
    if (row?.type !== type) return false
    const expectedPayload = JSON.parse(JSON.stringify(payload)) as JsonObject
    // The statement adds the progress if the writer omitted it.
    return isDeepStrictEqual(
      row.payload,
      task && !('progress' in expectedPayload)
        ? { ...expectedPayload, progress: row.payload['progress'] }
        : expectedPayload,
    )
  })
  const epoch = rows[0]?.epoch
  if (!isOurs || epoch === undefined) return null
  return {
    accepted: true,
    events: rows.map(({ seq, type, at, payload }) => ({ topic, seq, type, at: toInstant(at), payload })),
    seq: base + events.length,
    epoch,
  }
}
