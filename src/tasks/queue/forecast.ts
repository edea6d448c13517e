import type { RateLimit } from '../model/task-definition.ts'
import type { RecentStart } from './rate-limit.ts'

/** A waiting task. */
interface WaitingTask {
  readonly id: string
  readonly owner: string
  /** What it shares its rate limit with. */
  readonly key: string
  readonly expectedMs: number
}

/** The queue of a kind: enough to forecast the order of starts. */
export interface QueueState {
  /** The waiting tasks, in queue order, with their expected execution time. */
  readonly waiting: readonly WaitingTask[]
  /** The running tasks, with their remaining time. */
  readonly running: readonly { readonly owner: string; readonly remainingMs: number }[]
  /** The starts that the rate limit counts, oldest first; empty without one. */
  readonly recent: readonly RecentStart[]
}

/** The expected start of a task, provided that no further tasks are queued. */
export interface Forecast {
  /** 1 starts next. */
  readonly position: number
  readonly waitMs: number
}

/** A change that lets waiting tasks start: a task ends, or the rate limit of one is over. */
type Change = { readonly atMs: number } & ({ readonly owner: string } | { readonly index: number })

/**
 * Forecasts the order in which a queue is processed, by the rule that workers claim tasks by
 * (`claim.ts`): whenever one of `slots` is free, the first task of an owner with fewer than
 * `perUser` running, and of a key with fewer starts than `rateLimit` allows.
 *
 * @param options.perUser - how many tasks of one owner run at once; null for no limit
 * @param options.rateLimit - default none
 */
export function forecast(
  { waiting, running, recent }: QueueState,
  {
    slots,
    perUser,
    rateLimit,
  }: { readonly slots: number; readonly perUser: number | null; readonly rateLimit?: RateLimit | undefined },
): ReadonlyMap<string, Forecast> {
  const forecasts = new Map<string, Forecast>()
  const limit = perUser ?? Number.POSITIVE_INFINITY
  const busy = new Map<string, number>()
  for (const { owner } of running) busy.set(owner, (busy.get(owner) ?? 0) + 1)
  const freeAt = createRates(recent, rateLimit)
  /** The queue of the tasks that have owner and key in common, by these: of each, only the first may start. */
  const queues = new Map<string, number[]>()
  const queueOf = ({ owner, key }: WaitingTask): string => `${owner.length} ${owner} ${key}`
  for (const [index, task] of waiting.entries()) {
    const queue = queues.get(queueOf(task)) ?? []
    queues.set(queueOf(task), queue)
    queue.push(index)
  }
  /** The first tasks of queues that may start, by queue position. */
  const ready: number[] = []
  const offer = (index: number | undefined): void => {
    if (index !== undefined) insert(ready, index, (other) => other)
  }
  /** The first tasks of queues whose owner has as many running as allowed. */
  const held = new Map<string, number[]>()
  const changes: Change[] = []
  const changeAt = (change: Change): void => insert(changes, change, ({ atMs }) => atMs)
  for (const { owner, remainingMs } of running) changeAt({ atMs: remainingMs, owner })
  for (const queue of queues.values()) offer(queue[0])

  let free = Math.max(slots, 1) - running.length
  let nowMs = 0
  while (forecasts.size < waiting.length) {
    const next = free > 0 ? ready.shift() : undefined
    const task = next === undefined ? undefined : waiting[next]
    if (next !== undefined && task !== undefined) {
      const { id, owner, key, expectedMs } = task
      const running = busy.get(owner) ?? 0
      const allowedMs = freeAt(key).allowedMs
      if (running >= limit) held.set(owner, [...(held.get(owner) ?? []), next])
      else if (allowedMs > nowMs) changeAt({ atMs: allowedMs, index: next })
      else {
        free--
        forecasts.set(id, { position: forecasts.size + 1, waitMs: Math.round(nowMs) })
        freeAt(key).start(nowMs)
        busy.set(owner, running + 1)
        changeAt({ atMs: nowMs + expectedMs, owner })
        const queue = queues.get(queueOf(task))
        queue?.shift()
        offer(queue?.[0])
      }
      continue
    }
    const [first] = changes
    if (first === undefined) break
    nowMs = Math.max(nowMs, first.atMs)
    for (let change: Change | undefined = first; change !== undefined && change.atMs <= nowMs; [change] = changes) {
      changes.shift()
      if ('index' in change) {
        offer(change.index)
        continue
      }
      const { owner } = change
      free++
      busy.set(owner, (busy.get(owner) ?? 1) - 1)
      for (const index of held.get(owner) ?? []) offer(index)
      held.delete(owner)
    }
  }
  return forecasts
}

/** The starts of one key. */
interface Rate {
  /** When the next start is allowed. */
  readonly allowedMs: number
  start(atMs: number): void
}

/** Returns the rates of keys, by the times of their starts: relative to now, in milliseconds. */
function createRates(recent: readonly RecentStart[], rateLimit: RateLimit | undefined): (key: string) => Rate {
  const starts = new Map<string, number[]>()
  const startsOf = (key: string): number[] => {
    const existing = starts.get(key)
    if (existing !== undefined) return existing
    const added: number[] = []
    starts.set(key, added)
    return added
  }
  for (const { key, agoMs } of recent) startsOf(key).push(-agoMs)
  return (key) => ({
    get allowedMs() {
      const first = rateLimit === undefined ? undefined : startsOf(key).at(-rateLimit.limit)
      return first === undefined || rateLimit === undefined ? 0 : first + rateLimit.periodMs
    },
    start(atMs) {
      if (rateLimit !== undefined) startsOf(key).push(atMs)
    },
  })
}

/** Inserts `item` after all items of lower or equal rank. */
function insert<T>(sorted: T[], item: T, rank: (item: T) => number): void {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >> 1
    const candidate = sorted[middle]
    if (candidate !== undefined && rank(candidate) <= rank(item)) from = middle + 1
    else to = middle
  }
  sorted.splice(from, 0, item)
}
