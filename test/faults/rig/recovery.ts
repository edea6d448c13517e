import { type Entry, epochOf } from '../history/history.ts'

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

/** How the subscribers went through a failover, times in milliseconds. */
export interface Resets {
  /** Subscriptions that were open at its beginning. */
  readonly subscribers: number
  /** From its cause until there was a primary. */
  readonly outageMs: number
  /** Per subscription that received something of the new epoch: the time until then, from the new primary; ascending. */
  readonly resumedMs: readonly number[]
}

/**
 * Returns how the subscriptions that were open at the cause of a failover went through it.
 *
 * @param causedAt - the time of its cause
 * @param ledAt - the time of the new primary
 */
export function measureResets(entries: readonly Entry[], causedAt: number, ledAt: number): Resets {
  const open = new Map<string, string | undefined>()
  const resumedMs: number[] = []
  let subscribers = 0
  for (const entry of entries) {
    const isBefore = entry.at < causedAt
    if (!isBefore && subscribers === 0) subscribers = open.size
    if (entry.is === 'subscribed' && isBefore) open.set(entry.sub, undefined)
    else if (entry.is === 'ended') open.delete(entry.sub)
    else if (entry.is === 'delivered' && open.has(entry.sub)) {
      const epoch = epochOf(entry)
      const former = open.get(entry.sub)
      if (isBefore || former === undefined) open.set(entry.sub, epoch)
      else if (former !== epoch) {
        open.delete(entry.sub)
        resumedMs.push(Math.max(0, entry.at - ledAt))
      }
    }
  }
  return { subscribers, outageMs: ledAt - causedAt, resumedMs: resumedMs.sort((left, right) => left - right) }
}

/** Returns a quantile of ascending values; 0 without any. @param share - from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
}
