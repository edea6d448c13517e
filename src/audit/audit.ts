import { createSingleFlight } from '../async/single-flight.ts'
import { withTimeout } from '../async/timeout.ts'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'
import { type AuditDetails, type AuditEvent, type Caller, toAuditRecord } from './audit-event.ts'
import { type Collector, type CollectorLimits, createCollector } from './collector.ts'

/** Writes audit entries. Disposing writes the pending ones. */
export interface Audit extends AsyncDisposable {
  /**
   * Records an entry: synchronous, never throws. It is in the database in a moment, or within a
   * second under load.
   */
  note(event: AuditEvent, caller: Caller, about?: AuditDetails): void
  /** Writes pending entries now. Never rejects: a failed write is retried. */
  flush(): Promise<void>
  /** Time of the last write; null when there was none. */
  readonly writtenAt: Date | null
}

const batchRows = 500
/** Maximum time that a shutdown waits for an unavailable database. */
const flushTimeoutMs = 2_000

/**
 * Creates the writer of the audit log: entries are collected in memory and written in batches, so
 * callers never wait. The first one after a quiet period is written immediately, the following ones
 * together. A process that is killed loses the entries recorded within `everyMs` of the last write;
 * a graceful shutdown loses nothing.
 *
 * @param options.everyMs - time between two writes; default 1 s
 * @param options.limits - of the entries kept in memory and written, see {@link createCollector}
 */
export function createAudit(options: {
  readonly database: Pick<Database, 'pool'>
  readonly logger: Logger
  readonly everyMs?: number
  readonly limits?: CollectorLimits
}): Audit {
  const { database, logger, everyMs = 1_000, limits } = options
  const collector = createCollector(limits)
  let writtenAt: Date | null = null
  let isFailing = false

  const writeAll = async (): Promise<void> => {
    for (let rows = collector.take(batchRows); rows.length > 0; rows = collector.take(batchRows)) {
      await write(database, rows)
      collector.written(rows)
      writtenAt = new Date()
      if (isFailing) logger.info('resumed writing the audit log')
      isFailing = false
      // Rows that have grown in the meantime can wait for the next write.
      if (rows.length < batchRows) return
    }
  }
  const writeOnce = createSingleFlight(() =>
    writeAll().catch((error: unknown) => {
      if (!isFailing) logger.warn({ err: error }, 'failed to write the audit log; keeping entries in memory')
      isFailing = true
    }),
  )
  let flushedAtMs = Number.NEGATIVE_INFINITY
  const flush = (): Promise<void> => {
    flushedAtMs = performance.now()
    return writeOnce()
  }
  const timer = setInterval(() => {
    if (collector.size > 0) void flush()
  }, everyMs).unref()

  return {
    note(event, caller, about) {
      collector.add(toAuditRecord(event, caller, about))
      if (performance.now() - flushedAtMs < everyMs) return
      // Entries recorded in the same tick are written together.
      flushedAtMs = performance.now()
      setImmediate(() => void flush())
    },
    flush,
    get writtenAt() {
      return writtenAt
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await withTimeout(flushTimeoutMs, (writeOnce.pending() ?? Promise.resolve()).then(flush))
      if (collector.size > 0)
        logger.error({ rows: collector.size }, 'failed to write the last entries of the audit log')
    },
  }
}

/**
 * Writes rows. Writing a row again only increases its count: a row that was written, but not
 * confirmed, is not counted twice.
 */
async function write(database: Pick<Database, 'pool'>, rows: ReturnType<Collector['take']>): Promise<void> {
  const column = <T>(read: (row: (typeof rows)[number]) => T): T[] => rows.map(read)
  await database.pool.query(
    `insert into tidings.audit (id, at, until, event, user_id, address, user_agent, subject, reason, detail, count)
     select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
       $7::text[], $8::text[], $9::text[], $10::text[], $11::int[])
     on conflict (id) do update set
       until = greatest(audit.until, excluded.until), count = greatest(audit.count, excluded.count)`,
    [
      column(({ id }) => id),
      column(({ atMs }) => new Date(atMs)),
      column(({ untilMs }) => new Date(untilMs)),
      column(({ event }) => event),
      column(({ userId }) => userId),
      column(({ address }) => address),
      column(({ userAgent }) => userAgent),
      column(({ subject }) => subject),
      column(({ reason }) => reason),
      column(({ detail }) => detail),
      column(({ count }) => Math.min(count, 2_147_483_647)),
    ],
  )
}
