import { type Appender, type Database, TidingsError, withTransaction } from '../../engine.ts'
import { noteChange } from './updates.ts'

/** A user with read access to a document, other than its owner. */
export interface DocumentReader {
  readonly userId: string
  readonly sharedAt: Date
}

/** Shares of documents. The caller must check that the viewer owns the document. */
export interface Sharing {
  /** Returns which of these documents are shared with a user. */
  sharedWith(ids: readonly string[], userId: string): Promise<ReadonlySet<string>>
  /** The readers of documents, in the order of `ids`, each oldest first. */
  readers(ids: readonly string[]): Promise<readonly (readonly DocumentReader[])[]>
  /**
   * Shares a document. Idempotent.
   * @throws TidingsError `BAD_INPUT`, `NOT_FOUND`
   */
  share(id: string, userId: string): Promise<void>
  /** Revokes a share. Idempotent. */
  revoke(id: string, userId: string): Promise<void>
}

const maxUserIdCharacters = 255

/**
 * Creates the store of shares.
 * @param options.changed - called when a user has lost access to a document
 */
export function createSharing(options: {
  readonly database: Database
  readonly appender: Appender
  readonly changed: (id: string) => void
}): Sharing {
  const { database, appender, changed: notifyChange } = options
  const { pool } = database
  return {
    async sharedWith(ids, userId) {
      const { rows } = await pool.query<{ document_id: string }>(
        'select document_id from studio.document_share where document_id = any($1::text[]) and user_id = $2',
        [ids, userId],
      )
      return new Set(rows.map(({ document_id }) => document_id))
    },
    async readers(ids) {
      const { rows } = await pool.query<{ document_id: string; user_id: string; created_at: Date }>(
        `select document_id, user_id, created_at from studio.document_share
         where document_id = any($1::text[]) order by document_id, created_at, user_id`,
        [ids],
      )
      const byId = Map.groupBy(rows, ({ document_id }) => document_id)
      return ids.map((id) =>
        (byId.get(id) ?? []).map(({ user_id, created_at }) => ({ userId: user_id, sharedAt: created_at })),
      )
    },
    async share(id, userId) {
      if (userId.trim() === '' || userId.length > maxUserIdCharacters || userId.includes('\0')) {
        const message = `A user's id has 1 to ${maxUserIdCharacters} characters`
        throw new TidingsError('BAD_INPUT', message, { issues: [{ path: 'input.userId', message }] })
      }
      await withTransaction(database, async (client) => {
        const document = await client.query('select from studio.document where id = $1 for key share', [id])
        if (document.rowCount === 0) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
        const { rowCount } = await client.query(
          'insert into studio.document_share (document_id, user_id) values ($1, $2) on conflict do nothing',
          [id, userId],
        )
        if (rowCount !== 0) await noteChange(appender, client, id, 'SHARED')
      })
    },
    async revoke(id, userId) {
      await withTransaction(database, async (client) => {
        const { rowCount } = await client.query(
          'delete from studio.document_share where document_id = $1 and user_id = $2',
          [id, userId],
        )
        if (rowCount !== 0) await noteChange(appender, client, id, 'REVOKED')
      })
      notifyChange(id)
    },
  }
}
