import { type Database, TidingsError } from '../engine.ts'
import type { Quota, QuotaLimits } from './config.ts'

/** The objects and the storage that each user may have. */
export interface Quotas {
  /**
   * Checks that a user may create one more object.
   *
   * The check is not part of the transaction that creates the object: concurrent requests may exceed
   * a quota by as many as they are, which the budgets of operations bound.
   *
   * @param options.key - the idempotency key or client id of the request: a repeated request is never
   * refused, as it creates nothing
   * @param options.bytes - the size of the object, for documents
   * @throws TidingsError `CONFLICT`
   */
  check(
    kind: Exclude<Quota, 'storageMb'>,
    owner: string,
    options?: { readonly key?: string | null | undefined; readonly bytes?: number },
  ): Promise<void>
}

const bytesPerMb = 1_000_000

const deleteOne = 'delete one to create another'
/** How to count each kind of object, find the one of a repeated request, and make room for another. */
const tables = {
  documents: {
    table: 'studio.document',
    remedy: deleteOne,
    known: 'select from studio.document where owner = $1 and import_key = $2',
  },
  roadmaps: {
    table: 'studio.roadmap',
    remedy: deleteOne,
    known: 'select from tidings.idempotency where owner = $1 and key = $2',
  },
  quizzes: {
    table: 'studio.quiz',
    remedy: deleteOne,
    known: 'select from tidings.idempotency where owner = $1 and key = $2',
  },
  projects: {
    table: 'studio.project',
    remedy: deleteOne,
    known: 'select from tidings.idempotency where owner = $1 and key = $2',
  },
  // A closed session can be read for good, and does not count.
  sessions: {
    table: '(select owner from studio.session where closed_at is null) open_session',
    remedy: 'close one to create another',
    known: 'select from studio.session where owner = $1 and client_id = $2',
  },
} as const

/** Creates the quotas. */
export function createQuotas({ database }: { readonly database: Database }, limits: QuotaLimits): Quotas {
  const { pool } = database
  return {
    async check(kind, owner, { key = null, bytes = 0 } = {}) {
      const { table, known: repetitionQuery, remedy } = tables[kind]
      const isRepeated = async (): Promise<boolean> =>
        key !== null && ((await pool.query(repetitionQuery, [owner, key])).rowCount ?? 0) > 0
      if (limits[kind] > 0) {
        const { rows } = await pool.query<{ count: number }>(
          `select count(*)::int as count from (select from ${table} where owner = $1 limit $2) owned`,
          [owner, limits[kind]],
        )
        if ((rows[0]?.count ?? 0) >= limits[kind] && !(await isRepeated()))
          throw new TidingsError(
            'CONFLICT',
            `You have ${limits[kind]} ${kind === 'sessions' ? 'open sessions' : kind}, the most that one user may have (QUOTAS); ${remedy}`,
          )
      }
      if (kind !== 'documents' || limits.storageMb === 0) return
      const { rows } = await pool.query<{ bytes: string | null }>(
        'select sum(size_bytes) as bytes from studio.document where owner = $1',
        [owner],
      )
      if (Number(rows[0]?.bytes ?? 0) + bytes <= limits.storageMb * bytesPerMb || (await isRepeated())) return
      throw new TidingsError(
        'CONFLICT',
        `The documents of one user may have ${limits.storageMb} MB (QUOTAS), and with this one yours would have more; delete some first`,
      )
    },
  }
}
