/**
 * Measures the throughput of appends to the log:
 * `node test/bench/append.ts [--seconds 4] [--in-flight 1,8,50,200,500]`.
 *
 * On a separate embedded PostgreSQL with `synchronous_commit` on, each append is one TaskProgressed
 * of about 300 bytes to a task's topic, with the guard (status, attempt, worker, base) and the
 * task's row. Prints appends per second, median of three runs with their spread, and the latency of
 * an append.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type Appender, createAppender } from '../../src/log/append.ts'
import { silentLogger } from '../../src/logger.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, 'in-flight': { type: 'string', default: '1,8,50,200,500' } },
})
const runMs = Number(values.seconds) * 1_000
const runs = 3
const topicCount = 1_000

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/** Inserts one running task per topic, as a runner leaves it after its first event. */
async function seed(database: Database): Promise<void> {
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

interface Measured {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

async function measure(database: Database, inFlight: number): Promise<Measured> {
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
  tookMs.length = 0
  const startedAt = performance.now()
  await write(startedAt + runMs)
  const perSecond = tookMs.length / ((performance.now() - startedAt) / 1_000)
  tookMs.sort((a, b) => a - b)
  return { perSecond, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) }
}

const directory = await mkdtemp(join(tmpdir(), 'tidings-bench-'))
try {
  await using postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), logger: silentLogger })
  await using database = await connectDatabase({ url: postgres.url, maxConnections: 4, logger: silentLogger })
  await migrate(database, silentLogger)
  await seed(database)
  console.log('in flight   appends/s (spread of three)     p50 ms   p99 ms')
  for (const inFlight of values['in-flight'].split(',').map(Number)) {
    const measured: Measured[] = []
    for (let run = 0; run < runs; run++) measured.push(await measure(database, inFlight))
    measured.sort((a, b) => a.perSecond - b.perSecond)
    const median = measured[Math.floor(runs / 2)] ?? { perSecond: Number.NaN, p50: Number.NaN, p99: Number.NaN }
    const [slowest, fastest] = [measured[0], measured.at(-1)].map((one) => Math.round(one?.perSecond ?? Number.NaN))
    console.log(
      `${String(inFlight).padStart(9)}${String(Math.round(median.perSecond)).padStart(12)}` +
        ` (${slowest}–${fastest})`.padEnd(24) +
        `${median.p50.toFixed(2).padStart(9)}${median.p99.toFixed(2).padStart(9)}`,
    )
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
