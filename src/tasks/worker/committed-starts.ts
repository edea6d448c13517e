import type { PoolClient } from 'pg'
import { createKeyedQueue } from '../../async/keyed-queue.ts'
import { withTransaction } from '../../db/connect.ts'
import { createListener } from '../../db/listen.ts'
import { priorityMs } from '../queue/priority-boost.ts'
import type { TaskParts } from '../start/service.ts'

/** Maximum number of tasks taken by one statement. */
const batch = 100

/**
 * Sends the wake-ups of tasks that were started in transactions of the application, once these have committed:
 * PostgreSQL notifies every worker at the commit, and one of them takes the rows. Notifications are lost while their connection is
 * being opened again, and behind a pooler of transactions, so that rows are also looked for every `pollMs`.
 *
 * A worker that dies after it has taken rows loses their wake-ups; the sweeper repeats them.
 *
 * @param options.pollMs - milliseconds
 * @param options.onStarted - called with each kind of the tasks
 */
export function createCommittedStarts(
  options: Pick<TaskParts, 'database' | 'wakeUps' | 'definitions' | 'logger'> & {
    readonly pollMs: number
    readonly onStarted: (kind: string) => void
  },
): AsyncDisposable {
  const { database, wakeUps, definitions, logger, pollMs, onStarted } = options
  const kinds = [...definitions.keys()]
  const inTurn = createKeyedQueue()
  const disposal = new AbortController()
  const { signal } = disposal

  const takeBatch = (): Promise<readonly { readonly id: string; readonly kind: string }[]> =>
    withTransaction(database, async (client) => {
      const { rows } = await client.query<{ id: string; kind: string }>(
        `delete from tidings.started_task where task_id in (
           select task_id from tidings.started_task where kind = any($1::text[]) limit $2 for update skip locked
         ) returning task_id as id, kind`,
        [kinds, batch],
      )
      await prioritize(
        client,
        rows.filter(({ kind }) => definitions.get(kind)?.priority !== undefined),
      )
      return rows
    })
  /** Applies the priority of kinds, which a start in SQL does not know. */
  const prioritize = async (client: PoolClient, tasks: readonly { readonly id: string }[]): Promise<void> => {
    if (tasks.length === 0) return
    // A task that is locked is being claimed, and needs no priority.
    const { rows } = await client.query<{ id: string; kind: string; input: unknown }>(
      `select id, kind, input from tidings.task where id = any($1::text[]) and status = 'QUEUED' order by id for no key update skip locked`,
      [tasks.map(({ id }) => id)],
    )
    await client.query(
      `update tidings.task set queue_key = created_at - ms * interval '1 ms' from unnest($1::text[], $2::float8[]) as p(task_id, ms) where id = task_id`,
      [rows.map(({ id }) => id), rows.map((task) => priorityOf(task))],
    )
  }
  const priorityOf = ({
    id,
    kind,
    input,
  }: {
    readonly id: string
    readonly kind: string
    readonly input: unknown
  }): number => {
    const definition = definitions.get(kind)
    // An input that does not fit fails the task when it is claimed.
    const parsed = definition?.input.safeParse(input)
    if (definition === undefined || parsed?.success !== true) return 0
    try {
      return priorityMs(definition, parsed.data)
    } catch (error) {
      logger.error({ err: error, taskId: id, kind }, 'failed to read the priority of a task; using 0')
      return 0
    }
  }
  const takeAll = async (): Promise<void> => {
    for (;;) {
      const rows = await takeBatch()
      for (const kind of new Set(rows.map((row) => row.kind))) onStarted(kind)
      await Promise.all(rows.map(({ id, kind }) => wakeUps.add(kind, id, 1)))
      if (rows.length < batch) return
    }
  }
  const loggedKinds = new Set<string>()
  /** Logs each kind of waiting tasks once that no worker runs. */
  const logUnknownKinds = async (): Promise<void> => {
    const { rows } = await database.pool.query<{ kind: string }>(
      `select distinct kind from tidings.started_task
       where kind <> all($1::text[]) and not exists (select from tidings.worker where slots ? kind)`,
      [[...kinds, ...loggedKinds]],
    )
    for (const { kind } of rows) {
      loggedKinds.add(kind)
      logger.warn({ kind }, 'started tasks of a kind that no worker runs; they wait for one')
    }
  }
  let isNotified = false
  let isDue = false
  /** Takes all rows, after the run in progress: its statement may not see the latest commit. Never rejects. */
  const take = (): Promise<void> => {
    if (isDue || signal.aborted) return Promise.resolve()
    isDue = true
    return inTurn('take', async () => {
      isDue = false
      await takeAll()
      if (!isNotified) return
      isNotified = false
      await logUnknownKinds()
    }).catch((error: unknown) => logger.warn({ err: error }, 'failed to take started tasks; retrying'))
  }

  const takeNotified = (): void => {
    isNotified = true
    void take()
  }

  const listener = createListener({
    database,
    channel: 'tidings.started',
    logger,
    // For commits before it listened.
    onListening: takeNotified,
    onNotification: takeNotified,
  })
  const timer = setInterval(() => void take(), pollMs).unref()

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    disposal.abort()
    clearInterval(timer)
    await inTurn('take', () => Promise.resolve())
    await listener[Symbol.asyncDispose]()
  }
  return {
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}
