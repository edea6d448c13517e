import type { PoolClient } from 'pg'
import type { Database } from '../../db/connect.ts'
import type { RateLimit } from '../model/task-definition.ts'

/**
 * The rate limit of a kind is read from the attempts of its tasks, which PostgreSQL stores with their times: there is nothing beside
 * them that could be lost or disagree, and every worker counts the same. Statements take the kind as `$1`, and from a number on the
 * parameters of the rate limit in this order, as many as they use.
 */
export const rateValues = ({ key, periodMs, limit }: RateLimit): readonly unknown[] => [key ?? null, periodMs, limit]

/** The expression for what a task shares its limit with; its parameter is the key of the rate limit. */
export const rateKey = (from: number): string =>
  `case when $${from}::text is null then '' when $${from} = 'owner' then owner
    else coalesce(input->>substr($${from}, length('input.') + 1), '') end`

/**
 * The common table expression `recent(key, at)`: the attempts that started within the period. An attempt of a finished task started
 * before its end, so that the index of finished tasks serves.
 */
const recentStarts = (from: number): string => {
  const since = `statement_timestamp() - $${from + 1}::float8 * interval '1 ms'`
  return `recent as materialized (
    select key, (entry->>'startedAt')::timestamptz as at from (
      select ${rateKey(from)} as key, attempts from tidings.task where kind = $1 and status = 'RUNNING'
      union all
      select ${rateKey(from)}, attempts from tidings.task where kind = $1 and status = 'RETRYING'
      union all
      select ${rateKey(from)}, attempts from tidings.task where kind = $1 and finished_at is not null and finished_at > ${since}
    ) t cross join lateral jsonb_array_elements(attempts) as entry
    where (entry->>'startedAt')::timestamptz > ${since}
  )`
}

/** The common table expressions `recent` and `limited(key, free_at)`: the keys that have reached their limit, and until when. */
export const limitedKeys = (from: number): string => `${recentStarts(from)},
  limited as materialized (
    select key, (array_agg(at order by at desc))[$${from + 2}::int] + $${from + 1}::float8 * interval '1 ms' as free_at
    from recent group by key having count(*) >= $${from + 2}::int
  )`

/**
 * Whether a task of a kind may start now. Exact while the caller holds the lock: it is taken until the end of the transaction, and
 * every claim of the kind takes it.
 */
export async function mayStart(
  client: PoolClient,
  { id, kind }: { readonly id: string; readonly kind: string },
  rateLimit: RateLimit,
): Promise<boolean> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('tidings.rate ' || $1, 0))`, [kind])
  const { rowCount } = await client.query(
    `with ${limitedKeys(3)}
     select from limited where key = (select ${rateKey(3)} from tidings.task where id = $2)`,
    [kind, id, ...rateValues(rateLimit)],
  )
  return rowCount === 0
}

/** A task that waits for its rate limit. */
interface LimitedTask {
  readonly id: string
  readonly attempt: number
  /** When the limit allows another start: ms since 1970. */
  readonly freeAt: number
  readonly waitMs: number
}

/** Returns the waiting task of a kind whose rate limit allows a start first; null when no task waits for its limit. */
export async function findLimited(
  { pool }: Pick<Database, 'pool'>,
  kind: string,
  rateLimit: RateLimit,
): Promise<LimitedTask | null> {
  const { rows } = await pool.query<LimitedTask>({
    name: 'tidings-limited',
    text: `with ${limitedKeys(2)}
      select id, attempt, (extract(epoch from free_at) * 1000)::float8 as "freeAt",
        greatest(0, extract(epoch from free_at - clock_timestamp()) * 1000)::float8 as "waitMs"
      from limited cross join lateral (
        (select id, attempt from tidings.task where status = 'RETRYING' and kind = $1 and next_attempt_at <= now()
           and ${rateKey(2)} = limited.key order by next_attempt_at limit 1)
        union all
        (select id, attempt from tidings.task where status = 'QUEUED' and kind = $1 and ${rateKey(2)} = limited.key
           order by queue_key, id limit 1)
        limit 1
      ) next
      order by free_at limit 1`,
    values: [kind, ...rateValues(rateLimit)],
  })
  return rows[0] ?? null
}

/** The starts of a kind that its rate limit counts. */
export interface RecentStart {
  readonly key: string
  /** Time since the start in milliseconds. */
  readonly agoMs: number
}

/** Returns the attempts of a kind that started within the period of its rate limit, oldest first. */
export async function readRecentStarts(
  { pool }: Pick<Database, 'pool'>,
  kind: string,
  rateLimit: RateLimit,
): Promise<readonly RecentStart[]> {
  const { rows } = await pool.query<RecentStart>({
    name: 'tidings-recent-starts',
    text: `with ${recentStarts(2)}
      select key, (extract(epoch from clock_timestamp() - at) * 1000)::float8 as "agoMs" from recent order by at`,
    values: [kind, ...rateValues(rateLimit).slice(0, 2)],
  })
  return rows
}
