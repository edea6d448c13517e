import type { Database } from '../../db/connect.ts'
import { activeTasks } from './active-tasks.ts'

/**
 * Figures of the queue of one kind: the same in every process, as they are read from the database.
 */
export interface QueueStatistics {
  /** Tasks that wait for their first attempt. */
  readonly waiting: number
  /** Waiting time of the task that has waited longest; 0 when none waits. */
  readonly oldestSeconds: number
  /** Tasks that wait for another attempt. */
  readonly retrying: number
  /** Running tasks, in any process. */
  readonly running: number
}

const noStatistics: QueueStatistics = { waiting: 0, oldestSeconds: 0, retrying: 0, running: 0 }

/**
 * Reads the figures of all `kinds`; a kind with an empty queue is included with zeros, kinds that
 * are not listed are omitted.
 */
export async function readQueueStatistics(
  { pool }: Pick<Database, 'pool'>,
  kinds: readonly string[],
): Promise<ReadonlyMap<string, QueueStatistics>> {
  const { rows } = await pool.query<QueueStatistics & { kind: string }>({
    name: 'tidings-queue-figures',
    text: `select kind, (count(*) filter (where status = 'QUEUED'))::int as waiting,
        coalesce(extract(epoch from clock_timestamp() - min(created_at) filter (where status = 'QUEUED')), 0)::float8 as "oldestSeconds",
        (count(*) filter (where status = 'RETRYING'))::int as retrying,
        (count(*) filter (where status = 'RUNNING'))::int as running
      from ${activeTasks} a where kind = any($1::text[]) group by kind`,
    values: [kinds],
  })
  return new Map([
    ...kinds.map((kind) => [kind, noStatistics] as const),
    ...rows.map(({ kind, ...figures }) => [kind, figures] as const),
  ])
}
