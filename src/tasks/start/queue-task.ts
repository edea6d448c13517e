import { z } from 'zod'
import type { JsonObject } from '../../db/tables.ts'
import { inTransaction, type Transaction } from '../../db/transaction.ts'

/** The input of `tidings.queue_task` (migration 0031), which describes its members. */
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

/**
 * Queues a task in a transaction: writes its row, its topic with the first event, and its idempotency key.
 *
 * @param schema - of the engine
 * @throws TypeError when the transaction does not return rows; any error of its statement
 */
export async function queueTask(
  transaction: Transaction,
  schema: string,
  request: QueueRequest,
): Promise<z.infer<typeof queued>> {
  return queued.parse(
    await inTransaction(transaction, schema)`select tidings.queue_task(${request}::text::jsonb)::text as answer`,
  )
}
