import type { Pool, PoolClient } from 'pg'
import { TidingsError } from '../../errors.ts'
import type { StartRequest } from './start-request.ts'

/**
 * Serializes the starts of one owner until the end of the transaction, across all servers, so that the limit is exact. Those with one
 * idempotency key are serialized before that: a start in a transaction of the application locks only its key, for as long as that
 * transaction takes.
 */
export async function lockStarts(
  client: PoolClient,
  { owner, idempotencyKey }: Pick<StartRequest, 'owner' | 'idempotencyKey'>,
): Promise<void> {
  if (idempotencyKey !== undefined) await client.query('select tidings.lock_key($1, $2)', [owner, idempotencyKey])
  await client.query(`select pg_advisory_xact_lock(hashtextextended('tidings.start ' || $1, 0))`, [owner])
}

/** Creates the error for a start beyond the limit of its owner. */
export function createTooManyStarts(maxStartsPerMinute: number, retryAfterMs: number): TidingsError {
  return new TidingsError(
    'RATE_LIMITED',
    `At most ${maxStartsPerMinute} tasks can be started in a minute; try again in ${Math.ceil(retryAfterMs / 1000)} s`,
    { retryAfterMs: Math.max(1, retryAfterMs) },
  )
}

/**
 * Refuses a start beyond the limit of its owner.
 *
 * @throws TidingsError `RATE_LIMITED` with `retryAfterMs`
 */
export async function checkStartRate(
  client: Pool | PoolClient,
  owner: string,
  maxStartsPerMinute: number,
): Promise<void> {
  const { rows } = await client.query<{ count: number; retryAfterMs: number | null }>(
    'select count, retry_after_ms as "retryAfterMs" from tidings.starts_in_last_minute($1, $2)',
    [owner, maxStartsPerMinute],
  )
  const { count, retryAfterMs } = rows[0] ?? { count: 0, retryAfterMs: null }
  if (count < maxStartsPerMinute || retryAfterMs === null) return
  throw createTooManyStarts(maxStartsPerMinute, retryAfterMs)
}
