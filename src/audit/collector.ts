import { randomUUID } from 'node:crypto'
import { networkOf } from '../network.ts'
import type { AuditRecord } from './audit-event.ts'

/**
 * The current state of a row of the audit log: it may be written more than once, with a larger
 * count each time.
 */
interface AuditRow extends AuditRecord {
  readonly id: string
  readonly atMs: number
  /** Time of the last occurrence. */
  untilMs: number
  count: number
}

/**
 * Aggregates audit facts into few rows, and keeps the rows that are not written yet. Its memory is
 * bounded, regardless of the callers.
 */
export interface Collector {
  /** Adds a fact, as a new row or to the count of an existing one. */
  add(fact: AuditRecord): void
  /**
   * Returns up to `max` rows that are new or have grown, oldest first; they are kept until
   * {@link Collector.written}.
   */
  take(max: number): readonly Readonly<AuditRow>[]
  /** Marks taken rows as written to the database, with those counts. */
  written(rows: readonly Readonly<AuditRow>[]): void
  /**
   * Number of facts that were dropped because too many rows are pending; the next `take` with room
   * reports them in a row of its own.
   */
  readonly dropped: number
  /** Number of rows that wait to be written. */
  readonly size: number
}

/** The limits of a collector. */
export interface CollectorLimits {
  /** A recurrence within this time is added to the same row; default one minute. */
  readonly quietMs?: number
  /** Maximum time span of a row, so that a day remains readable; default one hour. */
  readonly longestMs?: number
  /**
   * Maximum new rows per minute of one user, or of one network without a user; the excess is
   * counted in one row of that source, with its network as address. Default 60.
   */
  readonly perSource?: number
  /**
   * Maximum new rows per minute in total; the excess is counted in one row per event. Default
   * 3,000.
   */
  readonly perMinute?: number
  /** Maximum number of rows that may wait for the database; default 10,000. */
  readonly maxWaiting?: number
}

const minuteMs = 60_000

/**
 * Creates a collector.
 *
 * A client that is refused ten thousand times a minute causes one row with that count; a client
 * that varies every request causes 60 rows a minute and one that counts the rest; all clients
 * together cause 3,000 rows and a few more.
 */
export function createCollector({
  quietMs = minuteMs,
  longestMs = 60 * minuteMs,
  perSource = 60,
  perMinute = 3_000,
  maxWaiting = 10_000,
  now = Date.now,
}: CollectorLimits & { readonly now?: () => number } = {}): Collector {
  /** Rows that can still be added to, by the key that identifies equal facts; oldest first. */
  const open = new Map<string, AuditRow>()
  /** Rows that have to be written: from `open`, and some that are no longer in it. */
  const waiting = new Set<AuditRow>()
  const bySource = new Map<string, number>()
  let minute = 0
  let newRows = 0
  let droppedCount = 0

  const put = (fact: AuditRecord, count: number): void => {
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
      droppedCount += count
      return
    }
    const newRow: AuditRow = { ...fact, id: randomUUID(), atMs: at, untilMs: at, count }
    open.delete(key)
    open.set(key, newRow)
    waiting.add(newRow)
    forget(at)
  }
  const forget = (at: number): void => {
    for (const [key, row] of open) {
      if (open.size <= maxWaiting && at - row.untilMs <= quietMs) return
      open.delete(key)
    }
  }
  const isKnown = (fact: AuditRecord): boolean => {
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
      const source = fact.userId === null ? `a${networkOfFact(fact)}` : `u${fact.userId}`
      const rowCount = bySource.get(source) ?? 0
      if (rowCount >= perSource) return put(othersOf(fact), 1)
      bySource.set(source, rowCount + 1)
      newRows++
      put(fact, 1)
    },
    take(max) {
      if (droppedCount > 0 && waiting.size < maxWaiting) {
        const count = droppedCount
        droppedCount = 0
        put(droppedFact, count)
      }
      return Array.from(waiting.values().take(max), (row) => ({ ...row }))
    },
    written(rows) {
      const byId = new Map(rows.map((row) => [row.id, row]))
      for (const row of waiting) if (byId.get(row.id)?.count === row.count) waiting.delete(row)
    },
    get dropped() {
      return droppedCount
    },
    get size() {
      return waiting.size
    },
  }
}

const droppedFact: AuditRecord = {
  event: 'DROPPED',
  userId: null,
  address: null,
  userAgent: null,
  subject: null,
  reason: 'memory',
  detail: 'So many more could not be kept, as the database was away for too long',
}

/**
 * Returns the key of facts that are counted together. Excludes the wording of a refusal, so that
 * different wordings share a row.
 */
function keyOf({ event, userId, address, userAgent, subject, reason }: AuditRecord): string {
  return JSON.stringify([event, userId, address, userAgent, subject, reason])
}

/** Returns the network of the address, by which facts without a user are limited. */
function networkOfFact({ address }: AuditRecord): string | null {
  return address === null ? null : networkOf(address)
}

function othersOf(fact: AuditRecord): AuditRecord {
  const { event, userId } = fact
  const detail = 'More of this caller in one minute than are told one by one'
  return { event, userId, address: networkOfFact(fact), userAgent: null, subject: null, reason: 'others', detail }
}

function othersOfAll({ event }: AuditRecord): AuditRecord {
  const detail = 'More in one minute than are told one by one, of several callers'
  return { event, userId: null, address: null, userAgent: null, subject: null, reason: 'others', detail }
}
