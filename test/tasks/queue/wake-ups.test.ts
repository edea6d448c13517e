import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { connectDatabase } from '../../../src/db/connect.ts'
import { silentLogger } from '../../../src/logger.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { createWakeUps } from '../../../src/tasks/queue/wake-ups.ts'
import { type EngineFixture, shareDatabase, startTestEngine, testEngineConfig, typesOf } from '../../support/engine.ts'
import { createHolding, loseWorker } from '../../support/holding.ts'
import { createTcpProxy } from '../../support/proxy.ts'
import { startRedis } from '../../support/redis.ts'

shareDatabase()

const work = createTaskDefinition({
  kind: 'WORK',
  input: z.object({}),
  async *run() {
    yield advance({ percent: 50 })
    return {}
  },
}) as TaskDefinition
const definitions = [work]
const serving = { ROLE: 'server' } as const
const once = ['TaskQueued', 'TaskStarted', 'TaskCompleted']
const withoutAdvances = (types: readonly string[]): readonly string[] => types.filter((type) => type !== 'TaskAdvanced')

/** Waits until workers have taken, and the queue still holds, these numbers of wake-ups. */
const expectWakeUps = ({ database }: EngineFixture, counts: { readonly taken: number; readonly waiting: number }) =>
  expect
    .poll(async () => {
      const { rows } = await database.pool.query(
        `select (count(*) filter (where state = 'active'))::int as taken,
           (count(*) filter (where state <> 'active'))::int as waiting from bullmq.job`,
      )
      return rows[0]
    })
    .toEqual(counts)

/** Returns how often workers have handled the job of a wake-up. */
const countCompleted = async ({ database }: EngineFixture, jobId: string): Promise<number> => {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*) as count from bullmq.event where event = 'completed' and data ->> 'jobId' = $1`,
    [jobId],
  )
  return rows[0]?.count ?? 0
}

describe('the wake-up queue', () => {
  test('gets new wake-ups from the sweeper for tasks with jobs that were lost with the queue’s tables', async () => {
    await using fixture = await startTestEngine({ definitions, config: serving })
    const tasks = [await fixture.start('WORK'), await fixture.start('WORK')]
    await fixture.database.pool.query('truncate bullmq.job cascade')
    await using worker = await startTestEngine({ definitions, on: fixture.test })
    for (const task of tasks) expect(withoutAdvances(typesOf(await worker.history(task)))).toEqual(once)
    expect(worker.engine.worker?.counters.repeatedWakeUps).toBeGreaterThan(0)
  })

  test('runs a task once for any number of wake-ups', async () => {
    let runs = 0
    const gate = Promise.withResolvers<void>()
    const counting: TaskDefinition = {
      ...work,
      async *run() {
        runs++
        yield advance({ percent: 1 })
        await gate.promise
        return {}
      },
    }
    await using first = await startTestEngine({ definitions: [counting] })
    await using _second = await startTestEngine({ definitions: [counting], on: first.test })
    await using wakeUps = await createWakeUps({
      config: testEngineConfig,
      database: first.database,
      logger: silentLogger,
      kinds: 0,
    })
    const task = await first.start('WORK')
    for (let ring = 10; ring < 20; ring++) await wakeUps.add('WORK', task.id, ring)
    // The other jobs are completed while it runs, and afterwards.
    const job = 'select count(*) as count from bullmq.job'
    await expect.poll(async () => (await first.database.pool.query(job)).rows).toEqual([{ count: 1 }])
    gate.resolve()
    expect(withoutAdvances(typesOf(await first.history(task)))).toEqual(once)
    await expect.poll(async () => (await first.database.pool.query(job)).rows).toEqual([{ count: 0 }])
    expect(runs).toBe(1)
  })

  test('sends another wake-up after an event, while one of the same attempt is being handled', async () => {
    await using fixture = await startTestEngine({ definitions, config: serving })
    await using wakeUps = await createWakeUps({
      config: testEngineConfig,
      database: fixture.database,
      logger: silentLogger,
      kinds: 1,
    })
    const gate = Promise.withResolvers<void>()
    let handled = 0
    await wakeUps.answer('OTHER', 2, async () => {
      handled++
      await gate.promise
      return true
    })
    await wakeUps.add('OTHER', 'task_1', 1)
    await expect.poll(() => handled).toBe(1)
    // The first is a duplicate. The second is not: the handler may have looked before the event.
    await wakeUps.add('OTHER', 'task_1', 1)
    await wakeUps.add('OTHER', 'task_1', 1, { after: 'task_0-1' })
    await expect.poll(() => handled).toBe(2)
    gate.resolve()
    const job = 'select count(*) as count from bullmq.job'
    await expect.poll(async () => (await fixture.database.pool.query(job)).rows).toEqual([{ count: 0 }])
    expect(handled).toBe(2)
  })

  test('processes a wake-up again when the worker that had taken it died before claiming the task', async () => {
    await using fixture = await startTestEngine({ definitions, config: serving })
    const task = await fixture.start('WORK')
    await fixture.database.pool.query(
      `update bullmq.job set state = 'active', lock_token = 'dead', locked_until_ms = extract(epoch from now()) * 1000`,
    )
    await using worker = await startTestEngine({ definitions, on: fixture.test, config: { LEASE_MS: 1_000 } })
    expect(withoutAdvances(typesOf(await worker.history(task)))).toEqual(once)
  })

  test('wakes as many attempts as there are slots when many tasks start at once', async () => {
    const together = 6
    let running = 0
    let most = 0
    const full = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const busy: TaskDefinition = {
      ...work,
      concurrency: 3,
      async *run() {
        most = Math.max(most, ++running)
        // All slots are in use at some point, however slow the machine is.
        if (running === 3) full.resolve()
        await full.promise
        if (running === together) gate.resolve()
        yield advance({ percent: 1 })
        await gate.promise
        running--
        return {}
      },
    }
    // The sweeper is not involved: every wake-up is processed in time.
    // On a busy machine, a short lease would return a wake-up that is being handled.
    const config = { SWEEP_MS: 60_000, LEASE_MS: 10_000 }
    await using first = await startTestEngine({ definitions: [busy], config })
    await using second = await startTestEngine({ definitions: [busy], on: first.test, config })
    const tasks = await Promise.all(Array.from({ length: 20 }, () => first.start('WORK')))
    for (const task of tasks) expect(typesOf(await first.history(task)).at(-1)).toBe('TaskCompleted')
    expect(most).toBe(together)
    for (const { engine } of [first, second]) expect(engine.worker?.counters.repeatedWakeUps).toBe(0)
  })

  test('starts a task as soon as a slot is free, when its wake-up found all of them in use', async () => {
    const kind = createHolding({ concurrency: 2 })
    // On a busy machine, a short lease would return a wake-up that is being handled.
    const config = { SWEEP_MS: 60_000, LEASE_MS: 10_000 }
    await using server = await startTestEngine({ definitions: [kind.definition], config: { ...config, ...serving } })
    const start = (name: string) => server.start('HOLD', { input: { name } })
    // The sweeper starts this one without a wake-up, so that the queue has a handler more than there are slots.
    const lost = await start('lost')
    await loseWorker(server, lost)
    await using worker = await startTestEngine({ definitions: [kind.definition], config, on: server.test })
    await expect.poll(() => kind.started).toEqual(['lost'])
    // The sweeper sends its wake-up, too, after the attempt has begun.
    await expect.poll(() => countCompleted(server, `${lost.id}-2`)).toBe(1)
    await expectWakeUps(server, { taken: 0, waiting: 0 })
    await start('second')
    await expect.poll(() => kind.started).toEqual(['lost', 'second'])
    await start('third')
    await expectWakeUps(server, { taken: 2, waiting: 0 })
    kind.release('second')
    await expect.poll(() => kind.started).toEqual(['lost', 'second', 'third'])
    expect(worker.engine.worker?.counters.repeatedWakeUps).toBe(0)
  })

  test('stays in the queue while a worker is full, for an idle one, and also when the full one stops', async () => {
    const kind = createHolding({ concurrency: 1 })
    // On a busy machine, a short lease would return a wake-up that is being handled.
    const config = { SWEEP_MS: 60_000, LEASE_MS: 10_000 }
    const definitions = [kind.definition]
    await using server = await startTestEngine({ definitions, config: { ...config, ...serving } })
    const start = (name: string) => server.start('HOLD', { input: { name } })
    await loseWorker(server, await start('lost'))
    await using full = await startTestEngine({ definitions, config, on: server.test })
    await expect.poll(() => kind.started).toEqual(['lost'])
    await start('second')
    await start('third')
    // It holds the wake-up of the attempt that it has started without one, and takes no other.
    await expectWakeUps(server, { taken: 1, waiting: 2 })
    await using idle = await startTestEngine({ definitions, config, on: server.test })
    await expect.poll(() => kind.started).toEqual(['lost', 'second'])
    await full[Symbol.asyncDispose]()
    // It has returned the one that it held, and sent one for the task that it handed over.
    await expectWakeUps(server, { taken: 1, waiting: 3 })
    kind.release('second')
    await expect.poll(() => kind.started).toEqual(['lost', 'second', 'lost'])
    kind.release('lost')
    await expect.poll(() => kind.started).toEqual(['lost', 'second', 'lost', 'third'])
    for (const { engine } of [full, idle]) expect(engine.worker?.counters.repeatedWakeUps).toBe(0)
  })

  test('also works over Redis, including after FLUSHALL removed all jobs', async () => {
    await using redis = await startRedis()
    const config = { QUEUE_BACKEND: 'redis' } as const
    await using serve = await startTestEngine({ definitions, redisUrl: redis.url, config: { ...config, ...serving } })
    const flushed = await serve.start('WORK')
    expect(await redis.cli('KEYS', 'bull:tidings-work:*')).not.toEqual([])
    await redis.cli('FLUSHALL')
    await using worker = await startTestEngine({ definitions, redisUrl: redis.url, config, on: serve.test })
    expect(withoutAdvances(typesOf(await serve.history(flushed)))).toEqual(once)
    expect(withoutAdvances(typesOf(await serve.run('WORK')))).toEqual(once)
    // Also while a worker waits for the next job.
    await redis.cli('FLUSHALL')
    expect(withoutAdvances(typesOf(await serve.run('WORK')))).toEqual(once)
    // Counted after the event.
    await vi.waitFor(() => expect(worker.engine.worker?.counters.completed).toBe(3))
  })

  test('does not keep a task from starting or running while its Redis is unavailable', async () => {
    await using redis = await startRedis()
    const config = { QUEUE_BACKEND: 'redis' } as const
    await using fixture = await startTestEngine({ definitions, redisUrl: redis.url, config })
    await redis.stop()
    const task = await fixture.start('WORK')
    expect(withoutAdvances(typesOf(await fixture.history(task)))).toEqual(once)
  })

  test('shares the slots of a worker with the tasks it picks up: there are never more attempts than slots', async () => {
    let running = 0
    let most = 0
    const full = Promise.withResolvers<void>()
    const slow: TaskDefinition = {
      ...work,
      concurrency: 3,
      async *run() {
        most = Math.max(most, ++running)
        // All slots are in use at some point, however slow the machine is.
        if (running === 3) full.resolve()
        await full.promise
        yield advance({ percent: 1 })
        await delay(20)
        running--
        return {}
      },
    }
    // Every waiting task counts as forgotten at once.
    await using fixture = await startTestEngine({ definitions: [slow], config: { SWEEP_MS: 50 } })
    const tasks = await Promise.all(Array.from({ length: 40 }, () => fixture.start('WORK')))
    for (const task of tasks) expect(withoutAdvances(typesOf(await fixture.history(task)))).toEqual(once)
    expect(most).toBe(3)
  })

  test('is not required: waiting tasks are picked up without it', async () => {
    await using fixture = await startTestEngine({ definitions })
    // Repeated: the queue's own statements lock the tables in another order, and this one may be the victim of the deadlock.
    await vi.waitFor(() => fixture.database.pool.query('drop schema if exists bullmq cascade'))
    const tasks = await Promise.all(Array.from({ length: 8 }, () => fixture.start('WORK')))
    for (const task of tasks) expect(withoutAdvances(typesOf(await fixture.history(task)))).toEqual(once)
  })

  test('over a Redis that was never available lets the process start, work and stop', async () => {
    await using redis = await startRedis()
    await redis.stop()
    const config = { QUEUE_BACKEND: 'redis' } as const
    await using fixture = await startTestEngine({ definitions, redisUrl: redis.url, config })
    expect(withoutAdvances(typesOf(await fixture.run('WORK')))).toEqual(once)
  })
})

test('an engine continues after all its connections to the database were broken', async () => {
  const gate = Promise.withResolvers<void>()
  const waiting: TaskDefinition = {
    ...work,
    async *run() {
      yield advance({ percent: 1 })
      await gate.promise
      yield advance({ percent: 2 })
      return {}
    },
  }
  await using direct = await startTestEngine({ definitions: [waiting], config: serving })
  const { searchParams } = new URL(direct.test.url)
  await using proxy = await createTcpProxy(`${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}`)
  const url = new URL(direct.test.url)
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  url.search = ''
  await using database = await connectDatabase({ url: url.href, maxConnections: 10, logger: silentLogger })
  await using fixture = await startTestEngine({
    definitions: [waiting],
    on: { url: url.href, database, [Symbol.asyncDispose]: () => Promise.resolve() },
  })
  const running = await direct.start('WORK')
  await direct.event(running, 'TaskAdvanced')
  const taken = proxy.accepted
  proxy.resetAll()
  gate.resolve()
  expect(withoutAdvances(typesOf(await direct.history(running)))).toEqual(once)
  expect(withoutAdvances(typesOf(await direct.run('WORK')))).toEqual(once)
  expect(proxy.accepted).toBeGreaterThan(taken)
  expect(fixture.engine.worker?.counters.completed).toBe(2)
})

test('tasks run although every connection to the queue’s Redis has gone silent', async () => {
  await using redis = await startRedis()
  await using proxy = await createTcpProxy(redis.port)
  await using fixture = await startTestEngine({
    definitions,
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    config: { QUEUE_BACKEND: 'redis' },
  })
  expect(withoutAdvances(typesOf(await fixture.run('WORK')))).toEqual(once)
  proxy.halfOpen()
  expect(withoutAdvances(typesOf(await fixture.run('WORK')))).toEqual(once)
})
