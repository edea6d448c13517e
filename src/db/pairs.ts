import type { Database } from './connect.ts'

/** A table whose rows say of two ids that they belong together. Names are written by us, never by users. */
export interface PairTable {
  readonly table: string
  readonly columns: readonly [first: string, second: string]
}

/** Which of these pairs a table has, in their order; one statement however many they are. */
export async function havePairs(
  { pool }: Pick<Database, 'pool'>,
  { table, columns: [first, second] }: PairTable,
  pairs: readonly (readonly [first: string, second: string])[],
): Promise<readonly boolean[]> {
  const { rows } = await pool.query<{ ord: number }>({
    name: `tidings-pairs-${table}`,
    text: `select ord::int from unnest($1::text[], $2::text[]) with ordinality as a(one, other, ord)
      where exists (select from ${table} where ${first} = a.one and ${second} = a.other)`,
    values: [pairs.map(([one]) => storable(one)), pairs.map(([, other]) => storable(other))],
  })
  const found = new Set(rows.map(({ ord }) => ord))
  return pairs.map((_, index) => found.has(index + 1))
}

/** An id with U+0000 names nothing, but PostgreSQL would refuse it together with all that others ask for beside it. */
function storable(id: string): string | null {
  return id.includes('\0') ? null : id
}
