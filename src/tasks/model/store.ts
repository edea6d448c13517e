import { createBatchLoader } from '../../async/batch-loader.ts'
import type { Database } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import { itemPageSize } from './item-table.ts'
import { type ItemStatus, type Task, type TaskItem, type TaskStatus, taskTopic } from './task.ts'

/** Reads tasks from the database. Single reads requested in the same tick share a query. */
export interface TaskStore {
  get(id: string): Promise<Task | null>
  /** In the order of `ids`; null for tasks that do not exist. */
  getMany(ids: readonly string[]): Promise<readonly (Task | null)[]>
  /**
   * Returns pages of items, each in the stable order of its task; empty for a task that does not exist. Instead of a page after an
   * unknown item there is an error: TidingsError `BAD_INPUT`.
   */
  items(pages: readonly ItemPage[]): Promise<readonly (readonly TaskItem[] | TidingsError)[]>
  /**
   * Returns a task with its first items and its topic's seq, all read at the same moment.
   * @param first - the maximum number of items; {@link itemPageSize} by default
   */
  snapshot(id: string, first?: number): Promise<TaskSnapshot | null>
  /**
   * Lists an owner's tasks, newest first. `before` is the last task of the previous page; `only`
   * restricts the list to tasks with one of some ids, or about some subjects.
   */
  list(options: {
    readonly owner: string
    readonly only?: { readonly ids: readonly string[]; readonly subjects: readonly string[] } | undefined
    readonly statuses?: readonly TaskStatus[] | undefined
    readonly kinds?: readonly string[] | undefined
    /** Adds to `kinds` all kinds that are not one of these. */
    readonly otherThan?: readonly string[] | undefined
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

/** The range of items that {@link TaskStore.items} reads. */
export interface ItemPage {
  readonly taskId: string
  /** The maximum number of items. */
  readonly first: number
  /** The key of the item that precedes the page; by default the page begins with the first item. */
  readonly afterKey?: string | null | undefined
  /** Only items with one of these statuses; by default all. */
  readonly statuses?: readonly ItemStatus[] | null | undefined
}

/** The state of a task, and the seq at which it is valid. */
interface TaskSnapshot {
  readonly seq: number
  /** Whether no event can follow. */
  readonly isLast: boolean
  readonly state: TaskSnapshotState
}

/** The parts of a task snapshot. */
export interface TaskSnapshotState {
  readonly task: Task
  /** The first items; `task.progress` has the number of all. */
  readonly items: readonly TaskItem[]
}

/** The columns of {@link taskSource}, named as the properties of a task. */
const taskColumns = `k.id, k.kind, k.status, k.owner, k.subject, k.input, k.attempt, k.max_attempts as "maxAttempts", k.attempts, k.progress,
  k.result, k.error, k.cancel_reason as "cancelReason", k.retry_of as "retryOf", k.trace, k.variant, k.size, k.worker,
  k.next_attempt_at as "nextAttemptAt", k.created_at as "createdAt", k.started_at as "startedAt", k.finished_at as "finishedAt", t.seq`
const taskSource = `tidings.task k join tidings.topic t on t.name = 'task:' || k.id`

// The positions of a task's items are 0, 1, 2 … without gaps, so a page is a range of positions: whichever plan PostgreSQL chooses,
// it reads no more rows. An `order by` with a `limit` alone was planned as a sort of all items. The index is on `task_id || ''`:
// see migration 0030. The item before a page is found by a subquery, as a join was planned to read all items.

/**
 * An item cannot be running when its task is not: an attempt that ended leaves the row of its last
 * item unchanged.
 */
const itemStatus = `case when i.status = 'RUNNING' and k.status <> 'RUNNING' then 'PENDING' else i.status end`

/**
 * An id with U+0000 matches nothing, but PostgreSQL would reject the whole query with all other ids
 * in it.
 */
function possibleIds(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].filter((id) => !id.includes('\0'))
}

function unknownItem({ taskId, afterKey }: Partial<ItemPage> = {}): TidingsError {
  const key = JSON.stringify((afterKey ?? '').slice(0, 80))
  return new TidingsError(
    'BAD_INPUT',
    `Task "${taskId}" has no item ${key}; \`afterKey\` takes the key of one of its items`,
  )
}

const keyOfPage = ({ taskId, first }: ItemPage): string => `${first} ${taskId}`

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
  const snapshots = createBatchLoader<ItemPage, TaskSnapshot | null>(async (pages) => {
    const distinct = new Map(pages.map((page) => [keyOfPage(page), page]))
    const possiblePages = [...distinct.values()].filter(({ taskId }) => !taskId.includes('\0'))
    // One statement, so that rows, items and seqs are consistent.
    const { rows } = await pool.query<Task & { items: TaskItem[] | null; first: number; closed: boolean }>({
      name: 'tidings-snapshots',
      text: `select ${taskColumns}, s.first, t.closed, (
          select jsonb_agg(jsonb_build_object('key', i.key, 'position', i.position, 'label', i.label, 'status', ${itemStatus},
            'percent', i.percent, 'error', i.error) order by i.position)
          from tidings.task_item i where i.task_id || '' = k.id and i.position < s.first
        ) as items
        from unnest($1::text[], $2::int[]) as s(id, first) join tidings.task k on k.id = s.id join tidings.topic t on t.name = 'task:' || k.id`,
      values: [possiblePages.map(({ taskId }) => taskId), possiblePages.map(({ first }) => first)],
    })
    // Many concurrent reads of the same task share one object.
    const tasksById = new Map(
      rows.map(({ items, first, closed, ...task }) => [
        keyOfPage({ taskId: task.id, first }),
        { seq: task.seq, isLast: closed, state: { task, items: items ?? [] } },
      ]),
    )
    return pages.map((page) => tasksById.get(keyOfPage(page)) ?? null)
  })

  return {
    get,
    getMany: (ids) => Promise.all(ids.map(get)),
    async items(pages) {
      // Like an id, a key with U+0000 exists nowhere.
      const unknown = new Set(
        pages.flatMap(({ afterKey }, index) => (afterKey?.includes('\0') === true ? [index] : [])),
      )
      const possiblePages = pages.map((page, index) =>
        unknown.has(index) || page.taskId.includes('\0') ? { ...page, taskId: '', afterKey: null } : page,
      )
      const { rows } = await pool.query<TaskItem & { page: number; key: string | null; isUnknown: boolean }>({
        name: 'tidings-items',
        text: `select p.page::int, p.after_key is not null and a.position is null as "isUnknown", i.*
          from unnest($1::text[], $2::int[], $3::text[], $4::text[]) with ordinality as p(task_id, first, after_key, statuses, page)
            join tidings.task k on k.id = p.task_id
            cross join lateral (
              select (select position from tidings.task_item where task_id = p.task_id and key = p.after_key) as position offset 0
            ) a
            left join lateral (
              select i.key, i.position, i.label, ${itemStatus} as status, i.percent, i.error from tidings.task_item i
              where i.task_id || '' = k.id and i.position > coalesce(a.position, -1) and (p.after_key is null or a.position is not null)
                and i.position <= case when p.statuses is null then coalesce(a.position, -1) + p.first else 2147483647 end
                and (p.statuses is null or ${itemStatus} = any(string_to_array(p.statuses, ',')))
              order by i.position limit p.first
            ) i on true
          order by p.page, i.position`,
        values: [
          possiblePages.map(({ taskId }) => taskId),
          possiblePages.map(({ first }) => first),
          possiblePages.map(({ afterKey }) => afterKey ?? null),
          possiblePages.map(({ statuses }) => statuses?.join() ?? null),
        ],
      })
      const itemPages = pages.map((): TaskItem[] => [])
      for (const { page, isUnknown, ...item } of rows) {
        if (isUnknown) unknown.add(page - 1)
        if (item.key !== null) itemPages[page - 1]?.push(item)
      }
      return itemPages.map((items, index) => (unknown.has(index) ? unknownItem(pages[index]) : items))
    },
    snapshot: (taskId, first = itemPageSize) => snapshots({ taskId, first }),
    async list({ owner, only, statuses, kinds, otherThan, before, limit }) {
      const { rows } = await database.read<Task>({
        text: `select ${taskColumns} from ${taskSource}
         where k.owner = $1 and ($2::text[] is null or k.status = any($2::text[]))
           and ($3::timestamptz is null or (k.created_at, k.id) < ($3::timestamptz, $4::text))
           and ($6::text[] is null or k.id = any($6::text[]) or k.subject = any($7::text[]))
           and ($8::text[] is null or k.kind = any($8::text[]) or k.kind <> all($9::text[]))
         order by k.created_at desc, k.id desc limit $5`,
        values: [
          owner,
          statuses ?? null,
          before?.createdAt ?? null,
          before?.id ?? null,
          limit,
          only?.ids ?? null,
          only?.subjects ?? null,
          kinds ?? null,
          otherThan ?? null,
        ],
      })
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
         from tidings.event where topic = $1 and type = 'TaskOutput' and seq <= $2
           and seq > coalesce((select max(seq) from tidings.event where topic = $1 and type = 'TaskStarted' and seq <= $2), 0)
         group by 1 order by min(seq)`,
        [taskTopic(id), seq],
      )
      return rows
    },
  }
}

/** Reads a task. @throws TidingsError `NOT_FOUND` */
export async function getTask(store: Pick<TaskStore, 'get'>, id: string): Promise<Task> {
  const task = await store.get(id)
  if (task === null) throw new TidingsError('NOT_FOUND', `There is no task "${id}"`, { id })
  return task
}
