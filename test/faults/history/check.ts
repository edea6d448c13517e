import { checkLog } from './check-log.ts'
import { checkMutations } from './check-mutations.ts'
import { checkSubscription } from './check-subscription.ts'
import type { Connected, Delivered, Ended, Entry, History, Mutated, Subscribed, Violation } from './history.ts'

/** The entries of one subscription, in order. */
export interface SubscriptionRecord {
  readonly subscribed: Subscribed
  readonly entries: readonly (Connected | Delivered | Ended)[]
}

/** The result of a check. */
export interface Verdict {
  readonly violations: readonly Violation[]
  /** The number of events that subscribers received and that were compared with the log. */
  readonly deliveries: number
  readonly subscriptions: number
  readonly tasks: number
  /** The number of events of the log. */
  readonly events: number
  /** Snapshots that report skipped events: legitimate, but they should be rare. */
  readonly reported: number
}

/** Groups a history by subscription. */
export function groupBySubscription(entries: readonly Entry[]): readonly SubscriptionRecord[] {
  const records = new Map<string, { subscribed: Subscribed; entries: (Connected | Delivered | Ended)[] }>()
  for (const entry of entries) {
    if (entry.is === 'subscribed') records.set(entry.sub, { subscribed: entry, entries: [] })
    else if (entry.is !== 'mutated') records.get(entry.sub)?.entries.push(entry)
  }
  return [...records.values()]
}

/** Checks a complete history against the log. Pure; knows nothing of the engine. */
export function checkHistory(history: History): Verdict {
  const { entries, log } = history
  const records = groupBySubscription(entries)
  const cursors = { seqOf: new Map<string, string>(), cursorOf: new Map<string, string>() }
  const checked = records.map((record) => checkSubscription(record, history, cursors))
  const mutations = entries.filter((entry): entry is Mutated => entry.is === 'mutated')
  const topics = [...log.topics.values()]
  return {
    violations: [
      ...checked.flatMap(({ violations }) => violations),
      ...checkLog(log),
      ...(history.restored === undefined ? [] : checkLog({ topics: history.restored.topics, tasks: new Map() })),
      ...checkMutations(mutations, history),
    ],
    deliveries: checked.reduce((sum, { deliveries }) => sum + deliveries, 0),
    reported: checked.reduce((sum, { reported }) => sum + reported, 0),
    subscriptions: records.length,
    tasks: log.tasks.size,
    events: topics.reduce((sum, { events }) => sum + events.length, 0),
  }
}
