import type { Bus, BusSubscription } from '../../bus/bus.ts'
import type { Database } from '../../db/connect.ts'
import type { Logger } from '../../logger.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import type { Estimates } from './estimate.ts'
import { type Forecast, forecast } from './forecast.ts'
import { longestLine, readQueueState } from './queue-rows.ts'

/** The queue position of a waiting task. */
export interface QueuePosition {
  /** 1 is next. */
  readonly position: number
  readonly waiting: number
  /** null while there is nothing to estimate from. */
  readonly estimatedWaitMs: number | null
}

/** Notifies listeners of the queue positions of waiting tasks as they change. */
export interface QueuePositions extends AsyncDisposable {
  /** Returns the current queue positions; tasks that are not queued are absent. */
  of(tasks: readonly { readonly id: string; readonly kind: string }[]): Promise<ReadonlyMap<string, QueuePosition>>
  /**
   * Calls `listener` when the queue position of a task has changed, at most once per `movedMs`,
   * until the returned function is called.
   */
  watch(
    task: { readonly id: string; readonly kind: string },
    listener: (queuePosition: QueuePosition) => void,
  ): () => void
  /** Notifies all processes that the queue of a kind has changed. */
  moved(kind: string): void
}

/** The wait of a task behind all that are forecast: the queue continues at the same pace. */
function beyondMs(queuePositions: ReadonlyMap<string, Forecast>, position: number): number | null {
  const lastMs = Math.max(0, ...[...queuePositions.values()].map(({ waitMs }) => waitMs))
  return queuePositions.size === 0 ? null : Math.round((lastMs * position) / queuePositions.size)
}

/** The channel for changes of a kind's queue. */
const channelOf = (kind: string): string => `queue:${kind}`
/** Without a message from the bus, followed positions are read this many times less often. */
const idleFactor = 10

/**
 * Creates the queue positions of one process.
 *
 * However many changes occur and however many tasks wait, a process queries the database once per
 * `movedMs`, for all tasks that have subscribers; a change costs one small message. The queue is
 * read up to the last of these tasks, to forecast when each of them starts.
 */
export function createQueuePositions(options: {
  readonly database: Database
  readonly bus: Bus
  readonly estimates: Estimates
  readonly logger: Logger
  readonly movedMs: number
  /** The limits of a kind: how many of its tasks run at once for one owner, and its rate limit. Default none. */
  readonly limitsOf?: (kind: string) => Pick<TaskDefinition, 'perUser' | 'rateLimit'> | undefined
}): QueuePositions {
  const { database, bus, estimates, logger, movedMs, limitsOf = () => undefined } = options
  interface WatchedTask {
    readonly id: string
    readonly kind: string
    readonly listener: (queuePosition: QueuePosition) => void
    last: QueuePosition | undefined
  }
  const watchedTasks = new Map<string, Set<WatchedTask>>()
  const subscriptions = new Map<string, BusSubscription>()
  const dirty = new Set<string>()
  const unsaid = new Map<string, NodeJS.Timeout>()

  /**
   * Forecasts the start of the first `limit` tasks of a queue; null while neither their durations
   * nor limits are known, so that they start in their order and no one knows when.
   */
  const forecastKind = async (
    kind: string,
    limit: number,
  ): Promise<{ readonly found: ReadonlyMap<string, Forecast>; readonly isTimed: boolean } | null> => {
    const durations = await estimates.of(kind)
    const isTimed = durations.slots > 0 && durations.expect({ variant: null, size: null, items: 0 }) !== null
    const { perUser = null, rateLimit } = limitsOf(kind) ?? {}
    if (!isTimed && perUser === null && rateLimit === undefined) return null
    const line = await readQueueState(database, kind, { durations, limit, rateLimit })
    return { found: forecast(line, { slots: durations.slots, perUser, rateLimit }), isTimed }
  }

  const of: QueuePositions['of'] = async (tasks) => {
    const queuePositions = new Map<string, QueuePosition>()
    if (tasks.length === 0) return queuePositions
    const kinds = [...new Set(tasks.map(({ kind }) => kind))]
    const { rows } = await database.pool.query<{ id: string; kind: string; position: number; waiting: number }>({
      name: 'tidings-places',
      text: `with line as (
          select id, kind, row_number() over (partition by kind order by queue_key, id)::int as position,
            count(*) over (partition by kind)::int as waiting
          from tidings.task where status = 'QUEUED' and kind = any($1::text[])
        ) select * from line where id = any($2::text[])`,
      values: [kinds, tasks.map(({ id }) => id)],
    })
    const furthest = new Map<string, number>()
    for (const { kind, position } of rows) furthest.set(kind, Math.max(furthest.get(kind) ?? 0, position))
    const forecasts = new Map(
      await Promise.all(
        [...furthest].map(
          async ([kind, position]) => [kind, await forecastKind(kind, Math.min(position, longestLine))] as const,
        ),
      ),
    )
    for (const { id, kind, position, waiting } of rows) {
      const kindForecast = forecasts.get(kind)
      const result = kindForecast?.found.get(id)
      queuePositions.set(id, {
        position: result?.position ?? position,
        waiting,
        // Without durations or workers there is no basis for an estimate.
        estimatedWaitMs: kindForecast?.isTimed ? (result?.waitMs ?? beyondMs(kindForecast.found, position)) : null,
      })
    }
    return queuePositions
  }

  const publishPositions = async (kinds: readonly string[]): Promise<void> => {
    const entries = kinds.flatMap((kind) => [...(watchedTasks.get(kind) ?? [])])
    if (entries.length === 0) return
    const queuePositions = await of(entries)
    for (const entry of entries) {
      const queuePosition = queuePositions.get(entry.id)
      if (queuePosition === undefined) continue
      if (entry.last?.position === queuePosition.position && entry.last.waiting === queuePosition.waiting) continue
      entry.last = queuePosition
      if (watchedTasks.get(entry.kind)?.has(entry)) entry.listener(queuePosition)
    }
  }

  let publishing: Promise<void> | undefined
  let ticks = 0
  const tick = (): void => {
    ticks++
    const isIdleLook = ticks % idleFactor === 0
    if (publishing !== undefined || watchedTasks.size === 0 || (dirty.size === 0 && !isIdleLook)) return
    const kinds = isIdleLook ? [...watchedTasks.keys()] : [...dirty]
    dirty.clear()
    publishing = publishPositions(kinds)
      .catch((error: unknown) => {
        for (const kind of kinds) dirty.add(kind)
        logger.warn({ err: error }, 'failed to read queue positions')
      })
      .finally(() => {
        publishing = undefined
      })
  }
  const timer = setInterval(tick, movedMs).unref()

  return {
    of,
    watch(task, listener) {
      const { id, kind } = task
      const entry: WatchedTask = { id, kind, listener, last: undefined }
      const watchers = watchedTasks.get(kind) ?? new Set()
      watchedTasks.set(kind, watchers.add(entry))
      if (!subscriptions.has(kind))
        subscriptions.set(
          kind,
          bus.subscribe(channelOf(kind), () => dirty.add(kind)),
        )
      dirty.add(kind)
      return () => {
        watchers.delete(entry)
        if (watchers.size > 0 || watchedTasks.get(kind) !== watchers) return
        watchedTasks.delete(kind)
        const subscription = subscriptions.get(kind)
        subscriptions.delete(kind)
        subscription
          ?.close()
          .catch((error: unknown) => logger.warn({ err: error, kind }, 'failed to unsubscribe from the bus'))
      }
    },
    moved(kind) {
      // One message per interval is enough: listeners do not query more often.
      if (unsaid.has(kind)) return
      unsaid.set(
        kind,
        setTimeout(() => {
          unsaid.delete(kind)
          bus.publish(channelOf(kind), {})
        }, movedMs / 2).unref(),
      )
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      for (const pending of unsaid.values()) clearTimeout(pending)
      await publishing
      // Not awaited: an unavailable bus confirms nothing, and the bus itself is being closed.
      for (const [kind, subscription] of subscriptions)
        subscription
          .close()
          .catch((error: unknown) => logger.warn({ err: error, kind }, 'failed to unsubscribe from the bus'))
    },
  }
}
