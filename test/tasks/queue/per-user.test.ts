import fc from 'fast-check'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { parseConfig } from '../../../src/config.ts'
import { connectDatabase } from '../../../src/db/connect.ts'
import { maxLosses, type Task } from '../../../src/tasks/model/task.ts'
import { forecast } from '../../../src/tasks/queue/forecast.ts'
import { wakeNextOfOwner } from '../../../src/tasks/queue/owner-wake-ups.ts'
import { priorityBoostMs } from '../../../src/tasks/queue/priority-boost.ts'
import { createWakeUps } from '../../../src/tasks/queue/wake-ups.ts'
import { findCandidate } from '../../../src/tasks/worker/claim.ts'
import { type EngineFixture, shareDatabase, startTestEngine, testEngineConfig } from '../../support/engine.ts'
import { createHolding, loseWorker } from '../../support/holding.ts'

shareDatabase()

/** Makes a completed task one that took some time. */
const setDuration = ({ database }: EngineFixture, id: string, duration: string): Promise<unknown> =>
  database.pool.query(
    `update tidings.task set finished_at = started_at + $2::interval,
       attempts = jsonb_set(attempts, '{0,finishedAt}', to_jsonb(started_at + $2::interval)) where id = $1`,
    [id, duration],
  )
/** Returns the number of wake-ups that wait or are being handled. */
const countWakeUps = async ({ database }: EngineFixture): Promise<number> => {
  const { rows } = await database.pool.query<{ count: number }>('select count(*)::int as count from bullmq.job')
  return rows[0]?.count ?? 0
}
const waitFor = (look: () => unknown): Promise<unknown> => vi.waitFor(look, { interval: 20 })

test('a user never has more running tasks than allowed, over all workers, and other users are served meanwhile', async () => {
  const kind = createHolding({ concurrency: 4 })
  const config = { MAX_RUNNING_PER_USER: 2 }
  await using serve = await startTestEngine({ definitions: [kind.definition], config })
  await using _second = await startTestEngine({ definitions: [kind.definition], config, on: serve.test })
  const greedy: Task[] = []
  for (let i = 0; i < 10; i++) greedy.push(await serve.start('HOLD', { owner: 'greedy' }))
  await waitFor(() => expect(kind.running.get('greedy')).toBe(2))
  const modest = await serve.start('HOLD', { owner: 'modest', input: { stay: false } })
  // Eight before it in the queue, none of which may run.
  await serve.history(modest)
  expect(kind.running.get('greedy')).toBe(2)
  while (kind.started.length < 11) {
    const before = kind.started.length
    kind.release()
    await waitFor(() => expect(kind.started.length).toBeGreaterThan(before))
  }
  kind.release()
  await Promise.all(greedy.map((task) => waitFor(async () => expect((await serve.get(task)).status).toBe('COMPLETED'))))
  expect(kind.most.get('greedy')).toBe(2)
})

test('the next task of a user starts when the previous one ends, without waiting for the sweeper', async () => {
  const kind = createHolding({ concurrency: 3 })
  await using serve = await startTestEngine({
    definitions: [kind.definition],
    config: { MAX_RUNNING_PER_USER: 1, SWEEP_MS: 60_000 },
  })
  const tasks: Task[] = []
  for (let i = 0; i < 4; i++) tasks.push(await serve.start('HOLD', { input: { stay: i === 0 } }))
  await waitFor(() => expect(kind.running.get('u_1')).toBe(1))
  // A canceled task frees its slot as well.
  await serve.engine.tasks.cancel(tasks[0]?.id ?? '')
  for (const task of tasks.slice(1)) await serve.history(task)
  expect(kind.most.get('u_1')).toBe(1)
  expect(serve.engine.worker?.counters.repeatedWakeUps).toBe(0)
})

test('a task starts when the wake-up of the previous one ends that had started another in its place', async () => {
  const kind = createHolding({ concurrency: 2 })
  await using serve = await startTestEngine({
    definitions: [kind.definition],
    config: { MAX_RUNNING_PER_USER: 1, SWEEP_MS: 60_000 },
  })
  const start = (name: string, owner: string, headStartMs = 0) =>
    serve.start('HOLD', { owner, input: { name }, headStartMs })
  await start('first', 'x')
  await start('second', 'y')
  await waitFor(() => expect(kind.started).toHaveLength(2))
  await start('a', 'z')
  await start('b', 'z', 60_000)
  // The wake-up of a starts b, which is before it; that of b then finds nothing that may run.
  kind.release('first')
  await waitFor(() => expect(kind.started[2]).toBe('b'))
  kind.release('second')
  await waitFor(async () => expect(await countWakeUps(serve)).toBe(1))
  kind.release('b')
  await waitFor(() => expect(kind.started[3]).toBe('a'))
  expect(serve.engine.worker?.counters.repeatedWakeUps).toBe(0)
})

test.each([
  ['is canceled', (serve: EngineFixture, id: string) => serve.engine.tasks.cancel(id)],
  [
    'has failed after its last loss',
    ({ database }: EngineFixture, id: string) =>
      database.pool.query(`update tidings.task set lease_until = now() - interval '1 s' where id = $1`, [id]),
  ],
])('the next task of a user starts when one of a dead worker %s', async (_, end) => {
  const kind = createHolding({ concurrency: 2 })
  const config = { MAX_RUNNING_PER_USER: 1, SWEEP_MS: 60_000 }
  await using server = await startTestEngine({ definitions: [kind.definition], config: { ...config, ROLE: 'server' } })
  const lost = await server.start('HOLD')
  await loseWorker(server, lost, { times: maxLosses, leaseMs: 600_000 })
  await using serve = await startTestEngine({ definitions: [kind.definition], config, on: server.test })
  const next = await server.start('HOLD', { input: { name: 'next', stay: false } })
  // Its own wake-up is handled while the user is at the limit.
  await waitFor(async () => expect(await countWakeUps(serve)).toBe(0))
  await end(server, lost.id)
  await serve.history(next)
  expect(serve.engine.worker?.counters.repeatedWakeUps).toBe(0)
})

test('only the cancellation of a running task wakes the next one of its owner', async () => {
  const kind = createHolding({ concurrency: 2 })
  const config = { MAX_RUNNING_PER_USER: 1, ROLE: 'server' } as const
  await using server = await startTestEngine({ definitions: [kind.definition], config })
  const lost = await server.start('HOLD')
  const queued = [await server.start('HOLD'), await server.start('HOLD')]
  const next = await server.start('HOLD')
  await loseWorker(server, lost)
  const reason = 'not needed'
  await server.engine.tasks.delete(
    queued.map(({ id }) => id),
    reason,
  )
  await server.engine.tasks.cancel(lost.id, reason)
  const job = 'select id from bullmq.job'
  // Sent last, and alone.
  await waitFor(async () =>
    expect((await server.database.pool.query(job)).rows).toEqual([{ id: `${next.id}-1-${lost.id}-1` }]),
  )
})

test('a task ends although the next one of its owner cannot be found', async () => {
  const kind = createHolding({ concurrency: 2, perUser: 1 })
  await using server = await startTestEngine({ definitions: [kind.definition], config: { ROLE: 'server' } })
  const ended = await server.start('HOLD')
  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const database = await connectDatabase({ url: server.test.url, maxConnections: 1, logger })
  await database[Symbol.asyncDispose]()
  await using wakeUps = await createWakeUps({ config: testEngineConfig, database: server.database, logger, kinds: 0 })
  const definitions = new Map([['HOLD', kind.definition]])
  await wakeNextOfOwner({ database, wakeUps, definitions, logger }, ended)
  expect(lines).toEqual([expect.stringContaining("failed to find the owner's next task; leaving it to the sweeper")])
})

test('queue positions and estimates show which tasks are passed over, and until when', async () => {
  const kind = createHolding({ concurrency: 2 })
  const config = { MAX_RUNNING_PER_USER: 1 }
  await using serve = await startTestEngine({ definitions: [kind.definition], config })
  const done = await serve.start('HOLD', { owner: 'somebody', input: { stay: false } })
  await serve.history(done)
  await setDuration(serve, done.id, '10 s')
  for (const owner of ['greedy', 'steady']) await serve.start('HOLD', { owner })
  await waitFor(() => expect([...kind.running.values()].filter((n) => n === 1)).toHaveLength(2))
  const second = await serve.start('HOLD', { owner: 'greedy' })
  const third = await serve.start('HOLD', { owner: 'greedy' })
  const other = await serve.start('HOLD', { owner: 'other' })
  const line = [second, third, other]
  const queuePositions = async () => {
    const found = await serve.engine.queuePositions.of(line)
    return line.map(({ id }) => found.get(id))
  }
  // The tasks of greedy and steady end at about now + 10 s: then one slot takes greedy's second,
  // the other one `other`.
  await waitFor(async () => {
    const [a, b, c] = await queuePositions()
    expect([a?.position, c?.position, b?.position]).toEqual([1, 2, 3])
    expect(b?.estimatedWaitMs).toBeGreaterThan((a?.estimatedWaitMs ?? 0) + 9_000)
    expect(c?.estimatedWaitMs).toBeLessThan(10_001)
  })
})

test('more workers shorten the estimated wait, and fewer lengthen it', async () => {
  const kind = createHolding({ concurrency: 1 })
  await using serve = await startTestEngine({ definitions: [kind.definition] })
  const done = await serve.start('HOLD', { input: { stay: false } })
  await serve.history(done)
  await setDuration(serve, done.id, '60 s')
  const waiting: Task[] = []
  for (let i = 0; i < 8; i++) waiting.push(await serve.start('HOLD'))
  await waitFor(() => expect(kind.running.get('u_1')).toBe(1))
  const last = waiting.at(-1) as Task
  const told = async () => (await serve.engine.queuePositions.of([last])).get(last.id)?.estimatedWaitMs ?? 0
  // One runs and seven wait, of which it is the last.
  const expectBetween = (from: number, to: number) =>
    waitFor(async () => {
      expect(await told()).toBeGreaterThan(from * 60_000)
      expect(await told()).toBeLessThanOrEqual(to * 60_000)
    })
  await expectBetween(6, 7)
  {
    await using _more = await startTestEngine({
      definitions: [kind.definition],
      on: serve.test,
      config: { CONCURRENCY: { HOLD: 3 } },
    })
    await waitFor(() => expect(kind.running.get('u_1')).toBe(4))
    await expectBetween(0, 1)
  }
  // Its three were handed over: they are before the others again, and one continues.
  await expectBetween(3, 4)
})

test('CONCURRENCY sets how many tasks of a kind a worker runs, excludes a kind with 0, and refuses unknown kinds', async () => {
  const kind = createHolding({ concurrency: 2 })
  await using idle = await startTestEngine({ definitions: [kind.definition], config: { CONCURRENCY: { HOLD: 0 } } })
  expect(idle.engine.worker?.slots).toEqual({})
  await using busy = await startTestEngine({
    definitions: [kind.definition],
    on: idle.test,
    config: { CONCURRENCY: { HOLD: 1 } },
  })
  await idle.start('HOLD')
  await idle.start('HOLD')
  await waitFor(() => expect(busy.engine.worker?.running).toBe(1))
  expect(idle.engine.worker?.running).toBe(0)
  kind.release()
  await waitFor(() => expect(kind.started).toHaveLength(2))
  expect(kind.most.get('u_1')).toBe(1)
  await expect(
    startTestEngine({ definitions: [kind.definition], on: idle.test, config: { CONCURRENCY: { HODL: 1 } } }),
  ).rejects.toThrow('CONCURRENCY names HODL; the kinds of task are HOLD')
})

test('a forecast matches the order of claims for any queue and any running tasks', async () => {
  await using serve = await startTestEngine({ definitions: [], config: { ROLE: 'server' } })
  const { pool } = serve.database
  const owner = fc.constantFrom('a', 'b', 'c')
  const anyLine = fc.record({
    waiting: fc.array(owner, { minLength: 1, maxLength: 12 }),
    running: fc.array(owner, { maxLength: 4 }),
    free: fc.nat({ max: 2 }),
    perUser: fc.constantFrom(1, 2, null),
  })
  for (const { waiting, running, free, perUser } of fc.sample(anyLine, { numRuns: 40, seed: 11 })) {
    if (perUser !== null && running.some((one) => running.filter((other) => other === one).length > perUser)) continue
    await pool.query('delete from tidings.task')
    const rows = [
      ...waiting.map((of, index) => ({ id: `w${index}`, of, status: 'QUEUED', index })),
      ...running.map((of, index) => ({ id: `r${index}`, of, status: 'RUNNING', index })),
    ]
    for (const { id, of, status, index } of rows)
      await pool.query(
        `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
         values ($1, 'K', $2, $3, '{}', 1, '{}', now() + $4 * interval '1 s', now())`,
        [id, status, of, index],
      )
    const slots = Math.max(1, running.length + free)
    // Each task runs for the same time; the running ones started one after another.
    const foretold = forecast(
      {
        waiting: waiting.map((of, index) => ({ id: `w${index}`, owner: of, key: '', expectedMs: 1_000 })),
        recent: [],
        running: running.map((of, index) => ({ owner: of, remainingMs: 500 + index * 10 })),
      },
      { slots, perUser },
    )
    const order: string[] = []
    const under = running.map((_, index) => `r${index}`)
    while (order.length < waiting.length) {
      const id = under.length < slots ? await findCandidate(serve.database, 'K', perUser) : null
      const [status, which] = id === null ? ['COMPLETED', under.shift()] : ['RUNNING', id]
      await pool.query('update tidings.task set status = $1 where id = $2', [status, which])
      if (id === null) continue
      order.push(id)
      under.push(id)
    }
    expect([...foretold.keys()]).toEqual(order)
    expect([...foretold.values()].map(({ position }) => position)).toEqual(order.map((_, index) => index + 1))
  }
})

test('however much a paying user sends, a free task is overtaken only by tasks within the priority boost', async () => {
  await using serve = await startTestEngine({ definitions: [], config: { ROLE: 'server' } })
  const { pool } = serve.database
  const headStartMs = 30_000
  const insert = (id: string, atMs: number, aheadMs: number) =>
    pool.query(
      `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
       values ($1, 'K', 'QUEUED', $1, '{}', 1, '{}', timestamptz 'epoch' + $2 * interval '1 ms', now())`,
      [id, atMs - aheadMs],
    )
  await insert('free', 0, 0)
  // The worst case: a paid task each second and one slot that takes a second for each, so that the
  // queue never empties.
  const taken: string[] = []
  for (let second = 0; !taken.includes('free'); second++) {
    await insert(`paid-${second}`, second * 1_000 + 1, headStartMs)
    const id = await findCandidate(serve.database, 'K', null)
    taken.push(id ?? '')
    await pool.query(`update tidings.task set status = 'COMPLETED' where id = $1`, [id])
    expect(second).toBeLessThanOrEqual(headStartMs / 1_000)
  }
  expect(taken).toHaveLength(headStartMs / 1_000 + 1)
  expect(taken.at(-1)).toBe('free')
})

test.each([
  ['pro=30,team=60', 'pro', 30_000],
  ['pro=30,team=60', 'team', 60_000],
  ['pro=30,team=60', 'other', 0],
  ['*=10,team=60', 'other', 10_000],
  ['*=10,team=0', 'team', 0],
  ['*=10', null, 0],
  ['*=0', 'pro', 0],
  [undefined, 'pro', 30_000],
  ['pro=30', 'constructor', 0],
])('with HEAD_STARTS %s the plan %s is moved forward by %i ms', (setting, plan, ms) => {
  expect(priorityBoostMs(parseConfig({ NODE_ENV: 'test', HEAD_STARTS: setting }).HEAD_STARTS, plan)).toBe(ms)
})

test('settings that are not pairs of a name and a number are refused', () => {
  for (const HEAD_STARTS of ['pro', 'pro=soon', 'pro=-1', 'pro=99999999'])
    expect(() => parseConfig({ NODE_ENV: 'test', HEAD_STARTS })).toThrow('name=number, separated by commas')
})
