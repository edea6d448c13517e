import type { Database } from '../db/connect.ts'
import { activeTasks } from './active.ts'
import type { Line } from './line.ts'

/**
 * Tasks further back get their plain rank in the queue as position; a forecast that far ahead would
 * be a guess anyway.
 */
const longestLine = 2_000

/**
 * Returns the kinds of `limits` of which an owner has more tasks waiting and running than may run
 * at once.
 */
export async function readCrowded(
  { pool }: Pick<Database, 'pool'>,
  limits: ReadonlyMap<string, number>,
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ kind: string }>({
    name: 'tidings-crowded',
    text: `select distinct c.kind from (
        select kind, owner, count(*) as count from ${activeTasks} a
        where status <> 'RETRYING' and kind = any($1::text[]) group by kind, owner
      ) c join unnest($1::text[], $2::int[]) as l(kind, per_user) on l.kind = c.kind
      where c.count > l.per_user`,
    values: [[...limits.keys()], [...limits.values()]],
  })
  return rows.map(({ kind }) => kind)
}

/** Reads the queue of a kind, as far as it is forecast. */
export async function readLine({ pool }: Pick<Database, 'pool'>, kind: string): Promise<Line> {
  const [waiting, running] = await Promise.all([
    pool.query<{ id: string; owner: string }>({
      name: 'tidings-line',
      text: `select id, owner from task where status = 'QUEUED' and kind = $1 order by queue_key, id limit $2`,
      values: [kind, longestLine],
    }),
    pool.query<{ owner: string; elapsedMs: number }>({
      name: 'tidings-line-running',
      text: `select owner, coalesce(extract(epoch from clock_timestamp() - started_at) * 1000, 0)::float8 as "elapsedMs"
        from task where status = 'RUNNING' and kind = $1`,
      values: [kind],
    }),
  ])
  return { waiting: waiting.rows, running: running.rows }
}
