import { groupBySubscription } from '../history/check.ts'
import { type Entry, epochOf, type Log, type Restoration } from '../history/history.ts'
import { readLogged } from '../history/payload.ts'

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

/** What a failover has lost, and how the subscriptions that were open then learned of it. */
export interface Loss {
  /** How far the standby was behind, in milliseconds. */
  readonly behindMs: number
  /** Committed events that the new log does not have. */
  readonly events: number
  /** Topics of these events. */
  readonly topics: number
  /** All subscriptions that were open. */
  readonly open: Told
  /** Those that had received some of the lost events. */
  readonly saw: Told
  /** From the new primary until the last of them was told, in milliseconds. */
  readonly lastMs: number
}

/** What subscriptions were told after a failover. */
export interface Told {
  readonly subscriptions: number
  /** A snapshot with reason `RESET`. */
  readonly reset: number
  /** That their topic does not exist. */
  readonly missing: number
  /** The log as for a new subscriber: their client has no cursor, or had received nothing. */
  readonly subscribed: number
}

/** Compares the log before a failover with the one after it. @param behindMs - see {@link Loss} */
export function measureLoss(
  entries: readonly Entry[],
  log: Log,
  { at, epoch, topics }: Restoration,
  behindMs: number,
): Loss {
  /** The newest seq that both logs have, of topics with lost events. */
  const common = new Map<string, number>()
  let events = 0
  for (const { name, events: former } of topics.values()) {
    const present = log.topics.get(name)?.events ?? []
    const parted = former.findIndex((event, index) => {
      const other = present[index]
      return other === undefined || readLogged(other).digest !== readLogged(event).digest
    })
    if (parted < 0) continue
    common.set(name, parted)
    events += former.length - parted
  }
  const createCounts = () => ({ subscriptions: 0, reset: 0, missing: 0, subscribed: 0 })
  const [open, saw] = [createCounts(), createCounts()]
  let lastMs = 0
  for (const { subscribed, entries: all } of groupBySubscription(entries)) {
    const isOpen = subscribed.at < at && !all.some((entry) => entry.is === 'ended' && entry.at < at)
    if (!isOpen) continue
    const kept = common.get(subscribed.topic) ?? Number.POSITIVE_INFINITY
    const hasSeen = all.some((entry) => entry.is === 'delivered' && epochOf(entry) === epoch && entry.seq > kept)
    const groups = hasSeen ? [open, saw] : [open]
    for (const group of groups) group.subscriptions++
    const told = all.find((entry) =>
      entry.is === 'delivered' ? epochOf(entry) !== epoch : entry.is === 'ended' && entry.how === 'error',
    )
    if (told === undefined) continue
    const how = told.is !== 'delivered' ? 'missing' : told.snapshot?.reason === 'RESET' ? 'reset' : 'subscribed'
    for (const group of groups) group[how]++
    lastMs = Math.max(lastMs, told.at - at)
  }
  return { behindMs, events, topics: common.size, open, saw, lastMs }
}

/** Returns a quantile of ascending values; 0 without any. @param share - from 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
}
