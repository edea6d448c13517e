import { z } from 'zod'
import { engineSchema, nameSchema } from '../schema-name.ts'

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
  return async (strings, request) => {
    const named = nameSchemaIn(strings, schema)
    // A parameter and a column of type text: libraries differ in how they write and read JSON.
    const text = JSON.stringify(request)
    const result = await (typeof transaction === 'function'
      ? transaction(named, text)
      : transaction.query(named.join('$1'), [text]))
    const parsed = answer.safeParse(result)
    if (!parsed.success)
      throw new TypeError(
        'The transaction returned no rows: it has to return those of its statement, or an object with `rows`',
      )
    return JSON.parse(parsed.data[0].answer)
  }
}

/** Some libraries recognize a statement by the identity of its strings. */
function nameSchemaIn(strings: TemplateStringsArray, schema: string): TemplateStringsArray {
  if (schema === engineSchema) return strings
  const nameAll = (texts: readonly string[]): readonly string[] => texts.map((text) => nameSchema(text, schema))
  return Object.assign(nameAll(strings), { raw: nameAll(strings.raw) })
}
