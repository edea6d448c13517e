import type { Database } from '../db/connect.ts'
import type { AuditEvent, AuditRecord } from './audit-event.ts'

/** An entry of the audit log. */
export interface AuditEntry extends AuditRecord {
  readonly id: string
  /** Time of the first occurrence. */
  readonly createdAt: Date
  /** Time of the last occurrence. */
  readonly until: Date
  /** Number of occurrences, including the first and the last. */
  readonly count: number
}

/** A filter of entries; omitted fields match everything. */
interface AuditFilter {
  readonly userId?: string | undefined
  readonly event?: AuditEvent | undefined
  /** Entries that began at this time or later. */
  readonly since?: Date | undefined
}

interface Row {
  readonly id: string
  readonly at: Date
  readonly until: Date
  readonly event: AuditEvent
  readonly user_id: string | null
  readonly address: string | null
  readonly user_agent: string | null
  readonly subject: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly count: number
}

/**
 * Reads entries, newest first.
 * @param options.after - the last entry of the previous page
 */
export async function readAuditLog(
  database: Pick<Database, 'pool'>,
  options: {
    readonly filter: AuditFilter
    readonly limit: number
    readonly after?: { readonly createdAt: Date; readonly id: string } | undefined
  },
): Promise<readonly AuditEntry[]> {
  const { filter, limit, after } = options
  const { rows } = await database.pool.query<Row>(
    `select * from tidings.audit
     where ($1::text is null or user_id = $1) and ($2::text is null or event = $2)
       and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or (at, id) < ($4, $5))
     order by at desc, id desc limit $6`,
    [filter.userId, filter.event, filter.since, after?.createdAt, after?.id, limit],
  )
  return rows.map(({ at, user_id, user_agent, ...row }) => ({
    ...row,
    createdAt: at,
    userId: user_id,
    userAgent: user_agent,
  }))
}

/**
 * Deletes entries that have not recurred for a number of days.
 * @returns the number of deleted entries; fewer than `maxRows` means that none is left
 */
export async function pruneAuditLog(
  database: Pick<Database, 'pool'>,
  { keptDays, maxRows }: { readonly keptDays: number; readonly maxRows: number },
): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from tidings.audit where id in (
      select id from tidings.audit where until < now() - $1::float8 * interval '1 day'
      order by until limit $2 for update skip locked
    )`,
    [keptDays, maxRows],
  )
  return rowCount ?? 0
}
