import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createMemoryBus } from '../../../src/bus/bus.ts'
import type { Database } from '../../../src/db/connect.ts'
import { silentLogger } from '../../../src/logger.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import type { Task } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { createEstimates } from '../../../src/tasks/queue/estimate.ts'
import { createQueuePositions, type QueuePosition } from '../../../src/tasks/queue/positions.ts'
import { type EngineFixture, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'

shareDatabase()

const serving = { ROLE: 'server' } as const

/**
 * Creates a kind `WAIT` that runs one task at a time, each until it is released, and records the
 * order in which they ran.
 */
function createWaiting(concurrency = 1): { readonly definition: TaskDefinition; readonly order: string[] } {
  const order: string[] = []
  const definition = createTaskDefinition({
    kind: 'WAIT',
    input: z.object({ name: z.string().optional() }),
    concurrency,
    async *run({ input }) {
      order.push(input.name ?? '?')
      yield advance({ percent: 50 })
      return {}
    },
  }) as TaskDefinition
  return { definition, order }
}

const positions = async ({ engine }: EngineFixture, tasks: readonly Task[]): Promise<readonly (number | null)[]> => {
  const queuePositions = await engine.queuePositions.of(tasks)
  return tasks.map(({ id }) => queuePositions.get(id)?.position ?? null)
}

/** Wraps a database and counts its queries. */
function createCounting(database: Database): { readonly database: Database; readonly counted: { queries: number } } {
  const counted = { queries: 0 }
  const pool = new Proxy(database.pool, {
    get(target, name) {
      if (name === 'query') counted.queries++
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { database: { ...database, pool }, counted }
}

describe('the queue', () => {
  test('takes the oldest task first, and lets a priority boost overtake', async () => {
    const { definition, order } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving })
    const a = await serve.start('WAIT', { input: { name: 'a' } })
    const b = await serve.start('WAIT', { input: { name: 'b' } })
    const paid = await serve.start('WAIT', { input: { name: 'paid' }, headStartMs: 60_000 })
    expect(await positions(serve, [paid, a, b])).toEqual([1, 2, 3])
    await using _worker = await startTestEngine({ definitions: [definition], on: serve.test })
    for (const task of [a, b, paid]) await serve.history(task)
    expect(order).toEqual(['paid', 'a', 'b'])
  })

  test('starves no task: one that has waited for as long as the boost is overtaken by no later one', async () => {
    const { definition } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving })
    const headStartMs = 60_000
    const free = await serve.start('WAIT')
    const early = await serve.start('WAIT', { headStartMs })
    expect(await positions(serve, [early, free])).toEqual([1, 2])
    // Time passes: every task in the queue has waited for a little longer than the boost.
    await serve.database.pool.query(`update tidings.task set queue_key = queue_key - $1 * interval '1 ms'`, [
      headStartMs + 1,
    ])
    const late = await Promise.all(Array.from({ length: 5 }, () => serve.start('WAIT', { headStartMs })))
    expect(await positions(serve, [early, free])).toEqual([1, 2])
    expect([...(await positions(serve, late))].sort()).toEqual([3, 4, 5, 6, 7])
  })

  test('knows the position of every task while tasks are added, taken and canceled', async () => {
    const { definition } = createWaiting()
    const other: TaskDefinition = { ...definition, kind: 'OTHER' }
    await using serve = await startTestEngine({ definitions: [definition, other], config: serving })
    const started: Task[] = []
    const anyStep = fc.oneof(
      fc.record({ kind: fc.constantFrom('WAIT', 'OTHER'), headStartMs: fc.constantFrom(0, 0, 50, 60_000) }),
      fc.record({ cancel: fc.nat() }),
    )
    for (const step of fc.sample(anyStep, { numRuns: 40, seed: 7 })) {
      if ('kind' in step) started.push(await serve.start(step.kind, step))
      else if (started.length > 0) await serve.engine.tasks.cancel(started[step.cancel % started.length]?.id ?? '')
      const { rows } = await serve.database.pool.query<{ id: string; kind: string }>(
        `select id, kind from tidings.task where status = 'QUEUED' order by queue_key, id`,
      )
      const queuePositions = await serve.engine.queuePositions.of(started)
      expect(queuePositions.size).toBe(rows.length)
      for (const kind of ['WAIT', 'OTHER']) {
        const line = rows.filter((row) => row.kind === kind)
        for (const [index, { id }] of line.entries())
          expect(queuePositions.get(id)).toEqual({ position: index + 1, waiting: line.length, estimatedWaitMs: null })
      }
    }
  })
})

describe('TaskQueueMoved', () => {
  test('is sent while a task waits and not after it has started, also to another server', async () => {
    await using redis = await startRedis()
    const { definition } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving, redisUrl: redis.url })
    await using watching = await startTestEngine({
      definitions: [definition],
      config: serving,
      redisUrl: redis.url,
      on: serve.test,
    })
    const ahead: Task[] = []
    for (let i = 0; i < 3; i++) ahead.push(await serve.start('WAIT'))
    const task = await serve.start('WAIT')
    const moves: QueuePosition[] = []
    const stop = watching.engine.queuePositions.watch(task, (position) => moves.push(position))
    await expect.poll(() => moves.at(-1)?.position).toBe(4)
    for (const { id } of ahead) {
      const before = moves.at(-1)?.position ?? 0
      await serve.engine.tasks.cancel(id)
      await expect.poll(() => moves.at(-1)?.position).toBe(before - 1)
    }
    await using _worker = await startTestEngine({ definitions: [definition], redisUrl: redis.url, on: serve.test })
    expect(typesOf(await serve.history(task)).at(-1)).toBe('TaskCompleted')
    expect((await watching.engine.queuePositions.of([task])).size).toBe(0)
    stop()
  })

  test('is sent at most once per period, however fast the queue moves, and ends with the correct position', async () => {
    const movedMs = 100
    const { definition } = createWaiting()
    await using serve = await startTestEngine({
      definitions: [definition],
      config: { ...serving, QUEUE_MOVED_MS: movedMs },
    })
    const ahead = await Promise.all(Array.from({ length: 60 }, () => serve.start('WAIT')))
    const task = await serve.start('WAIT')
    const startedAt = performance.now()
    const queuePositions: QueuePosition[] = []
    const stop = serve.engine.queuePositions.watch(task, (place) => queuePositions.push(place))
    for (const { id } of ahead) await serve.engine.tasks.cancel(id)
    await expect.poll(() => queuePositions.at(-1)).toMatchObject({ position: 1, waiting: 1 })
    stop()
    expect(queuePositions.length).toBeLessThanOrEqual(Math.ceil((performance.now() - startedAt) / movedMs) + 1)
  })

  test('costs the same number of queries for any number of waiting tasks and subscribers', async () => {
    const { definition } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving })
    await serve.database.pool.query(
      `insert into tidings.topic (name) select 'task:t_' || i from generate_series(1, 2000) i`,
    )
    const queriesFor = async (waiting: number, watchers: number): Promise<number> => {
      await serve.database.pool.query('delete from tidings.task')
      await serve.database.pool.query(
        `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
         select 't_' || i, 'WAIT', 'QUEUED', 'u', '{}', 1, '{}', now() + i * interval '1 ms', now() from generate_series(1, $1) i`,
        [waiting],
      )
      const { database, counted } = createCounting(serve.database)
      await using bus = createMemoryBus(silentLogger)
      const estimates = createEstimates({ database, maxAgeMs: 60_000 })
      await using queuePositions = createQueuePositions({ database, bus, estimates, logger: silentLogger, movedMs: 20 })
      const last = new Map<string, number>()
      for (let i = waiting - watchers + 1; i <= waiting; i++)
        queuePositions.watch({ id: `t_${i}`, kind: 'WAIT' }, ({ position }) => last.set(`t_${i}`, position))
      await expect.poll(() => last.size).toBe(watchers)
      const before = counted.queries
      await serve.database.pool.query(`delete from tidings.task where id = 't_1'`)
      for (let i = 0; i < 1_000; i++) queuePositions.moved('WAIT')
      await expect.poll(() => last.get(`t_${waiting}`), { interval: 5 }).toBe(waiting - 1)
      return counted.queries - before
    }
    // One query for the positions; a second if the idle check happens at the same moment.
    expect(await queriesFor(10, 5)).toBeLessThanOrEqual(2)
    expect(await queriesFor(2_000, 1_500)).toBeLessThanOrEqual(2)
  })

  test('is sent without the bus as well, only later', async () => {
    await using redis = await startRedis()
    const { definition } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving, redisUrl: redis.url })
    await using watching = await startTestEngine({
      definitions: [definition],
      config: { ...serving, QUEUE_MOVED_MS: 20 },
      redisUrl: redis.url,
      on: serve.test,
    })
    const first = await serve.start('WAIT')
    const second = await serve.start('WAIT')
    const queuePositions: number[] = []
    const stop = watching.engine.queuePositions.watch(second, ({ position }) => queuePositions.push(position))
    await expect.poll(() => queuePositions).toEqual([2])
    await redis.stop()
    await serve.engine.tasks.cancel(first.id)
    await expect.poll(() => queuePositions).toEqual([2, 1])
    stop()
  })
})

describe('the estimated wait', () => {
  test('is unknown before any task of the kind has completed, and then grows with the position', async () => {
    const { definition } = createWaiting(2)
    await using serve = await startTestEngine({ definitions: [definition] })
    const finished = await serve.start('WAIT')
    await serve.history(finished)
    await serve.engine.worker?.[Symbol.asyncDispose]()
    const { pool } = serve.database
    const waiting: Task[] = []
    for (let i = 0; i < 3; i++) waiting.push(await serve.start('WAIT'))
    const estimate = async (): Promise<readonly (number | null | undefined)[]> => {
      const estimates = createEstimates({ database: serve.database })
      await using bus = createMemoryBus(silentLogger)
      await using queuePositions = createQueuePositions({
        database: serve.database,
        bus,
        estimates,
        logger: silentLogger,
        movedMs: 1_000,
      })
      const found = await queuePositions.of(waiting)
      return waiting.map(({ id }) => found.get(id)?.estimatedWaitMs)
    }
    // It took 10 s, and two run at once.
    await pool.query(
      `update tidings.task set attempts = jsonb_set(attempts, '{0,finishedAt}', to_jsonb(started_at + interval '10 s')),
         finished_at = started_at + interval '10 s' where id = $1`,
      [finished.id],
    )
    expect(await estimate()).toEqual([null, null, null])
    await pool.query(
      `insert into tidings.worker (id, slots, seen_at) values ('w_1', '{"WAIT": 1}', now()), ('w_2', '{"WAIT": 1}', now())`,
    )
    expect(await estimate()).toEqual([0, 0, 10_000])
    await pool.query(`update tidings.worker set seen_at = now() - interval '1 minute' where id = 'w_2'`)
    expect(await estimate()).toEqual([0, 10_000, 20_000])
    await pool.query('delete from tidings.task where id = $1', [finished.id])
    expect(await estimate()).toEqual([null, null, null])
  })
})
