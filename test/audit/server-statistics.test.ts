import { expect, test, vi } from 'vitest'
import { mergeServerStatistics } from '../../src/audit/connection-statistics.ts'
import { createStatisticsExchange, type ServerStatistics } from '../../src/audit/server-statistics.ts'
import { createMemoryBus } from '../../src/bus/bus.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'

const nobody: ServerStatistics = {
  transports: { ws: 0, sse: 0, polling: 0 },
  topics: 0,
  byField: [],
  byTopic: [],
  byViewer: [],
  oldest: [],
  slowest: [],
  auditedAt: null,
}
const logger = silentLogger

test('several servers are merged as they start, change and stop', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  // Each has its own bus, which delivers nothing between them.
  await using busA = createMemoryBus(logger)
  await using busB = createMemoryBus(logger)
  await using a = createStatisticsExchange({ database, bus: busA, logger, everyMs: 20 })
  await using b = createStatisticsExchange({ database, bus: busB, logger, everyMs: 20 })
  const seen: number[][] = []
  const watched = a.watch()
  const watching = (async () => {
    for await (const servers of watched) seen.push(servers.map(({ transports }) => transports.ws))
  })()
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([]))
  await using _own = a.announce({ name: 'a', source: () => ({ ...nobody, transports: { ws: 1, sse: 0, polling: 0 } }) })
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([1]))
  let sockets = 10
  const announced = b.announce({
    name: 'b',
    source: () => ({ ...nobody, transports: { ws: sockets, sse: 0, polling: 0 } }),
  })
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([1, 10]))
  sockets = 20
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([1, 20]))
  await announced[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([1]))
  await watched.return?.()
  await watching
})

test('a server receives the announcements of others only while it shows the list', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  await using bus = createMemoryBus(logger)
  await using statistics = createStatisticsExchange({ database, bus, logger, everyMs: 10 })
  let sockets = 0
  const source = () => ({ ...nobody, transports: { ws: sockets++, sse: 0, polling: 0 } })
  await using _own = statistics.announce({ name: 'a', source })
  await vi.waitFor(() => expect(bus.counters.published).toBeGreaterThan(2))
  expect(bus.counters.received).toBe(0)
  const watched = statistics.watch()
  await watched.next()
  await vi.waitFor(() => expect(bus.counters.received).toBeGreaterThan(2))
  await watched.return?.()
  const { published, received } = bus.counters
  await vi.waitFor(() => expect(bus.counters.published).toBeGreaterThan(published + 2))
  expect(bus.counters.received).toBe(received)
})

test('a silent server is removed, and its row is deleted by the others', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  await using bus = createMemoryBus(logger)
  await using serverStatistics = createStatisticsExchange({ database, bus, logger, everyMs: 20 })
  await database.pool.query(
    `insert into tidings.server_statistics (server_id, name, started_at, seen_at, statistics)
     values ('killed', 'killed', now(), now() - interval '9 seconds', $1), ('long ago', 'x', now(), now() - interval '2 minutes', $1)`,
    [nobody],
  )
  expect(await serverStatistics.read()).toMatchObject([{ id: 'killed' }])
  const watched = serverStatistics.watch()
  expect((await watched.next()).value).toHaveLength(1)
  expect((await watched.next()).value).toHaveLength(0)
  await watched.return?.()
  await using _own = serverStatistics.announce({ name: 'a', source: () => nobody })
  await vi.waitFor(async () => {
    const { rows } = await database.pool.query('select name from tidings.server_statistics order by name')
    expect(rows).toEqual([{ name: 'a' }, { name: 'killed' }])
  })
})

test('a slow reader receives only the newest, and a single read only that', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  await using bus = createMemoryBus(logger)
  await using serverStatistics = createStatisticsExchange({ database, bus, logger, everyMs: 10 })
  let topics = 1
  await using _own = serverStatistics.announce({ name: 'a', source: () => ({ ...nobody, topics }) })
  await vi.waitFor(async () => expect(await serverStatistics.read()).toHaveLength(1))
  const slow = serverStatistics.watch()
  const quick = serverStatistics.watch()
  expect((await slow.next()).value).toMatchObject([{ topics: 1 }])
  expect((await quick.next()).value).toMatchObject([{ topics: 1 }])
  for (const next of [2, 3, 4]) {
    topics = next
    expect((await quick.next()).value).toMatchObject([{ topics }])
  }
  expect((await slow.next()).value).toMatchObject([{ topics: 4 }])
  const once = serverStatistics.watch({ once: true })
  expect(await Array.fromAsync(once)).toMatchObject([[{ topics: 4 }]])
  await slow.return?.()
  await quick.return?.()
})

test('the statistics of all servers are added up', () => {
  const client = { transport: 'ws' as const, userId: 'u', address: '::1', userAgent: null, subscriptions: 1 }
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second))
  const server = (name: string, rest: Partial<ServerStatistics>) => ({
    ...nobody,
    id: name,
    name,
    startedAt: at(0),
    seenAt: at(0),
    ...rest,
  })
  const stats = mergeServerStatistics(
    [
      server('a', {
        transports: { ws: 2, sse: 1, polling: 0 },
        byField: [{ name: 'taskProgress', count: 3 }],
        byTopic: [
          { name: 'task:1', count: 2 },
          { name: 'task:2', count: 1 },
        ],
        oldest: [{ ...client, id: 'c1', openedAt: at(5), unreadBytes: 10 }],
        slowest: [{ ...client, id: 'c1', openedAt: at(5), unreadBytes: 10 }],
        auditedAt: at(9),
      }),
      server('b', {
        transports: { ws: 0, sse: 0, polling: 4 },
        byTopic: [{ name: 'task:2', count: 5 }],
        oldest: [{ ...client, id: 'c1', openedAt: at(1), unreadBytes: 99 }],
        slowest: [{ ...client, id: 'c1', openedAt: at(1), unreadBytes: 99 }],
      }),
    ],
    at(60),
  )
  expect(stats).toMatchObject({
    connections: 7,
    subscriptions: 3,
    transports: { ws: 2, sse: 1, polling: 4 },
    byTopic: [
      { name: 'task:2', count: 6 },
      { name: 'task:1', count: 2 },
    ],
    oldest: [{ server: 'b' }, { server: 'a' }],
    slowest: [{ unreadBytes: 99 }, { unreadBytes: 10 }],
    auditedAt: at(9),
  })
})
