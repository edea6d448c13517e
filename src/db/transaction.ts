import { z } from 'zod'
import { nameSchema } from '../schema-name.ts'

/**
 * An open transaction on the database of Tidings: an object whose `query` runs a statement in it, such as a client of `pg`, or a
 * template tag, as other libraries have. Not a pool, which runs each statement on its own. The result of a statement is an array of
 * rows, or an object that has one as `rows`.
 *
 * @example
 * await client.query('begin')                                                    // pg
 * const transaction: Transaction = client
 * @example
 * const transaction: Transaction = (strings, ...values) => sql(strings, ...values).execute(trx)       // Kysely
 * @example
 * const transaction: Transaction = (strings, ...values) => tx.execute(sql(strings, ...values))        // Drizzle
 * @example
 * const transaction: Transaction = (strings, ...values) => tx.$queryRaw(strings, ...values)           // Prisma
 */
export type Transaction =
  // A pool of `pg` has the other member, so that TypeScript refuses it.
  | { query(text: string, values: string[]): PromiseLike<unknown>; readonly totalCount?: never }
  | ((strings: TemplateStringsArray, ...values: string[]) => PromiseLike<unknown>)

const rows = z.tuple([z.object({ answer: z.string() })])
const answer = z.union([rows, z.object({ rows }).transform((result) => result.rows)])

/**
 * Returns a template tag that runs a statement in a transaction of the application: one that returns JSON as the text `answer`.
 *
 * @param schema - the schema of the engine's functions, which the statement names `tidings`
 * @throws TypeError when the transaction does not return rows; any error of the statement
 * @example
 * await inTransaction(transaction, database.schema)`select tidings.queue_task(${request}::text::jsonb)::text as answer`
 */
export function inTransaction(
  transaction: Transaction,
  schema: string,
): (strings: TemplateStringsArray, request: object) => Promise<unknown> {
  const named = (texts: readonly string[]): string[] => texts.map((text) => nameSchema(text, schema))
  return async (strings, request) => {
    // A parameter and a column of type text: libraries differ in how they write and read JSON.
    const text = JSON.stringify(request)
    const result = await (typeof transaction === 'function'
      ? transaction(Object.assign(named(strings), { raw: named(strings.raw) }), text)
      : transaction.query(named(strings).join('$1'), [text]))
    const parsed = answer.safeParse(result)
    if (!parsed.success)
      throw new TypeError(
        'The transaction returned no rows: it has to return those of its statement, or an object with `rows`',
      )
    return JSON.parse(parsed.data[0].answer)
  }
}
