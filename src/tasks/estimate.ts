import type { Database } from '../db/connect.ts'
import type { ProgressState } from './task.ts'

/** Measured durations of tasks of a kind, from the most recently completed ones. */
export interface KindDurations {
  /** Median of a whole task; null until one has completed. */
  readonly taskMs: number | null
  /**
   * Mean of a whole task, each capped at four medians: what each task in a long queue adds to the
   * wait.
   */
  readonly meanMs: number | null
  /** Median of a task divided by its items (by 1 when it has none). */
  readonly itemMs: number | null
  /** How many run at once now, across all live workers. */
  readonly slots: number
}

/** Estimates based on measured durations of the same kind. */
export interface Estimates {
  /** Returns measurements that are at most `maxAgeMs` old. */
  of(kind: string): Promise<KindDurations>
  /** Returns cached measurements without waiting; missing ones are fetched for the next call. */
  recall(kind: string): KindDurations | null
}

/** Number of tasks that the medians are taken over. */
const sample = 50
/** A worker that was not seen for this long counts as down. */
const workerGoneMs = 15_000

/**
 * Creates the estimator.
 * @param options.maxAgeMs - maximum age of measurements; default 2,000
 */
export function createEstimates(options: { readonly database: Database; readonly maxAgeMs?: number }): Estimates {
  const { database, maxAgeMs = 2_000 } = options
  const cache = new Map<string, { at: number; value: Promise<KindDurations>; known: KindDurations | null }>()

  const measure = async (kind: string): Promise<KindDurations> => {
    const { rows } = await database.pool.query<KindDurations>({
      name: 'tidings-durations',
      text: `with last as (
          select extract(epoch from finished_at - started_at)::float8 * 1000 as ms, (progress->>'totalItems')::int as items
          from task where kind = $1 and finished_at is not null and status = 'COMPLETED'
          order by finished_at desc limit $2
        )
        select d."taskMs", (select avg(least(ms, 4 * d."taskMs")) from last) as "meanMs", d."itemMs", w.slots as slots from (
          select percentile_cont(0.5) within group (order by ms) as "taskMs",
            percentile_cont(0.5) within group (order by ms / greatest(items, 1)) as "itemMs"
          from last
        ) d cross join (
          select coalesce(sum((slots->>$1)::int), 0)::int as slots from worker
          where seen_at > now() - $3 * interval '1 ms'
        ) w`,
      values: [kind, sample, workerGoneMs],
    })
    return rows[0] ?? { taskMs: null, meanMs: null, itemMs: null, slots: 0 }
  }

  const entryOf = (kind: string): { at: number; value: Promise<KindDurations>; known: KindDurations | null } => {
    const existing = cache.get(kind)
    if (existing !== undefined && Date.now() - existing.at < maxAgeMs) return existing
    const value = measure(kind)
    const entry = { at: Date.now(), value, known: existing?.known ?? null }
    cache.set(kind, entry)
    value.then(
      (known) => {
        entry.known = known
      },
      // The next call queries again immediately; the callers awaiting `value` receive the failure.
      () => cache.delete(kind),
    )
    return entry
  }

  return {
    of: (kind) => entryOf(kind).value,
    recall: (kind) => entryOf(kind).known,
  }
}

/**
 * The start of an attempt: items completed by earlier attempts count neither as its work nor as its
 * time.
 */
export interface AttemptStart {
  readonly atMs: number
  readonly percent: number
}

/** Share of an attempt that must be done before its own rate is meaningful. */
const leastDone = 0.02

/**
 * Estimates the remaining time of a running task from its own rate and from earlier tasks of its
 * kind. The further the attempt has progressed, the more its own rate counts: by the square root of
 * the share that is done (of the weights tried, the one that works well for steady and uneven
 * tasks, with few and with many items).
 *
 * @returns null when there is nothing to estimate from
 */
export function estimateRemainingMs(
  progress: ProgressState,
  durations: KindDurations | null,
  nowMs: number,
  start: AttemptStart,
): number | null {
  const elapsedMs = Math.max(0, nowMs - start.atMs)
  const toDo = 1 - start.percent / 100
  const left = 1 - progress.percent / 100
  const done = toDo > 0 ? Math.max(0, toDo - left) / toDo : 1
  const ownMs = done > leastDone ? (elapsedMs * (1 - done)) / done : null
  const expectedMs = expectedTaskMs(progress.totalItems, durations)
  if (ownMs === null)
    // A task that takes longer than expected still has work left.
    return expectedMs === null ? null : Math.round(Math.max(expectedMs * toDo - elapsedMs, expectedMs * left * 0.1))
  if (expectedMs === null) return Math.round(ownMs)
  const weight = Math.sqrt(done)
  return Math.round(ownMs * weight + expectedMs * left * (1 - weight))
}

function expectedTaskMs(totalItems: number, durations: KindDurations | null): number | null {
  if (durations === null) return null
  return totalItems > 0 && durations.itemMs !== null ? durations.itemMs * totalItems : durations.taskMs
}

/**
 * Estimates the wait of the task at a queue position: on average, one of `slots` becomes free every
 * `meanMs / slots`, and the first of them in half that time.
 *
 * @returns null when there is nothing to estimate from
 */
export function estimateWaitMs(position: number, durations: KindDurations): number | null {
  if (durations.meanMs === null || durations.slots < 1) return null
  return Math.round(((position - 0.5) * durations.meanMs) / durations.slots)
}
