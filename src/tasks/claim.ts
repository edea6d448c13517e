import type { Database } from '../db/connect.ts'
import type { Appender } from '../log/append.ts'
import type { TaskDefinition } from './define-task.ts'
import { type AttemptState, beginAttempt } from './progress.ts'
import type { TaskStore } from './store.ts'
import { type Task, taskTopic } from './task.ts'

/** A task that is now this worker's, for one attempt. */
export interface Claim {
  readonly task: Task
  readonly attempt: number
  readonly state: AttemptState
  /** The topic's seq after `TaskStarted`. */
  readonly seq: number
  /** How long it stood in line before its first attempt, by the database's clock; null for later attempts. */
  readonly waitedMs: number | null
}

/** One try is lost for each that another process wins; this many in a row are not lost by chance. */
const maxTries = 50

/**
 * Takes the next task of a kind: one whose retry is due, else the first in line.
 *
 * Candidates are read without a lock and claimed by the guard of the append: of several workers that want the same task,
 * one is accepted and the others look again. (A `for update skip locked` would take the task's row before its topic's, and
 * every other writer takes them the other way round.)
 *
 * @returns null when nothing waits
 */
export async function claimNext(
  {
    database,
    store,
    appender,
    worker,
    leaseMs,
  }: {
    readonly database: Database
    readonly store: TaskStore
    readonly appender: Appender
    readonly worker: string
    readonly leaseMs: number
  },
  { kind, stages }: Pick<TaskDefinition, 'kind' | 'stages'>,
): Promise<Claim | null> {
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const id = await findCandidate(database, kind)
    if (id === null) return null
    const found = await store.snapshot(id)
    if (found === null) continue
    const { task, items } = found.state
    if (task.status !== 'QUEUED' && task.status !== 'RETRYING') continue
    const state = beginAttempt(items, (task.startedAt ?? new Date()).toISOString(), stages !== undefined)
    const next = task.attempt + 1
    const appended = await appender.append({
      topic: taskTopic(id),
      ...(task.trace === null ? {} : { trace: task.trace }),
      events: [{ type: 'TaskStarted', payload: { status: 'RUNNING', progress: state.progress, attempt: next } }],
      task: {
        id,
        expect: ['QUEUED', 'RETRYING'],
        attempt: task.attempt,
        set: { status: 'RUNNING', attempt: next, worker, leaseMs, progress: { ...state.progress }, error: null },
        ...(items.length > 0 ? { items: [...state.items.values()] } : {}),
      },
    })
    if (!appended.accepted) continue
    const startedAt = appended.events[0]?.at
    const waitedMs = next === 1 && startedAt !== undefined ? Date.parse(startedAt) - task.createdAt.getTime() : null
    return { task: { ...task, attempt: next }, attempt: next, state, seq: appended.seq, waitedMs }
  }
  return null
}

async function findCandidate(database: Database, kind: string): Promise<string | null> {
  const { rows } = await database.pool.query<{ id: string }>({
    name: 'tidings-candidate',
    text: `(select id from task where status = 'RETRYING' and kind = $1 and next_attempt_at <= now() order by next_attempt_at limit 1)
      union all
      (select id from task where status = 'QUEUED' and kind = $1 order by queue_key, id limit 1)
      limit 1`,
    values: [kind],
  })
  return rows[0]?.id ?? null
}
