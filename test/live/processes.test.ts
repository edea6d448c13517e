import { expect, test, vi } from 'vitest'
import { startRedis } from '../support/redis.ts'
import { range, seqsOf, startLive } from './support.ts'

test('appends of one process reach subscribers of the others with one bus message per append', async () => {
  await using redis = await startRedis()
  await using first = await startLive({ redisUrl: redis.url, config: { CHECK_MS: 60_000 } })
  await using second = await startLive({ redisUrl: redis.url, on: first.test, config: { CHECK_MS: 60_000 } })
  await using third = await startLive({ redisUrl: redis.url, on: first.test, config: { CHECK_MS: 60_000 } })
  const task = await first.createTask()
  const watchers = await Promise.all(
    [second, third].flatMap((fixture) => Array.from({ length: 20 }, () => fixture.subscribe(task))),
  )
  for (const { seen } of watchers) await vi.waitFor(() => expect(seen).toHaveLength(1))
  // The presence of a user after the second and the third connection is also published on the bus, to nobody.
  for (const { engine } of [second, third]) await vi.waitFor(() => expect(engine.bus.counters.published).toBe(1))
  const before = [first, second, third].map(({ engine }) => ({ ...engine.bus.counters }))
  const executed = second.live.counters.executed
  for (let i = 0; i < 25; i++) await first.append(task)
  for (const { seen } of watchers) await vi.waitFor(() => expect(seqsOf(seen)).toEqual(range(1, 26)))
  const counts = [first, second, third].map(({ engine }, index) => ({
    published: engine.bus.counters.published - (before[index]?.published ?? 0),
    received: engine.bus.counters.received - (before[index]?.received ?? 0),
  }))
  expect(counts).toEqual([
    { published: 25, received: 0 },
    { published: 0, received: 25 },
    { published: 0, received: 25 },
  ])
  expect(second.live.counters.executed - executed).toBe(25)
  expect(second.engine.feeds.counters).toMatchObject({ holes: 0, repaired: 0 })
  for (const { leave } of watchers) leave()
})

test('an unavailable bus costs time only', async () => {
  await using redis = await startRedis()
  await using first = await startLive({ redisUrl: redis.url })
  await using second = await startLive({ redisUrl: redis.url, on: first.test })
  const task = await first.createTask()
  const watchers = await Promise.all(Array.from({ length: 10 }, () => second.subscribe(task)))
  for (const { seen } of watchers) await vi.waitFor(() => expect(seen).toHaveLength(1))
  await first.append(task, 3)
  await redis.stop()
  for (let i = 0; i < 5; i++) await first.append(task, 2)
  const late = await second.subscribe(task, { fromStart: true })
  await vi.waitFor(() => expect(seqsOf(late.seen)).toEqual(range(1, 14)))
  await redis.start()
  await first.append(task)
  await first.complete(task)
  for (const { seen, ended } of [...watchers, late]) {
    await ended
    expect(seqsOf(seen)).toEqual(range(1, 16))
  }
})
