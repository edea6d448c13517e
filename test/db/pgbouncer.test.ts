import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { connectDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { advance } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { createTestDatabase } from '../support/database.ts'
import { startTestEngine, typesOf } from '../support/engine.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { startRedis } from '../support/redis.ts'

const work = createTaskDefinition({
  kind: 'WORK',
  input: z.object({}),
  concurrency: 5,
  async *run({ signal }) {
    for (const percent of [20, 40, 60, 80]) {
      yield advance({ percent })
      await pause(20, undefined, { signal })
    }
    return {}
  },
}) as TaskDefinition

test('tasks, their subscribers, the queue and migrations work over a pool of transactions', async () => {
  await using direct = await createTestDatabase({ empty: true })
  await using pooler = await startPgBouncer(direct.url)
  const open = () =>
    connectDatabase({
      url: pooler.url,
      directUrl: direct.url,
      maxConnections: 10,
      statementMs: 60_000,
      logger: silentLogger,
    })
  await using database = await open()
  await using other = await open()
  const [first, second] = await Promise.all([migrate(database, silentLogger), migrate(other, silentLogger)])
  // One of them migrated, and the other waited for it.
  expect([first, second].filter(({ length }) => length > 0)).toHaveLength(1)

  const config = { MAX_RUNNING_PER_USER: 0, MAX_STARTS_PER_MINUTE: 10_000, SWEEP_MS: 300 } as const
  const definitions = [work]
  await using server = await startTestEngine({
    definitions,
    on: { ...direct, database },
    config: { ...config, ROLE: 'server' },
  })
  await using _worker = await startTestEngine({ definitions, on: { ...direct, database: other }, config })
  const tasks = await Promise.all(Array.from({ length: 40 }, () => server.start('WORK')))
  const histories = await Promise.all([...tasks, ...tasks].map((task) => server.history(task)))
  for (const events of histories) {
    expect(typesOf(events).filter((type) => type !== 'TaskAdvanced')).toEqual([
      'TaskQueued',
      'TaskStarted',
      'TaskCompleted',
    ])
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  }
})

test('a worker finds a task of a transaction of the application at its commit, with the direct address', async () => {
  await using direct = await createTestDatabase()
  await using pooler = await startPgBouncer(direct.url)
  await using redis = await startRedis()
  await using database = await connectDatabase({
    url: pooler.url,
    // Without it, statements have names, which this version of PgBouncer does not support.
    directUrl: direct.url,
    maxConnections: 10,
    logger: silentLogger,
  })
  await using worker = await startTestEngine({
    definitions: [work],
    on: { ...direct, database },
    redisUrl: redis.url,
    // Longer than the test: only a notification brings the task.
    config: { QUEUE_BACKEND: 'redis', SWEEP_MS: 600_000 },
  })
  const client = new pg.Client(pooler.url)
  await client.connect()
  await client.query('begin')
  const { rows } = await client.query<{ id: string }>(`select tidings.start_task('WORK', '{}', 'u_1') as id`)
  await client.query('commit')
  await client.end()
  for (const { id } of rows) {
    const events = await worker.history({ id, kind: 'WORK' })
    expect(typesOf(events).at(-1)).toBe('TaskCompleted')
  }
  expect(rows).toHaveLength(1)
})
