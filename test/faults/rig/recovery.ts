import type { Entry } from '../history/history.ts'

/** How long a run took to recover from its fault, in milliseconds from the end of the fault. */
export interface Recovery {
  /** Per subscription: until it has received the newest event of the end of the fault; ascending. */
  readonly deliveryMs: readonly number[]
  /** Until every server reported that it is ready. */
  readonly readyMs: number
  /** Until a task that was started after the fault had completed. */
  readonly taskMs: number
}

/**
 * Returns, for each subscription that was open at the end of a fault, the time until it has received
 * the newest event that its topic had then.
 *
 * @param heads - the seq of each topic at the end of the fault
 */
export function measureDelivery(
  entries: readonly Entry[],
  endedAt: number,
  heads: ReadonlyMap<string, number>,
): readonly number[] {
  const waiting = new Map<string, number>()
  const durations: number[] = []
  const reached = new Map<string, number>()
  for (const entry of entries) {
    if (entry.is === 'subscribed' && entry.at <= endedAt) {
      const head = heads.get(entry.topic)
      if (head !== undefined) waiting.set(entry.sub, head)
    } else if (entry.is === 'delivered') {
      const head = waiting.get(entry.sub)
      if (head === undefined || entry.seq < head) continue
      waiting.delete(entry.sub)
      reached.set(entry.sub, entry.at)
    } else if (entry.is === 'ended') waiting.delete(entry.sub)
  }
  // Those that had everything before the fault ended did not have to recover.
  for (const at of reached.values()) if (at > endedAt) durations.push(at - endedAt)
  return durations.sort((left, right) => left - right)
}

/** Returns a quantile of ascending values; 0 without any. @param share - from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
}
