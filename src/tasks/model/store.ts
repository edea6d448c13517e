import { createBatchLoader } from '../../async/batch-loader.ts'
import type { Database } from '../../db/connect.ts'
import { type Task, type TaskItem, type TaskStatus, taskTopic } from './task.ts'

/** Reads tasks from the database. Single reads requested in the same tick share a query. */
export interface TaskStore {
  get(id: string): Promise<Task | null>
  /** In the order of `ids`; null for tasks that do not exist. */
  getMany(ids: readonly string[]): Promise<readonly (Task | null)[]>
  /** Returns the items of several tasks, each list in its stable order. */
  items(ids: readonly string[]): Promise<readonly (readonly TaskItem[])[]>
  /** Returns a task with its items and its topic's seq, all read at the same moment. */
  snapshot(id: string): Promise<TaskSnapshot | null>
  /**
   * Lists an owner's tasks, newest first. `before` is the last task of the previous page; `only`
   * restricts the list to tasks with one of some ids, or about some subjects.
   */
  list(options: {
    readonly owner: string
    readonly only?: { readonly ids: readonly string[]; readonly subjects: readonly string[] } | undefined
    readonly statuses?: readonly TaskStatus[] | undefined
    readonly kinds?: readonly string[] | undefined
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Task[]>
  /** Returns the newest active task of each subject; null where there is none. */
  activeFor(subjects: readonly string[]): Promise<readonly (Task | null)[]>
  /**
   * Returns the text streamed so far by the task's current attempt, up to and including `seq`, in
   * the order in which the streams began.
   */
  outputs(id: string, seq: number): Promise<readonly { readonly stream: string; readonly text: string }[]>
}

/** The complete state of a task, and the seq at which it is valid. */
interface TaskSnapshot {
  readonly seq: number
  readonly state: TaskSnapshotState
}

/** The parts of a task snapshot. */
export interface TaskSnapshotState {
  readonly task: Task
  readonly items: readonly TaskItem[]
}

/** The columns of {@link taskSource}, named as the properties of a task. */
const taskColumns = `k.id, k.kind, k.status, k.owner, k.subject, k.input, k.attempt, k.max_attempts as "maxAttempts", k.attempts, k.progress,
  k.result, k.error, k.cancel_reason as "cancelReason", k.retry_of as "retryOf", k.trace, k.variant, k.size, k.worker,
  k.next_attempt_at as "nextAttemptAt", k.created_at as "createdAt", k.started_at as "startedAt", k.finished_at as "finishedAt", t.seq`
const taskSource = `task k join topic t on t.name = 'task:' || k.id`

/**
 * An item cannot be running when its task is not: an attempt that ended leaves the row of its last
 * item unchanged.
 */
const itemStatus = `case when i.status = 'RUNNING' and k.status <> 'RUNNING' then 'PENDING' else i.status end`
const itemColumns = `i.task_id, i.key, i.position, i.label, ${itemStatus} as status, i.percent, i.error`

/**
 * An id with U+0000 matches nothing, but PostgreSQL would reject the whole query with all other ids
 * in it.
 */
function possibleIds(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].filter((id) => !id.includes('\0'))
}

/** Creates the reader of tasks. */
export function createTaskStore(database: Database): TaskStore {
  const { pool } = database
  // Many concurrent reads of the same task cost one query and share one object.
  const get = createBatchLoader<string, Task | null>(async (ids) => {
    const { rows } = await pool.query<Task>({
      name: 'tidings-tasks',
      // The rows of erased tasks remain for a while, without an owner.
      text: `select ${taskColumns} from ${taskSource} where k.id = any($1::text[]) and k.owner <> ''`,
      values: [possibleIds(ids)],
    })
    const byId = new Map(rows.map((task) => [task.id, task]))
    return ids.map((id) => byId.get(id) ?? null)
  })
  const snapshot = createBatchLoader<string, TaskSnapshot | null>(async (ids) => {
    // One statement, so that rows, items and seqs are consistent.
    const { rows } = await pool.query<Task & { items: TaskItem[] | null }>({
      name: 'tidings-snapshots',
      text: `select ${taskColumns}, (
          select jsonb_agg(jsonb_build_object('key', i.key, 'position', i.position, 'label', i.label, 'status', ${itemStatus},
            'percent', i.percent, 'error', i.error) order by i.position, i.key)
          from task_item i where i.task_id = k.id
        ) as items
        from ${taskSource} where k.id = any($1::text[])`,
      values: [possibleIds(ids)],
    })
    const byId = new Map(
      rows.map(({ items, ...task }) => [task.id, { seq: task.seq, state: { task, items: items ?? [] } }]),
    )
    return ids.map((id) => byId.get(id) ?? null)
  })

  return {
    get,
    getMany: (ids) => Promise.all(ids.map(get)),
    async items(ids) {
      const { rows } = await pool.query<TaskItem & { task_id: string }>(
        `select ${itemColumns} from task_item i join task k on k.id = i.task_id
         where i.task_id = any($1::text[]) order by i.task_id, i.position, i.key`,
        [ids],
      )
      const byTask = new Map<string, TaskItem[]>(ids.map((id) => [id, []]))
      for (const { task_id, ...item } of rows) byTask.get(task_id)?.push(item)
      return ids.map((id) => byTask.get(id) ?? [])
    },
    snapshot,
    async list({ owner, only, statuses, kinds, before, limit }) {
      const { rows } = await pool.query<Task>(
        `select ${taskColumns} from ${taskSource}
         where k.owner = $1 and ($2::text[] is null or k.status = any($2::text[]))
           and ($3::timestamptz is null or (k.created_at, k.id) < ($3::timestamptz, $4::text))
           and ($6::text[] is null or k.id = any($6::text[]) or k.subject = any($7::text[]))
           and ($8::text[] is null or k.kind = any($8::text[]))
         order by k.created_at desc, k.id desc limit $5`,
        [
          owner,
          statuses ?? null,
          before?.createdAt ?? null,
          before?.id ?? null,
          limit,
          only?.ids ?? null,
          only?.subjects ?? null,
          kinds ?? null,
        ],
      )
      return rows
    },
    async activeFor(subjects) {
      const { rows } = await pool.query<Task>(
        `select distinct on (k.subject) ${taskColumns} from ${taskSource}
         where k.subject = any($1::text[]) and k.status in ('QUEUED', 'RUNNING', 'RETRYING')
         order by k.subject, k.created_at desc, k.id desc`,
        [subjects],
      )
      const bySubject = new Map(rows.map((task) => [task.subject, task]))
      return subjects.map((subject) => bySubject.get(subject) ?? null)
    },
    async outputs(id, seq) {
      const { rows } = await pool.query<{ stream: string; text: string }>(
        `select payload->>'stream' as stream, string_agg(payload->>'text', '' order by seq) as text
         from event where topic = $1 and type = 'TaskOutput' and seq <= $2
           and seq > coalesce((select max(seq) from event where topic = $1 and type = 'TaskStarted' and seq <= $2), 0)
         group by 1 order by min(seq)`,
        [taskTopic(id), seq],
      )
      return rows
    },
  }
}
