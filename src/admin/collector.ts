import { randomUUID } from 'node:crypto'
import type { AuditFact } from './fact.ts'

/** A row of the audit log as it stands now: it may be written more than once, with a larger count each time. */
export interface AuditRow extends AuditFact {
  readonly id: string
  readonly atMs: number
  /** The last time that it happened. */
  untilMs: number
  count: number
}

/** Turns facts into few rows, and keeps those that are not written yet. Its memory is bounded, whoever calls. */
export interface Collector {
  /** Takes a fact in, as a row of its own or counted on one that there is. */
  add(fact: AuditFact): void
  /** Up to `max` rows that are new or have grown, oldest first; they stay until {@link Collector.written}. */
  take(max: number): readonly Readonly<AuditRow>[]
  /** What was taken is in the database now, with those counts. */
  written(rows: readonly Readonly<AuditRow>[]): void
  /** Facts that are kept nowhere, as too many rows wait; the next `take` that has room tells of them in a row of its own. */
  readonly dropped: number
  /** Rows that wait to be written. */
  readonly size: number
}

/** The bounds of a collector. */
export interface CollectorLimits {
  /** A row is counted on as long as it happens again within this time; default one minute. */
  readonly quietMs?: number
  /** But not for longer than this, so that a day can be read; default one hour. */
  readonly longestMs?: number
  /** New rows of one user, or address without a user, in a minute; what is more is counted on one row of theirs. Default 60. */
  readonly perSource?: number
  /** New rows of all in a minute; what is more is counted on one row for each event. Default 3,000. */
  readonly perMinute?: number
  /** Rows that may wait for the database; default 10,000. */
  readonly maxWaiting?: number
}

const minuteMs = 60_000

/**
 * Creates a collector.
 *
 * Somebody who is refused ten thousand times a minute is one row that says so; somebody who varies every request is 60 rows a
 * minute and one that counts the others; everybody together are 3,000 rows and a few more.
 */
export function createCollector({
  quietMs = minuteMs,
  longestMs = 60 * minuteMs,
  perSource = 60,
  perMinute = 3_000,
  maxWaiting = 10_000,
  now = Date.now,
}: CollectorLimits & { readonly now?: () => number } = {}): Collector {
  /** Rows that are counted on, by what makes facts the same; the oldest first. */
  const open = new Map<string, AuditRow>()
  /** Those of `open`, and some that were before, that have to be written. */
  const waiting = new Set<AuditRow>()
  const bySource = new Map<string, number>()
  let minute = 0
  let newRows = 0
  let dropped = 0

  const put = (fact: AuditFact, count: number): void => {
    const key = keyOf(fact)
    const at = now()
    const row = open.get(key)
    if (row !== undefined && at - row.untilMs <= quietMs && at - row.atMs <= longestMs) {
      row.count += count
      row.untilMs = Math.max(row.untilMs, at)
      if (waiting.has(row) || waiting.size < maxWaiting) waiting.add(row)
      return
    }
    if (waiting.size >= maxWaiting) {
      dropped += count
      return
    }
    const created: AuditRow = { ...fact, id: randomUUID(), atMs: at, untilMs: at, count }
    open.delete(key)
    open.set(key, created)
    waiting.add(created)
    forget(at)
  }
  const forget = (at: number): void => {
    for (const [key, row] of open) {
      if (open.size <= maxWaiting && at - row.untilMs <= quietMs) return
      open.delete(key)
    }
  }
  const isKnown = (fact: AuditFact): boolean => {
    const row = open.get(keyOf(fact))
    return row !== undefined && now() - row.untilMs <= quietMs && now() - row.atMs <= longestMs
  }

  return {
    add(fact) {
      if (isKnown(fact)) return put(fact, 1)
      const thisMinute = Math.floor(now() / minuteMs)
      if (thisMinute !== minute) {
        minute = thisMinute
        newRows = 0
        bySource.clear()
      }
      if (newRows >= perMinute) return put(othersOfAll(fact), 1)
      const source = fact.userId === null ? `a${fact.address}` : `u${fact.userId}`
      const known = bySource.get(source) ?? 0
      if (known >= perSource) return put(othersOf(fact), 1)
      bySource.set(source, known + 1)
      newRows++
      put(fact, 1)
    },
    take(max) {
      if (dropped > 0 && waiting.size < maxWaiting) {
        const count = dropped
        dropped = 0
        put(droppedFact, count)
      }
      return Array.from(waiting.values().take(max), (row) => ({ ...row }))
    },
    written(rows) {
      const byId = new Map(rows.map((row) => [row.id, row]))
      for (const row of waiting) if (byId.get(row.id)?.count === row.count) waiting.delete(row)
    },
    get dropped() {
      return dropped
    },
    get size() {
      return waiting.size
    },
  }
}

const droppedFact: AuditFact = {
  event: 'DROPPED',
  userId: null,
  address: null,
  userAgent: null,
  subject: null,
  reason: 'memory',
  detail: 'So many more could not be kept, as the database was away for too long',
}

/** What is counted together: whoever words a refusal differently does not get another row. */
function keyOf({ event, userId, address, userAgent, subject, reason }: AuditFact): string {
  return JSON.stringify([event, userId, address, userAgent, subject, reason])
}

function othersOf({ event, userId, address }: AuditFact): AuditFact {
  const detail = 'More of this caller in one minute than are told one by one'
  return { event, userId, address, userAgent: null, subject: null, reason: 'others', detail }
}

function othersOfAll({ event }: AuditFact): AuditFact {
  const detail = 'More in one minute than are told one by one, of several callers'
  return { event, userId: null, address: null, userAgent: null, subject: null, reason: 'others', detail }
}
