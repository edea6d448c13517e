import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Bus, createMemoryBus } from '../../src/bus/bus.ts'
import { silentLogger } from '../../src/logger.ts'
import { createPresence, type Presence, type PresenceTimes } from '../../src/presence/presence.ts'
import type { Present } from '../../src/presence/presence-rows.ts'
import { connected, eventually } from '../log/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRedis } from '../support/redis.ts'
import { createTestBus } from '../support/redis-bus.ts'

let base: TestDatabase
let bus: Bus
let stack: AsyncDisposableStack
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  base = stack.use(await createTestDatabase())
  bus = stack.use(createMemoryBus(silentLogger))
})
afterEach(() => stack.disposeAsync())

/**
 * Creates the presence of one more server. Without its own bus it receives the messages of the
 * others in this test.
 */
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
/** Records what a listener receives: users with their marks. */
function listen(presence: Presence, topic: string): string[] {
  const told: string[] = []
  presence.watch(topic, (present) => told.push(textOf(present)))
  return told
}
const textOf = (present: readonly Present[]): string =>
  present.map(({ userId, mark }) => (mark === null ? userId : `${userId} ${mark}`)).join(', ')
const rows = async (): Promise<number> =>
  (await base.database.pool.query<{ n: number }>('select count(*) as n from tidings.presence')).rows[0]?.n ?? -1

describe('presence at a topic', () => {
  test('includes each user once until the last subscription ends', async () => {
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

  test('is published to listeners on all servers through Redis when it changes', async () => {
    await using redis = await startRedis()
    const buses = [1, 2].map(() => stack.use(createTestBus(redis.url)))
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
    // Still present through the other server.
    await eventually(async () => expect(await rows()).toBe(2))
    expect(await one.of('t')).toEqual(['u_1', 'u_2'])
  })

  test('is announced to the servers that watch the topic, and to no other', async () => {
    await using redis = await startRedis()
    const [own, watching, other] = [1, 2, 3].map(() => stack.use(createTestBus(redis.url)))
    if (own === undefined || watching === undefined || other === undefined) throw new Error('There are three')
    for (const bus of [own, watching, other]) await connected({ bus })
    const told = listen(serve({}, watching), 't')
    listen(serve({}, other), 'u')
    const presence = serve({}, own)
    presence.enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
    presence.enter('t', 'u_2')
    presence.enter('v', 'u_2')
    await eventually(() => expect(told.at(-1)).toBe('u_1, u_2'))
    expect(watching.counters.received).toBe(2)
    expect([own.counters.received, other.counters.received]).toEqual([0, 0])
  })

  test('is discovered without the bus at the next heartbeat', async () => {
    const told = listen(serve({ beatMs: 20 }, stack.use(createMemoryBus(silentLogger))), 't')
    serve().enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
  })

  test('is not written when it came and went in between', async () => {
    const presence = serve({ batchMs: 1 })
    presence.enter('t', 'u_1')()
    presence.enter('t', 'u_2')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_2']))
    const { rows: servers } = await base.database.pool.query('select from tidings.presence_server')
    expect(servers).toHaveLength(1)
  })

  test('lingers for a client that polls', async () => {
    const presence = serve()
    const told = listen(presence, 't')
    presence.enter('t', 'u_1')(150)
    await eventually(() => expect(told).toContain('u_1'))
    await eventually(() => expect(told.at(-1)).toBe(''))
  })

  test('ends at once when its server shuts down gracefully', async () => {
    const ending = serve()
    const other = serve()
    const told = listen(other, 't')
    ending.enter('t', 'u_1')
    await eventually(() => expect(told.at(-1)).toBe('u_1'))
    await ending[Symbol.asyncDispose]()
    await eventually(() => expect(told.at(-1)).toBe(''))
    expect(await rows()).toBe(0)
  })

  test('expires when its server shows no sign of life', async () => {
    // Its next heartbeat never comes, as if it were killed.
    serve({ aliveMs: 300 }).enter('t', 'u_1')
    const told = listen(serve({ beatMs: 20 }), 't')
    await eventually(() => expect(told).toContain('u_1'))
    await eventually(() => expect(told.at(-1)).toBe(''))
    expect(await rows()).toBe(1)
  })

  test('is written again by a server that was considered dead, and after a database crash', async () => {
    const presence = serve({ beatMs: 20 })
    presence.enter('t', 'u_1')
    presence.enter('t', 'u_2')
    await eventually(async () => expect(await presence.of('t')).toHaveLength(2))
    await base.database.pool.query('truncate tidings.presence_server cascade')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_1', 'u_2']))
  })

  test('is correct again after a failed write', async () => {
    const presence = serve({ beatMs: 20 })
    const leave = presence.enter('t', 'u_1')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_1']))
    await base.database.pool.query('alter table tidings.presence rename to hidden')
    leave()
    presence.enter('t', 'u_2')
    await eventually(() => expect(presence.of('t')).rejects.toThrow())
    await base.database.pool.query('alter table tidings.hidden rename to presence')
    await eventually(async () => expect(await presence.of('t')).toEqual(['u_2']))
  })

  test('is written in few statements, however many users arrive', async () => {
    const presence = serve({ batchMs: 20 })
    const leaves = Array.from({ length: 10_000 }, (_, n) => presence.enter(`t_${n % 5_000}`, `u_${n}`))
    await eventually(async () => expect(await rows()).toBe(10_000))
    for (const leave of leaves) leave()
    await eventually(async () => expect(await rows()).toBe(0))
    expect(presence.size).toEqual({ here: 0, watched: 0 })
  })
})

describe('a mark', () => {
  test('is shown for present users until it is cleared or expires', async () => {
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

test('a listener that unsubscribes receives nothing more, and nothing of it remains', async () => {
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
