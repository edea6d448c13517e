import type { Pool, PoolClient } from 'pg'
import { TidingsError } from '../../errors.ts'

/**
 * Serializes the starts of one owner until the end of the transaction, across all servers: of
 * concurrent requests with the same key, exactly one is new, and the limit is exact.
 */
export async function lockStarts(client: PoolClient, owner: string): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('tidings start ' || $1, 0))`, [owner])
}

/**
 * Refuses a start beyond the limit of its owner. Starts are counted from the tasks themselves, so the
 * limit holds across servers and restarts; also from those that were deleted since, or deleting would
 * lift the limit.
 *
 * @throws TidingsError `RATE_LIMITED` with `retryAfterMs`
 */
export async function checkStartRate(
  client: Pool | PoolClient,
  owner: string,
  maxStartsPerMinute: number,
): Promise<void> {
  // The count uses the statement's time: a time that may change while the statement runs cannot be
  // looked up in an index.
  const { rows } = await client.query<{ count: number; retryAfterMs: number | null }>(
    `select count(*)::int as count,
       ceil(extract(epoch from min(created_at) + interval '1 minute' - clock_timestamp()) * 1000)::int as "retryAfterMs"
     from (
       (select created_at from task where owner = $1 and created_at > statement_timestamp() - interval '1 minute'
        order by created_at desc limit $2)
       union all
       (select created_at from task where owner = '' and erased_owner = hashtextextended($1, 0)
          and created_at > statement_timestamp() - interval '1 minute'
        order by created_at desc limit $2)
       order by created_at desc limit $2
     ) last`,
    [owner, maxStartsPerMinute],
  )
  const { count, retryAfterMs } = rows[0] ?? { count: 0, retryAfterMs: null }
  if (count < maxStartsPerMinute || retryAfterMs === null) return
  throw new TidingsError(
    'RATE_LIMITED',
    `At most ${maxStartsPerMinute} tasks can be started in a minute; try again in ${Math.ceil(retryAfterMs / 1000)} s`,
    { retryAfterMs: Math.max(1, retryAfterMs) },
  )
}
