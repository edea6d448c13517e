import type { Database } from '../../db/connect.ts'
import type { RateLimit } from '../model/task-definition.ts'
import type { Workload } from './durations.ts'
import { estimateRemainingMs, type KindDurations } from './estimate.ts'
import type { QueueState } from './forecast.ts'
import { rateKey, readRecentStarts } from './rate-limit.ts'

/**
 * Tasks further back get their plain rank in the queue as position; a forecast that far ahead would
 * be a guess anyway.
 */
export const longestLine = 2_000

/** Without a duration, the order of starts is still correct. */
const anyMs = 1_000

interface TaskRow extends Workload {
  readonly owner: string
}

const workloadColumns = `variant, size, coalesce((progress->>'totalItems')::int, 0) as items`

/**
 * Reads the queue of a kind.
 * @param options.limit - number of waiting tasks to read
 * @param options.rateLimit - of the kind; default none
 */
export async function readQueueState(
  { pool }: Pick<Database, 'pool'>,
  kind: string,
  {
    durations,
    limit,
    rateLimit,
  }: { readonly durations: KindDurations; readonly limit: number; readonly rateLimit?: RateLimit | undefined },
): Promise<QueueState> {
  const readWaiting = (key: string, ...values: readonly unknown[]) => ({
    name: values.length === 0 ? 'tidings-queue' : 'tidings-queue-limited',
    text: `select id, owner, ${key} as key, ${workloadColumns} from tidings.task
      where status = 'QUEUED' and kind = $1 order by queue_key, id limit $2`,
    values: [kind, limit, ...values],
  })
  const [waiting, recent, running] = await Promise.all([
    pool.query<TaskRow & { id: string; key: string }>(
      rateLimit === undefined ? readWaiting(`''`) : readWaiting(rateKey(3), rateLimit.key ?? null),
    ),
    rateLimit === undefined ? [] : readRecentStarts({ pool }, kind, rateLimit),
    pool.query<TaskRow & { attempt: number; percent: number; elapsedMs: number }>({
      name: 'tidings-queue-running',
      text: `select owner, ${workloadColumns}, attempt, coalesce((progress->>'percent')::float8, 0) as percent,
          coalesce(extract(epoch from clock_timestamp() - (attempts->-1->>'startedAt')::timestamptz) * 1000, 0)::float8 as "elapsedMs"
        from tidings.task where status = 'RUNNING' and kind = $1`,
      values: [kind],
    }),
  ])
  return {
    recent,
    waiting: waiting.rows.map(({ id, owner, key, ...workload }) => ({
      id,
      owner,
      key,
      expectedMs: durations.expect(workload)?.ms ?? anyMs,
    })),
    running: running.rows.map(({ owner, attempt, percent, elapsedMs, ...workload }) => ({
      owner,
      // A later attempt began with part of the work done; its rate is not known here.
      remainingMs:
        estimateRemainingMs({ percent }, durations.expect(workload), elapsedMs, {
          atMs: 0,
          percent: attempt > 1 ? percent : 0,
        }) ?? anyMs,
    })),
  }
}
