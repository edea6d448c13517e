/** The queue of a kind: enough to forecast the order of starts. */
export interface QueueState {
  /** The waiting tasks, in queue order, with their expected execution time. */
  readonly waiting: readonly { readonly id: string; readonly owner: string; readonly expectedMs: number }[]
  /** The running tasks, with their remaining time. */
  readonly running: readonly { readonly owner: string; readonly remainingMs: number }[]
}

/** The expected start of a task, provided that no further tasks are queued. */
export interface Forecast {
  /** 1 starts next. */
  readonly position: number
  readonly waitMs: number
}

/**
 * Forecasts the order in which a queue is processed, by the rule that workers claim tasks by
 * (`claim.ts`): whenever one of `slots` is free, the first task of an owner with fewer than
 * `perUser` running.
 *
 * @param options.perUser - how many tasks of one owner run at once; null for no limit
 */
export function forecast(
  { waiting, running }: QueueState,
  { slots, perUser }: { readonly slots: number; readonly perUser: number | null },
): ReadonlyMap<string, Forecast> {
  const forecasts = new Map<string, Forecast>()
  const limit = perUser ?? Number.POSITIVE_INFINITY
  const busy = new Map<string, number>()
  const queues = new Map<string, number[]>()
  for (const { owner } of running) busy.set(owner, (busy.get(owner) ?? 0) + 1)
  for (const [index, { owner }] of waiting.entries()) {
    const queue = queues.get(owner) ?? []
    queues.set(owner, queue)
    queue.push(index)
  }
  /** The first task of each owner that may have another one running, by queue position. */
  const ready: number[] = []
  const offer = (owner: string): void => {
    const first = queues.get(owner)?.[0]
    if (first !== undefined && (busy.get(owner) ?? 0) < limit) insert(ready, first, (index) => index)
  }
  const ends: { readonly atMs: number; readonly owner: string }[] = []
  const endAt = (atMs: number, owner: string): void => insert(ends, { atMs, owner }, (end) => end.atMs)
  for (const { owner, remainingMs } of running) endAt(remainingMs, owner)
  for (const owner of queues.keys()) offer(owner)

  let free = Math.max(slots, 1) - running.length
  let nowMs = 0
  while (forecasts.size < waiting.length) {
    const next = free > 0 ? ready.shift() : undefined
    const task = next === undefined ? undefined : waiting[next]
    if (task !== undefined) {
      free--
      forecasts.set(task.id, { position: forecasts.size + 1, waitMs: Math.round(nowMs) })
      queues.get(task.owner)?.shift()
      busy.set(task.owner, (busy.get(task.owner) ?? 0) + 1)
      endAt(nowMs + task.expectedMs, task.owner)
      offer(task.owner)
      continue
    }
    const end = ends.shift()
    if (end === undefined) break
    nowMs = end.atMs
    free++
    const count = busy.get(end.owner) ?? 0
    busy.set(end.owner, count - 1)
    // Below the limit, the owner's first task was offered before.
    if (count === limit) offer(end.owner)
  }
  return forecasts
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
