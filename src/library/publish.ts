import { z } from 'zod'
import { toUnavailable } from '../db/retry.ts'
import { inTransaction, type Transaction } from '../db/transaction.ts'
import { TidingsError } from '../errors.ts'
import type { AppendRequest } from '../log/append-request.ts'
import { createTopic } from '../log/topic.ts'
import type { Engine } from '../tasks/engine.ts'

/** Appends events to a topic, which is created with its first event. */
export async function publish(
  { appender, database }: Engine,
  request: AppendRequest,
): Promise<{ readonly seq: number }> {
  const { topic } = request
  try {
    let result = await appender.append(request)
    if (!result.accepted && result.seq === null) {
      await createTopic(database.pool, topic)
      result = await appender.append(request)
    }
    if (!result.accepted) throw createEnded(topic)
    return { seq: result.seq }
  } catch (error) {
    throw toUnavailable(error)
  }
}

const published = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('PUBLISHED'), seq: z.number() }),
  z.object({ outcome: z.literal('ENDED') }),
])

/**
 * Appends events to a topic in a transaction of the application. The database itself notifies the servers when it commits
 * (`src/log/committed-events.ts`).
 */
export async function publishWithin(
  transaction: Transaction,
  request: Pick<AppendRequest, 'topic' | 'events' | 'close'>,
  schema: string,
): Promise<{ readonly seq: number }> {
  const result = published.parse(
    await inTransaction(transaction, schema)`select tidings.publish_events(${request}::text::jsonb)::text as answer`,
  )
  if (result.outcome === 'ENDED') throw createEnded(request.topic)
  return { seq: result.seq }
}

function createEnded(topic: string): TidingsError {
  return new TidingsError('CONFLICT', `The topic "${topic}" has ended; nothing can follow`)
}
