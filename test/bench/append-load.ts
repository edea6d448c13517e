import type { Database } from '../../src/db/connect.ts'
import { type Appender, createAppender } from '../../src/log/append.ts'
import { silentLogger } from '../../src/logger.ts'
import { percentile } from './statistics.ts'

/** Inserts one running task per topic, as a runner leaves it after its first event. @param topicCount - default 1,000 */
export async function seedRunningTasks(database: Database, topicCount = 1_000): Promise<void> {
  await database.pool.query(
    `insert into tidings.topic (name) select 'task:t_' || i from generate_series(0, ${topicCount - 1}) i`,
  )
  await database.pool.query(`
    insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, worker, created_at, started_at)
    select 't_' || i, 'BENCH', 'RUNNING', 'u_1', '{}', 1, 3, '{}', now(), 'w_1', now(), now() from generate_series(0, ${topicCount - 1}) i`)
  await database.pool.query('vacuum analyze tidings.topic')
  await database.pool.query('vacuum analyze tidings.task')
}

/** Appends to one task's topic serially, as its runner does. */
function createWriter(appender: Appender, id: string, firstBase: number): () => Promise<void> {
  let base = firstBase
  return async () => {
    const percent = base % 100
    const progress = {
      percent,
      stage: 'generate',
      stages: [
        { name: 'parse', percent: 100 },
        { name: 'generate', percent },
      ],
      items: { total: 120, completed: percent, failed: 0 },
      message: 'Writing the tutorial of the concept at hand, with its resources and a quiz',
      remainingMs: 120_000 - base,
    }
    const result = await appender.append({
      topic: `task:${id}`,
      base,
      events: [{ type: 'TaskProgressed', payload: { attempt: 1, progress } }],
      task: { id, expect: ['RUNNING'], attempt: 1, worker: 'w_1', set: { progress } },
    })
    if (!result.accepted) throw new Error(`The append to ${id} at ${base} was refused: ${JSON.stringify(result)}`)
    base = result.seq
  }
}

/** The throughput and latency of appends. */
export interface MeasuredAppends {
  readonly count: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/**
 * Appends with a number of writers for a time, after a warm-up of a quarter of it. The database has the tasks of
 * {@link seedRunningTasks}.
 */
export async function measureAppends(
  database: Database,
  {
    inFlight,
    runMs,
    warmedUp,
  }: { readonly inFlight: number; readonly runMs: number; readonly warmedUp?: () => Promise<void> },
): Promise<MeasuredAppends> {
  await using appender = createAppender({ database, logger: silentLogger, publish: () => undefined })
  const { rows } = await database.pool.query<{ name: string; seq: number }>(
    'select name, seq from tidings.topic order by random() limit $1',
    [inFlight],
  )
  const writers = rows.map(({ name, seq }) => createWriter(appender, name.slice('task:'.length), seq))
  const tookMs: number[] = []
  const write = async (untilMs: number): Promise<void> => {
    await Promise.all(
      writers.map(async (append) => {
        while (performance.now() < untilMs) {
          const startedAt = performance.now()
          await append()
          tookMs.push(performance.now() - startedAt)
        }
      }),
    )
  }
  await write(performance.now() + runMs / 4)
  await warmedUp?.()
  tookMs.length = 0
  const startedAt = performance.now()
  await write(startedAt + runMs)
  const perSecond = tookMs.length / ((performance.now() - startedAt) / 1_000)
  return { count: tookMs.length, perSecond, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) }
}
