import type { Database } from './connect.ts'

/** A table with rows that relate two ids. The names are constants of the code, never user input. */
interface PairTable {
  readonly table: string
  readonly columns: readonly [first: string, second: string]
}

/**
 * Returns which of the given pairs a table contains, in order; one statement for any number of
 * pairs.
 */
export async function havePairs(
  { pool }: Pick<Database, 'pool'>,
  { table, columns: [first, second] }: PairTable,
  pairs: readonly (readonly [first: string, second: string])[],
): Promise<readonly boolean[]> {
  const { rows } = await pool.query<{ ord: number }>({
    name: `tidings-pairs-${table}`,
    text: `select ord::int from unnest($1::text[], $2::text[]) with ordinality as a(one, other, ord)
      where exists (select from ${table} where ${first} = a.one and ${second} = a.other)`,
    values: [pairs.map(([firstValue]) => storable(firstValue)), pairs.map(([, secondValue]) => storable(secondValue))],
  })
  const presentOrds = new Set(rows.map(({ ord }) => ord))
  return pairs.map((_, index) => presentOrds.has(index + 1))
}

/**
 * An id with U+0000 matches nothing, but PostgreSQL would reject the whole query with all other ids
 * in it.
 */
function storable(id: string): string | null {
  return id.includes('\0') ? null : id
}
