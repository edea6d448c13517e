import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import type { Task } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type RateLimit, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { forecast } from '../../../src/tasks/queue/forecast.ts'
import { findLimited } from '../../../src/tasks/queue/rate-limit.ts'
import { findCandidate } from '../../../src/tasks/worker/claim.ts'
import { type EngineFixture, shareDatabase, startTestEngine } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'

shareDatabase()

/** Creates a kind `CALL` whose tasks end at once, failing the given number of times before. */
const createKind = (rateLimit: RateLimit): TaskDefinition =>
  createTaskDefinition({
    kind: 'CALL',
    input: z.object({ customer: z.string().optional(), failures: z.number().default(0) }),
    rateLimit,
    backoff: { initialDelayMs: 1, maxDelayMs: 1 },
    // biome-ignore lint/correctness/useYield: a task without reports.
    async *run({ attempt, input }) {
      if (attempt <= input.failures) throw new RetryableError('BUSY', 'to be repeated')
      return {}
    },
  }) as unknown as TaskDefinition

/** Returns when attempts started by the clock of the database, in order. */
const readStarts = async ({ database }: EngineFixture, where = 'true'): Promise<readonly number[]> => {
  const { rows } = await database.pool.query<{ at: number }>(
    `select (extract(epoch from (entry->>'startedAt')::timestamptz) * 1000)::float8 as at
     from tidings.task cross join lateral jsonb_array_elements(attempts) as entry where ${where} order by at`,
  )
  return rows.map(({ at }) => at)
}
/** Returns the highest number of starts within a period. */
const mostWithin = (starts: readonly number[], periodMs: number): number =>
  Math.max(...starts.map((first, index) => starts.slice(index).filter((at) => at < first + periodMs).length))

const completed = (serve: EngineFixture, tasks: readonly Task[]): Promise<unknown> =>
  Promise.all(tasks.map((task) => serve.history(task)))

/** So that only wake-ups bring the tasks that wait for the limit. */
const unswept = { SWEEP_MS: 600_000, MAX_RUNNING_PER_USER: 2 }

test.each(['postgres', 'redis'] as const)(
  'attempts of a kind start no more often than its limit over all workers, with the queue in %s, and all tasks end',
  async (QUEUE_BACKEND) => {
    await using redis = await startRedis()
    const limit = { limit: 3, periodMs: 1_000 }
    const definitions = [createKind(limit)]
    const options = { definitions, redisUrl: redis.url, config: { ...unswept, QUEUE_BACKEND } }
    await using serve = await startTestEngine(options)
    await using _other = await startTestEngine({ ...options, on: serve.test })
    const tasks: Task[] = []
    // One of them needs three attempts, each of which counts.
    for (let i = 0; i < 8; i++) tasks.push(await serve.start('CALL', { input: { failures: i === 1 ? 2 : 0 } }))
    await completed(serve, tasks)
    const starts = await readStarts(serve)
    expect(starts).toHaveLength(10)
    expect(mostWithin(starts, limit.periodMs)).toBe(3)
    expect(serve.engine.worker?.counters.repeatedWakeUps).toBe(0)
  },
)

test('the sweeper starts tasks whose wake-ups were lost, as far as the limit allows', async () => {
  const limit = { limit: 2, periodMs: 700 }
  await using server = await startTestEngine({ definitions: [createKind(limit)], config: { ROLE: 'server' } })
  const tasks: Task[] = []
  for (let i = 0; i < 5; i++) tasks.push(await server.start('CALL'))
  await server.database.pool.query('delete from bullmq.job')
  await using serve = await startTestEngine({ definitions: [createKind(limit)], on: server.test })
  await completed(serve, tasks)
  expect(mostWithin(await readStarts(serve), limit.periodMs)).toBe(2)
})

test.each([
  ['each owner', 'owner', { owner: 'b' }, `owner = 'b'`],
  ['each value of a field of the input', 'input.customer', { input: { customer: 'b' } }, `input->>'customer' = 'b'`],
] as const)('%s has a limit of its own', async (_, key, other, where) => {
  const limit = { limit: 1, periodMs: 3_600_000, key }
  await using serve = await startTestEngine({ definitions: [createKind(limit)], config: unswept })
  await completed(serve, [await serve.start('CALL')])
  const waiting = [await serve.start('CALL'), await serve.start('CALL')]
  await completed(serve, [await serve.start('CALL', other)])
  expect(await readStarts(serve, where)).toHaveLength(1)
  expect(await Promise.all(waiting.map(async (task) => (await serve.get(task)).status))).toEqual(['QUEUED', 'QUEUED'])
})

test('the position and the estimated wait of a task follow from the limit', async () => {
  const hourMs = 3_600_000
  const definitions = [createKind({ limit: 1, periodMs: hourMs, key: 'input.customer' })]
  await using serve = await startTestEngine({ definitions, config: unswept })
  const start = (customer: string): Promise<Task> => serve.start('CALL', { input: { customer } })
  await completed(serve, [await start('a')])
  const [first, second] = [await start('a'), await start('a')]
  // Passes both: another customer has its own limit.
  await using serverOnly = await startTestEngine({
    definitions,
    on: serve.test,
    config: { ...unswept, ROLE: 'server' },
  })
  await serve.engine.worker?.drain()
  const passing = await start('b')
  await vi.waitFor(async () => {
    const positions = await serverOnly.engine.queuePositions.of([first, second, passing])
    expect([first, second, passing].map(({ id }) => positions.get(id)?.position)).toEqual([2, 3, 1])
    const [firstMs, secondMs] = [first, second].map(({ id }) => positions.get(id)?.estimatedWaitMs ?? 0)
    expect(firstMs).toBeGreaterThan(hourMs - 600_000)
    expect(firstMs).toBeLessThanOrEqual(hourMs)
    expect(secondMs).toBeGreaterThan(2 * hourMs - 600_000)
  })
})

test('a forecast matches the order of claims for any queue, limits and starts', async () => {
  await using serve = await startTestEngine({ definitions: [], config: { ROLE: 'server' } })
  const { pool } = serve.database
  const name = fc.constantFrom('a', 'b')
  const periodMs = 60_000
  const durationMs = 7_000
  const anyQueue = fc.record({
    waiting: fc.array(fc.tuple(name, name), { minLength: 1, maxLength: 8 }),
    slots: fc.integer({ min: 1, max: 3 }),
    perUser: fc.constantFrom(1, 2, null),
    limit: fc.integer({ min: 1, max: 3 }),
    key: fc.constantFrom('owner' as const, 'input.customer' as const, undefined),
  })
  for (const { waiting, slots, perUser, limit, key } of fc.sample(anyQueue, { numRuns: 20, seed: 7 })) {
    await pool.query('delete from tidings.task')
    const rateLimit: RateLimit = { limit, periodMs, ...(key === undefined ? {} : { key }) }
    const keyOf = (owner: string, customer: string): string =>
      key === undefined ? '' : key === 'owner' ? owner : customer
    for (const [index, [owner, customer]] of waiting.entries())
      await pool.query(
        `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
         values ($1, 'K', 'QUEUED', $2, $3, 1, '{}', now() + $4 * interval '1 s', now())`,
        [`w${index}`, owner, JSON.stringify({ customer }), index],
      )
    const foretold = forecast(
      {
        waiting: waiting.map(([owner, customer], index) => ({
          id: `w${index}`,
          owner,
          key: keyOf(owner, customer),
          expectedMs: durationMs,
        })),
        running: [],
        recent: [],
      },
      { slots, perUser, rateLimit },
    )
    // The claims of workers, in a time that only passes when none is possible.
    const startedMs = new Map<string, number>()
    const running: { readonly id: string; readonly endMs: number }[] = []
    let nowMs = 0
    while (startedMs.size < waiting.length) {
      const ids = [...startedMs.keys()]
      await pool.query(
        `update tidings.task set finished_at = case when finished_at is not null then clock_timestamp() - (ago - ${durationMs}) * interval '1 ms' end,
           attempts = jsonb_build_array(jsonb_build_object('startedAt', clock_timestamp() - ago * interval '1 ms'))
         from unnest($1::text[], $2::float8[]) as s(task_id, ago) where id = task_id`,
        [ids, ids.map((id) => nowMs - (startedMs.get(id) ?? 0))],
      )
      const id = running.length < slots ? await findCandidate(serve.database, 'K', perUser, rateLimit) : null
      if (id !== null) {
        await pool.query(`update tidings.task set status = 'RUNNING' where id = $1`, [id])
        startedMs.set(id, nowMs)
        running.push({ id, endMs: nowMs + durationMs })
        continue
      }
      const limited = await findLimited(serve.database, 'K', rateLimit)
      const endMs = running[0]?.endMs ?? Number.POSITIVE_INFINITY
      const freeMs = limited === null ? Number.POSITIVE_INFINITY : Math.ceil((nowMs + limited.waitMs) / 1_000) * 1_000
      nowMs = Math.min(endMs, freeMs > nowMs ? freeMs : Number.POSITIVE_INFINITY)
      const ended = running.splice(0, running.filter((task) => task.endMs === nowMs).length).map((task) => task.id)
      await pool.query(
        `update tidings.task set status = 'COMPLETED', finished_at = clock_timestamp() where id = any($1::text[])`,
        [ended],
      )
    }
    expect([...foretold].map(([id, { waitMs }]) => [id, waitMs])).toEqual([...startedMs])
  }
})
