import { z } from 'zod'
import type { JsonObject } from '../../db/tables.ts'

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

/** The input of `tidings.queue_task` (migration 0027), which describes its members. */
interface QueueRequest {
  readonly kind: string
  readonly input: JsonObject
  readonly owner: string
  readonly id?: string
  readonly idempotencyKey?: string | undefined
  readonly digest?: string
  readonly keptHours?: number
  readonly maxStartsPerMinute?: number
  readonly maxAttempts: number
  readonly retryOf?: string | undefined
  readonly subject?: string | undefined
  readonly size?: number | undefined
  readonly variant?: string | undefined
  readonly totalItems?: number
  readonly headStartMs?: number | undefined
  readonly trace?: string | undefined
  readonly announce?: boolean
}

const queued = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('NEW'), id: z.string(), at: z.number(), epoch: z.string() }),
  z.object({ outcome: z.enum(['SAME', 'REUSED']), id: z.string() }),
  z.object({ outcome: z.literal('LIMITED'), retryAfterMs: z.number() }),
])

const rows = z.tuple([z.object({ queued: z.string() })])
const answer = z.union([rows, z.object({ rows }).transform((result) => result.rows)])

/**
 * Queues a task in a transaction: writes its row, its topic with the first event, and its idempotency key.
 *
 * @throws TypeError when the transaction does not return rows; any error of its statement
 */
export async function queueTask(transaction: Transaction, request: QueueRequest): Promise<z.infer<typeof queued>> {
  const text = JSON.stringify(request)
  // A parameter and a column of type text: libraries differ in how they write and read JSON.
  const result = await (typeof transaction === 'function'
    ? transaction`select tidings.queue_task(${text}::text::jsonb)::text as queued`
    : transaction.query('select tidings.queue_task($1::text::jsonb)::text as queued', [text]))
  const parsed = answer.safeParse(result)
  if (!parsed.success)
    throw new TypeError(
      'The transaction returned no rows: it has to return those of its statement, or an object with `rows`',
    )
  return queued.parse(JSON.parse(parsed.data[0].queued))
}
