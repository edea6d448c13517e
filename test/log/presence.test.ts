import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Bus, createMemoryBus, createRedisBus } from '../../src/log/bus.ts'
import { createPresence, type Presence, type PresenceTimes, type Present } from '../../src/log/presence.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRedis } from '../support/redis.ts'
import { connected, eventually } from './support.ts'

let base: TestDatabase
let bus: Bus
let stack: AsyncDisposableStack
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  base = stack.use(await createTestDatabase())
  bus = stack.use(createMemoryBus(silentLogger))
})
afterEach(() => stack.disposeAsync())

/** The presence of one more server. Without a bus of its own it hears the others of this test. */
function serve(times: Partial<PresenceTimes> = {}, on: Bus = bus): Presence {
  return stack.use(
    createPresence({
      database: base.database,
      bus: on,
      logger: silentLogger,
      times: { beatMs: 60_000, batchMs: 5, ...times },
    }),
  )
}
/** Takes down what a watcher is told: users with their marks. */
function listen(presence: Presence, topic: string): string[] {
  const told: string[] = []
  presence.watch(topic, (present) => told.push(textOf(present)))
  return told
}
const textOf = (present: readonly Present[]): string =>
  present.map(({ userId, mark }) => (mark === null ? userId : `${userId} ${mark}`)).join(', ')
const rows = async (): Promise<number> =>
  (await base.database.pool.query<{ n: number }>('select count(*) as n from presence')).rows[0]?.n ?? -1

describe('who is at a topic', () => {
  test('is whoever entered, once, until the last subscription ends', async () => {
    const presence = serve()
    const leave = presence.enter('t', 'u_1')
    const leaveAgain = presence.enter('t', 'u_1')
    presence.enter('t', 'u_2')
    presence.enter('other', 'u_3')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_1', 'u_2']))
    leave()
    leave()
    expect(presence.size.here).toBe(3)
    leaveAgain()
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_2']))
    expect(await presence.of('nobody')).toEqual([])
  })

  test('is told to watchers on all servers, through Redis, when it changes', async () => {
    await using redis = await startRedis()
    const buses = [1, 2].map(() => stack.use(createRedisBus({ urls: [redis.url], logger: silentLogger })))
    const [one, two] = buses.map((own) => serve({}, own))
    if (one === undefined || two === undefined) throw new Error('There are two')
    for (const own of buses) await connected({ bus: own })
    const told = listen(two, 't')
    await eventually(() => expect(told).toEqual(['']))
    const leave = one.enter('t', 'u_1')
    await eventually(() => expect(told).toEqual(['', 'u_1']))
    two.enter('t', 'u_1')
    two.enter('t', 'u_2')
    await eventually(() => expect(told.at(-1)).toBe('u_1, u_2'))
    leave()
    // Still there, with the other server.
    await eventually(async () => expect(await rows()).toBe(2))
    expect(await one.of('t')).toEqual(['u_1', 'u_2'])
  })

  test('is found out without the bus, at the next beat', async () => {
    const told = listen(serve({ beatMs: 20 }, stack.use(createMemoryBus(silentLogger))), 't')
    serve().enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
  })

  test('is not written when it came and went in between', async () => {
    const presence = serve({ batchMs: 1 })
    presence.enter('t', 'u_1')()
    presence.enter('t', 'u_2')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_2']))
    const { rows: servers } = await base.database.pool.query('select from presence_server')
    expect(servers).toHaveLength(1)
  })

  test('lingers for one who polls', async () => {
    const presence = serve()
    const told = listen(presence, 't')
    presence.enter('t', 'u_1')(150)
    await eventually(() => expect(told).toContain('u_1'))
    await eventually(() => expect(told.at(-1)).toBe(''))
  })

  test('goes with a server that ends in order, at once', async () => {
    const ending = serve()
    const other = serve()
    const told = listen(other, 't')
    ending.enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
    await ending[Symbol.asyncDispose]()
    await eventually(() => expect(told.at(-1)).toBe(''))
    expect(await rows()).toBe(0)
  })

  test('runs out with a server that gives no sign of life any more', async () => {
    // Its next beat never comes: as if it were killed.
    serve({ aliveMs: 300 }).enter('t', 'u_1')
    const told = listen(serve({ beatMs: 20 }), 't')
    await eventually(() => expect(told).toContain('u_1'))
    await eventually(() => expect(told.at(-1)).toBe(''))
    expect(await rows()).toBe(1)
  })

  test('is said again by a server that was taken for dead, and after a crash of the database', async () => {
    const presence = serve({ beatMs: 20 })
    presence.enter('t', 'u_1')
    presence.enter('t', 'u_2')
    await eventually(async () => expect(await presence.of('t')).toHaveLength(2))
    await base.database.pool.query('truncate presence_server cascade')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_1', 'u_2']))
  })

  test('is right again after a write that failed', async () => {
    const presence = serve({ beatMs: 20 })
    const leave = presence.enter('t', 'u_1')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_1']))
    await base.database.pool.query('alter table presence rename to hidden')
    leave()
    presence.enter('t', 'u_2')
    await eventually(() => expect(presence.of('t')).rejects.toThrow())
    await base.database.pool.query('alter table hidden rename to presence')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_2']))
  })

  test('is written in few statements, however many come', async () => {
    const presence = serve({ batchMs: 20 })
    const leaves = Array.from({ length: 10_000 }, (_, n) => presence.enter(`t_${n % 5_000}`, `u_${n}`))
    await eventually(async () => expect(await rows()).toBe(10_000))
    for (const leave of leaves) leave()
    await eventually(async () => expect(await rows()).toBe(0))
    expect(presence.size).toEqual({ here: 0, watched: 0 })
  })
})

describe('a mark', () => {
  test('is shown of those who are there, until it is taken back or runs out', async () => {
    const presence = serve()
    const told = listen(presence, 't')
    presence.enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
    await presence.mark('t', 'u_1', 'typing', 60_000)
    await presence.mark('t', 'u_9', 'typing', 60_000)
    await eventually(() => expect(told.at(-1)).toBe('u_1 typing'))
    await presence.mark('t', 'u_1', null, 0)
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
    const before = told.length
    await presence.mark('t', 'u_1', 'typing', 100)
    await eventually(() => expect(told.slice(before)).toEqual(['u_1 typing', 'u_1']))
    expect(await presence.list('t')).toEqual([{ userId: 'u_1', mark: null }])
  })
})

test('whoever stops to watch is told nothing more, and nothing is left of it', async () => {
  const presence = serve()
  const told: string[] = []
  const stop = presence.watch('t', (present) => told.push(textOf(present)))
  const others = listen(presence, 't')
  await eventually(() => expect(told).toEqual(['']))
  stop()
  presence.enter('t', 'u_1')
  await eventually(() => expect(others.at(-1)).toBe('u_1'))
  expect(told).toEqual([''])
  expect(presence.size.watched).toBe(1)
})
