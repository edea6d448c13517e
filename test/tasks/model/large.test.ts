import type { PoolClient } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, withTransaction } from '../../../src/db/connect.ts'
import { createTaskStore, type TaskStore } from '../../../src/tasks/model/store.ts'
import { createDurations } from '../../../src/tasks/queue/durations.ts'
import { readQueueState } from '../../../src/tasks/queue/queue-rows.ts'
import { readQueueStatistics } from '../../../src/tasks/queue/statistics.ts'
import { checkStartRate } from '../../../src/tasks/start/start-rate.ts'
import { findCandidate } from '../../../src/tasks/worker/claim.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await createTestDatabase()
  // All of one user, as when a program starts them; all but twenty are finished.
  await db.database.pool.query(`
    insert into tidings.task (id, kind, status, owner, subject, input, max_attempts, progress, queue_key, created_at, finished_at)
    select 'task_' || i, 'WORK', case when i <= 20 then 'QUEUED' else 'COMPLETED' end, 'u_1', 'thing_' || i, '{}', 3, '{}',
      now() - i * interval '1 minute', now() - i * interval '1 minute', case when i > 20 then now() end
    from generate_series(1, 20000) i`)
  await db.database.pool.query('vacuum analyze tidings.task')
  // Not analyzed: PostgreSQL does not know yet how many items the tasks have.
  await db.database.pool.query(`
    insert into tidings.topic (name) select 'task:task_' || i from generate_series(1, 2) i`)
  await db.database.pool.query(`
    insert into tidings.event (topic, seq, type, at, payload)
    select 'task:task_1', i, case i when 1 then 'TaskStarted' when 7000 then 'TaskOutput' else 'TaskAdvanced' end, now(),
      '{"stream":"s","text":"Text"}'
    from generate_series(1, 10000) i`)
  await db.database.pool.query(`
    insert into tidings.task_item (task_id, key, position, label, status)
    select 'task_' || task, 'item ' || i, i, 'Item', 'PENDING' from generate_series(1, 2) task, generate_series(0, 9999) i`)
})
afterAll(() => db?.[Symbol.asyncDispose]())

/** In one transaction, so that PostgreSQL counts only the rows read by these queries. */
const as = (client: PoolClient): Pick<Database, 'pool'> => ({ pool: client as never })

test.for<[string, (client: PoolClient) => Promise<unknown>]>([
  ['what waits and runs, at each look of a monitor', (client) => readQueueStatistics(as(client), ['WORK'])],
  [
    'the queue itself',
    (client) => readQueueState(as(client), 'WORK', { durations: { ...createDurations([]), slots: 1 }, limit: 2_000 }),
  ],
  ['who is next', (client) => findCandidate(as(client), 'WORK', 4)],
  ['whether one more may be started', (client) => checkStartRate(client, 'u_1', 60)],
])('%s is answered without reading finished tasks', async ([, ask]) => {
  expect(await countReadBy(ask)).toBeLessThan(200)
})

test.for<[string, (store: TaskStore) => Promise<{ readonly length: number } | Error | undefined>]>([
  ['a snapshot', async (store) => (await store.snapshot('task_1', 100))?.state.items],
  ['the first page', async (store) => (await store.items([{ taskId: 'task_1', first: 100 }]))[0]],
  [
    'a page in the middle',
    async (store) => (await store.items([{ taskId: 'task_1', first: 100, afterKey: 'item 5000' }]))[0],
  ],
])('%s of a task with many items is read without its other items', async ([, read]) => {
  const count = await countReadBy(async (client) => {
    expect(await read(createTaskStore(as(client) as Database))).toHaveLength(100)
  }, 'task_item')
  expect(count).toBeLessThan(110)
})

test('the streamed text of a task with many events is read without its other events', async () => {
  const count = await countReadBy(async (client) => {
    const outputs = await createTaskStore(as(client) as Database).outputs('task_1', 10_000)
    expect(outputs).toEqual([{ stream: 's', text: 'Text' }])
  }, 'event')
  expect(count).toBeLessThan(10)
})

test('reading them all would be detected', async () => {
  expect(await countReadBy((client) => client.query('select from tidings.task where max_attempts = 0'))).toBe(20_000)
})

function countReadBy(ask: (client: PoolClient) => Promise<unknown>, table = 'task'): Promise<number> {
  return withTransaction(db.database, async (client) => {
    const before = await countRead(client, table)
    await ask(client)
    return (await countRead(client, table)) - before
  })
}

/**
 * Returns how many rows of a table this connection has read and not yet merged into the shared
 * statistics.
 */
async function countRead(client: PoolClient, table: string): Promise<number> {
  const { rows } = await client.query<{ read: number }>(
    `select seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_xact_user_tables where relname = $1`,
    [table],
  )
  return rows[0]?.read ?? 0
}
