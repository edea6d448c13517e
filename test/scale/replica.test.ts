import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTaskStore } from '../../src/tasks/model/store.ts'
import { startPostgresPair } from '../support/postgres-pair.ts'

const tasks = 500
const eventsPerTask = 200

interface Work {
  readonly rows: number
  readonly blocks: number
}

test('a replica takes lists, history and missed events off the primary', { timeout: 300_000 }, async () => {
  await using pair = await startPostgresPair()
  const connect = (replicaUrl?: string) =>
    connectDatabase({ url: pair.url, replicaUrl, maxConnections: 10, logger: silentLogger })
  await using database = await connect()
  await migrate(database, silentLogger)
  await database.pool.query(
    `with added as (
       insert into tidings.topic (name, seq) select 'task:t_' || i, $2::int from generate_series(1, $1::int) i returning name
     ), started as (
       insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
       select 't_' || i, 'BENCH', 'RUNNING', 'u_' || i % 20, '{}', 1, 3, '{}', now(), now() from generate_series(1, $1::int) i
     )
     insert into tidings.event (topic, seq, type, at, payload)
     select name, seq, 'TaskProgressed', now(), '{"attempt":1,"progress":{"percent":3,"message":"Reading the sources"}}'
     from added cross join generate_series(1, $2::int) seq`,
    [tasks, eventsPerTask],
  )
  await database.pool.query('vacuum analyze')

  /** Reads as after a reconnection of all subscribers, and returns the work of the primary. */
  const measure = async (replicaUrl?: string): Promise<Work> => {
    await pair.replicated()
    const before = await readWork()
    {
      await using reading = await connect(replicaUrl)
      const reader = await createLogReader(reading)
      const store = createTaskStore(reading)
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          Array.from({ length: tasks }, (_, index) => reader.read(`task:t_${index + 1}`, eventsPerTask / 2, 1_000)),
        )
        await Promise.all(Array.from({ length: 20 }, (_, index) => store.list({ owner: `u_${index}`, limit: 25 })))
      }
    }
    const after = await readWork()
    return { rows: after.rows - before.rows, blocks: after.blocks - before.blocks }
  }
  const readWork = async (): Promise<Work> => {
    // A backend reports its numbers when it ends, or after a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const { rows } = await database.pool.query<Work>(
      `select tup_returned::float8 as rows, (blks_hit + blks_read)::float8 as blocks from pg_stat_database where datname = current_database()`,
    )
    return rows[0] ?? { rows: Number.NaN, blocks: Number.NaN }
  }
  const alone = await measure()
  const relieved = await measure(pair.replicaUrl)
  console.log(
    `work of the primary for ${tasks * 5} catch-ups of ${eventsPerTask / 2} events and 100 lists: ` +
      `${alone.rows} rows and ${alone.blocks} blocks alone, ${relieved.rows} and ${relieved.blocks} with a replica ` +
      `(${((relieved.rows / alone.rows) * 100).toFixed(1)} % and ${((relieved.blocks / alone.blocks) * 100).toFixed(1)} %)`,
  )
  expect(alone.rows).toBeGreaterThan(tasks * 5 * (eventsPerTask / 2))
  expect(relieved.rows / alone.rows).toBeLessThan(0.2)
})
