import type { Database } from '../../db/connect.ts'
import type { ProgressState } from '../model/task.ts'
import { type CompletedTask, createDurations, type Durations, type Expectation } from './durations.ts'

/** Measured durations of tasks of a kind, and how many of them run at once. */
export interface KindDurations extends Durations {
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

/** Number of completed tasks of a kind that are read. */
const sample = 200
/** Number of these that are used per variant. */
const variantSample = 50
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
    const { rows } = await database.pool.query<{ slots: number; tasks: readonly CompletedTask[] | null }>({
      name: 'tidings-durations',
      // An attempt that was lost has no end in tasks from before version 0015: the whole time counts.
      text: `with last as (
          select variant, size, (progress->>'totalItems')::int as items, attempt, attempts, started_at, finished_at
          from tidings.task where kind = $1 and finished_at is not null and status = 'COMPLETED' and started_at is not null
          order by finished_at desc limit $2
        ), ranked as (
          select *, row_number() over (partition by variant order by finished_at desc) as rank from last
        )
        select (
            select coalesce(sum((slots->>$1)::int), 0)::int from tidings.worker
            where seen_at > now() - $4 * interval '1 ms'
          ) as slots,
          (
            select jsonb_agg(jsonb_build_object('variant', variant, 'size', size, 'items', coalesce(items, 0),
              'ms', coalesce((
                select extract(epoch from sum((a->>'finishedAt')::timestamptz - (a->>'startedAt')::timestamptz)) * 1000
                from jsonb_array_elements(attempts) as a
              ), extract(epoch from finished_at - started_at) * 1000),
              'stageMs', case when attempt = 1 then attempts->-1->'stageMs' end) order by finished_at desc)
            from ranked where rank <= $3
          ) as tasks`,
      values: [kind, sample, variantSample, workerGoneMs],
    })
    const [row] = rows
    return { ...createDurations(row?.tasks ?? []), slots: row?.slots ?? 0 }
  }

  const entryOf = (kind: string): { at: number; value: Promise<KindDurations>; known: KindDurations | null } => {
    const existing = cache.get(kind)
    if (existing !== undefined && Date.now() - existing.at < maxAgeMs) return existing
    const value = measure(kind)
    const entry = { at: Date.now(), value, known: existing?.known ?? null }
    cache.set(kind, entry)
    value.then(
      (durations) => {
        entry.known = durations
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
interface AttemptStart {
  readonly atMs: number
  readonly percent: number
}

/** Share of an attempt that must be done before its own rate is meaningful. */
const leastDone = 0.02
/** The variance of a task's own rate when half of it is done: parts of a task differ from each other. */
const ownVariance = 0.06

/**
 * Estimates the remaining time of a running task from its own rate and from earlier tasks of its
 * kind. The further the attempt has progressed, and the more earlier tasks differed from what was
 * expected of them, the more its own rate counts.
 *
 * @param expected - the execution time of the whole task according to earlier tasks
 * @returns null when there is nothing to estimate from
 */
export function estimateRemainingMs(
  progress: Pick<ProgressState, 'percent'>,
  expected: Expectation | null,
  nowMs: number,
  start: AttemptStart,
): number | null {
  const elapsedMs = Math.max(0, nowMs - start.atMs)
  const toDo = 1 - start.percent / 100
  const remainingShare = 1 - progress.percent / 100
  if (remainingShare <= 0) return 0
  const done = toDo > 0 ? Math.max(0, toDo - remainingShare) / toDo : 1
  const ownMs = done > leastDone ? (elapsedMs * (1 - done)) / done : null
  if (ownMs === null)
    // A task that takes longer than expected still has work left.
    return expected === null
      ? null
      : Math.round(Math.max(expected.ms * toDo - elapsedMs, expected.ms * remainingShare * 0.1))
  if (expected === null) return Math.round(ownMs)
  const variance = expected.spread ** 2
  const weight = Math.max(done, variance / (variance + (ownVariance * (1 - done)) / done))
  return Math.round(Math.max(ownMs, 1) ** weight * Math.max(expected.ms * remainingShare, 1) ** (1 - weight))
}
