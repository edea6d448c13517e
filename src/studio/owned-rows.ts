import type { Database } from '../engine.ts'

/** Reads objects that each belong to one owner. */
export interface OwnedRows<T> {
  /** In the order of `ids`; null for unknown ids. */
  getMany(ids: readonly string[]): Promise<readonly (T | null)[]>
  /** An owner's objects, newest first. */
  list(options: {
    readonly owner: string
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly T[]>
}

/**
 * Creates the reader of a table with the columns `id`, `owner` and `created_at`.
 *
 * @param columns - select the properties of an object by their names
 */
export function createOwnedRows<T extends { readonly id: string }>(
  { pool }: Pick<Database, 'pool'>,
  table: string,
  columns: string,
): OwnedRows<T> {
  return {
    async getMany(ids) {
      const { rows } = await pool.query<T>(`select ${columns} from ${table} where id = any($1::text[])`, [ids])
      const byId = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    async list({ owner, before, limit }) {
      const { rows } = await pool.query<T>(
        `select ${columns} from ${table}
         where owner = $1 and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::text))
         order by created_at desc, id desc limit $4`,
        [owner, before?.createdAt ?? null, before?.id ?? null, limit],
      )
      return rows
    },
  }
}
