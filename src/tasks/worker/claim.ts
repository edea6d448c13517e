import { setTimeout as delay } from 'node:timers/promises'
import { type Database, withTransaction } from '../../db/connect.ts'
import type { Appender } from '../../log/append.ts'
import { appendInTransaction } from '../../log/append-in-transaction.ts'
import type { AppendRequest, AppendResult } from '../../log/append-request.ts'
import { isTransient } from '../model/failure.ts'
import { type AttemptState, beginAttempt } from '../model/progress.ts'
import type { TaskSnapshotState, TaskStore } from '../model/store.ts'
import { type Task, type TaskItem, taskTopic } from '../model/task.ts'
import type { RateLimit, TaskDefinition } from '../model/task-definition.ts'
import { limitedKeys, mayStart, rateKey, rateValues } from '../queue/rate-limit.ts'

/** A task that this worker has claimed, for one attempt. */
export interface Claim {
  readonly task: Task
  readonly attempt: number
  readonly state: AttemptState
  /** The topic's seq after `TaskStarted`. */
  readonly seq: number
  /**
   * Time in the queue before the first attempt, by the database's clock; null for later attempts.
   */
  readonly waitedMs: number | null
}

/**
 * One try is lost for each claim that another process wins; this many lost in a row are no
 * coincidence.
 */
const maxTries = 50
/** Interval between reads of the task after a claim with an unknown outcome. */
const recallMs = 250

/** The options of {@link claimNext}. */
interface ClaimOptions {
  readonly database: Database
  readonly store: TaskStore
  readonly appender: Appender
  readonly worker: string
  readonly leaseMs: number
}

/**
 * Claims the next task of a kind: one whose retry is due, else the first in the queue, among the
 * tasks of owners below the limit of running tasks.
 *
 * Candidates are read without a lock and claimed by the guard of the append: of several workers
 * that want the same task, one is accepted and the others look again. (A `for update skip locked`
 * would lock the task's row before its topic's row, and every other writer locks them in the
 * opposite order.)
 *
 * @returns null when no waiting task may run
 */
export async function claimNext(
  options: ClaimOptions,
  { kind, stages, perUser = null, rateLimit }: Pick<TaskDefinition, 'kind' | 'stages' | 'perUser' | 'rateLimit'>,
): Promise<Claim | null> {
  const { database, store, appender, worker, leaseMs } = options
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const id = await findCandidate(database, kind, perUser, rateLimit)
    if (id === null) return null
    const snapshot = await store.snapshot(id)
    if (snapshot === null) continue
    const { task } = snapshot.state
    if (task.status !== 'QUEUED' && task.status !== 'RETRYING') continue
    const items = await readItems(store, snapshot.state)
    const state = beginAttempt(items, (task.startedAt ?? new Date()).toISOString(), stages !== undefined)
    const next = task.attempt + 1
    const request: AppendRequest & Required<Pick<AppendRequest, 'task'>> = {
      topic: taskTopic(id),
      ...(task.trace === null ? {} : { trace: task.trace }),
      events: [{ type: 'TaskStarted', payload: { status: 'RUNNING', progress: state.progress, attempt: next } }],
      task: {
        id,
        expect: ['QUEUED', 'RETRYING'],
        attempt: task.attempt,
        set: { status: 'RUNNING', attempt: next, worker, leaseMs, progress: { ...state.progress }, error: null },
        ...(items.length > 0 ? { resetItems: true } : {}),
      },
    }
    const append = await appendOrRecall(options, request, next, () =>
      perUser === null && rateLimit === undefined
        ? appender.append(request)
        : appendWithin(options, task, { perUser, rateLimit }, request),
    )
    if (append === null) continue
    const waitedMs =
      next === 1 && append.startedAt !== null ? append.startedAt.getTime() - task.createdAt.getTime() : null
    return { task: { ...task, attempt: next }, attempt: next, state, seq: append.seq, waitedMs }
  }
  return null
}

/** The number of items that one query reads for an attempt. */
const itemsPerQuery = 20_000

/**
 * Returns all items of a waiting task. They change only while the task is running, so that those read after the first page agree with
 * it if the claim is accepted.
 */
async function readItems(
  store: Pick<TaskStore, 'items'>,
  { task, items: firstPage }: TaskSnapshotState,
): Promise<readonly TaskItem[]> {
  const items = [...firstPage]
  while (items.length < task.progress.totalItems) {
    const [page] = await store.items([{ taskId: task.id, first: itemsPerQuery, afterKey: items.at(-1)?.key }])
    if (page === undefined || page instanceof Error || page.length === 0) break
    for (const item of page) items.push(item)
  }
  return items
}

/**
 * Appends the claim. If the database did not answer, the claim may still have been committed, and
 * the task would then wait for the lease of a worker that does not know it holds it. So the task is
 * read until the outcome is known, for at most the duration of the lease.
 *
 * @returns null when this worker does not hold the task
 * @throws the error of the append, when the outcome stays unknown
 */
async function appendOrRecall(
  { store, worker, leaseMs }: ClaimOptions,
  request: AppendRequest & Required<Pick<AppendRequest, 'task'>>,
  attempt: number,
  append: () => Promise<AppendResult | null>,
): Promise<{ readonly seq: number; readonly startedAt: Date | null } | null> {
  const { id } = request.task
  try {
    const result = await append()
    if (!result?.accepted) return null
    const startedAt = result.events[0]?.at
    return { seq: result.seq, startedAt: startedAt === undefined ? null : new Date(startedAt) }
  } catch (error) {
    if (!isTransient(error)) throw error
    const deadline = performance.now() + leaseMs
    while (performance.now() < deadline) {
      await delay(recallMs, undefined, { ref: false })
      const task = await store.get(id).catch(() => undefined)
      if (task === undefined) continue
      const isOurs = task?.status === 'RUNNING' && task.worker === worker && task.attempt === attempt
      return isOurs ? { seq: task.seq, startedAt: task.startedAt } : null
    }
    throw error
  }
}

/**
 * Appends while no other claim for the same owner and kind is in progress, or none of a kind with a rate limit, so that the limits are
 * exact. The locks are not row locks, and no transaction that holds row locks waits for them.
 *
 * @returns null when a limit was reached in the meantime
 */
async function appendWithin(
  { database, appender }: ClaimOptions,
  task: Task,
  { perUser, rateLimit }: { readonly perUser: number | null; readonly rateLimit: RateLimit | undefined },
  request: AppendRequest,
): Promise<AppendResult | null> {
  const { kind, owner } = task
  return withTransaction(database, async (client) => {
    if (rateLimit !== undefined && !(await mayStart(client, task, rateLimit))) return null
    if (perUser === null) return appendInTransaction(appender, client, request)
    await client.query(`select pg_advisory_xact_lock(hashtextextended('tidings.run ' || $1 || ' ' || $2, 0))`, [
      kind,
      owner,
    ])
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from tidings.task where status = 'RUNNING' and kind = $1 and owner = $2`,
      [kind, owner],
    )
    return (rows[0]?.count ?? 0) < perUser ? appendInTransaction(appender, client, request) : null
  })
}

const createCandidateStatement = (rate: { readonly limited: string; readonly mayStart: string }): string => /* sql */ `
  with busy as materialized (
    select owner from tidings.task where status = 'RUNNING' and kind = $1 group by owner having count(*) >= $2::int
  )${rate.limited}
  (select id from tidings.task where status = 'RETRYING' and kind = $1 and next_attempt_at <= now()
     and owner not in (select owner from busy)${rate.mayStart} order by next_attempt_at limit 1)
  union all
  (select id from tidings.task where status = 'QUEUED' and kind = $1
     and owner not in (select owner from busy)${rate.mayStart} order by queue_key, id limit 1)
  limit 1`

const candidateStatement = createCandidateStatement({ limited: '', mayStart: '' })
const limitedCandidateStatement = createCandidateStatement({
  limited: `, ${limitedKeys(3)}`,
  mayStart: ` and ${rateKey(3)} not in (select key from limited)`,
})

/**
 * Returns the id of the task of a kind to run next; null when there is none.
 *
 * A task of an owner with `perUser` tasks already running is skipped until one of those ends, and one that has reached its rate limit
 * until the limit allows its start. It keeps its place in the queue; tasks behind it only take the slots that it may not use.
 */
export async function findCandidate(
  { pool }: Pick<Database, 'pool'>,
  kind: string,
  perUser: number | null,
  rateLimit?: RateLimit,
): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(
    rateLimit === undefined
      ? { name: 'tidings-candidate', text: candidateStatement, values: [kind, perUser] }
      : {
          name: 'tidings-candidate-limited',
          text: limitedCandidateStatement,
          values: [kind, perUser, ...rateValues(rateLimit)],
        },
  )
  return rows[0]?.id ?? null
}
