import { PubSub } from 'graphql-subscriptions'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createBus } from '../../src/bus/bus.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { createFeeds, type FeedListener } from '../../src/log/feed.ts'
import { createLogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { createTestBus } from '../support/redis-bus.ts'
import {
  append,
  appendMany,
  connected,
  createMemoryWorld,
  createTopic,
  eventually,
  type Fault,
  followTopic,
  record,
  startNode,
  type TestNode,
} from './support.ts'

let test: TestDatabase
let redis: TestRedis
let topicCount = 0
beforeAll(async () => {
  test = await createTestDatabase()
  redis = await startRedis()
})
afterAll(async () => {
  await redis[Symbol.asyncDispose]()
  await test[Symbol.asyncDispose]()
})

async function newTopic(count = 0): Promise<string> {
  const topic = `fed:${++topicCount}`
  await createTopic(test.database, topic)
  await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
  await appendMany(node, topic, count)
  return topic
}
const startMemory = (
  nextFault?: () => Fault,
  options: { checkMs?: number; ringSize?: number } = {},
): Promise<TestNode> => startNode({ database: test.database, bus: createMemoryWorld().connect(nextFault), ...options })

/** Creates a listener that records the seqs it receives. */
function createEar(): FeedListener & { readonly seqs: readonly number[]; readonly resets: readonly string[] } {
  const seqs: number[] = []
  const resets: string[] = []
  return {
    seqs,
    resets,
    onEvents: (events) => seqs.push(...events.map((event) => event.seq)),
    onReset: (reason) => resets.push(reason),
  }
}
const makeEvent = (topic: string, seq: number): LogEvent => ({
  topic,
  seq,
  type: 'Said',
  at: '2026-01-01T00:00:00.000Z',
  payload: {},
})

describe('a feed', () => {
  it('has one Redis subscription for any number of followers, and none when the last has unsubscribed', async () => {
    await using node = await startNode({
      database: test.database,
      bus: createTestBus(redis.url),
    })
    const topic = await newTopic(1)
    const recordings = Array.from({ length: 50 }, () => record(followTopic(node, topic)))
    await Promise.all(recordings.map((recording) => recording.reach(1)))
    await eventually(async () => expect(await redis.cli('PUBSUB', 'NUMSUB', topic)).toEqual([topic, 1]))
    await connected(node)
    expect(node.feeds.size).toBe(1)
    const received = node.bus.counters.received
    await append(node, topic)
    await Promise.all(recordings.map((recording) => recording.reach(2)))
    expect(node.bus.counters.received - received).toBe(1)
    await Promise.all(recordings.map((recording) => recording.leave()))
    await eventually(async () => expect(await redis.cli('PUBSUB', 'NUMSUB', topic)).toEqual([topic, 0]))
    expect(node.feeds.size).toBe(0)
    await eventually(async () => expect(await redis.cli('PUBSUB', 'CHANNELS')).toEqual(['gap']))
  })

  it('has one in-memory listener for any number of followers, and none when the last has unsubscribed', async () => {
    const pubsub = new PubSub()
    const ee: { listenerCount(channel: string): number } = Reflect.get(pubsub, 'ee')
    const engine = {
      pubsub,
      isConnected: () => true,
      onReconnect: () => undefined,
      onPublisherReplaced: () => undefined,
      close: () => Promise.resolve(),
    }
    await using node = await startNode({
      database: test.database,
      bus: createBus({ kind: 'memory', engine, logger: silentLogger }),
    })
    const topic = await newTopic(1)
    for (let round = 0; round < 3; round++) {
      const recordings = Array.from({ length: 20 }, () => record(followTopic(node, topic)))
      await Promise.all(recordings.map((recording) => recording.reach(1)))
      expect(ee.listenerCount(topic)).toBe(1)
      await Promise.all(recordings.map((recording) => recording.leave()))
      await eventually(() => expect(ee.listenerCount(topic)).toBe(0))
    }
    expect(node.feeds.size).toBe(0)
  })

  it('is compared with the log together with all others, in one query', async () => {
    await using node = await startMemory()
    const topics = await Promise.all(Array.from({ length: 30 }, () => newTopic(1)))
    const recordings = topics.map((topic) => record(followTopic(node, topic)))
    await Promise.all(recordings.map((recording) => recording.reach(1)))
    const query = vi.spyOn(test.database.pool, 'query')
    await node.feeds.check()
    expect(query).toHaveBeenCalledTimes(1)
    query.mockRestore()
    await Promise.all(recordings.map((recording) => recording.leave()))
  })

  it('needs no repair while the bus is healthy', async () => {
    await using node = await startMemory(() => 'pass', { checkMs: 5 })
    const topic = await newTopic()
    const moved = vi.spyOn(node.reader, 'moved')
    const recording = record(followTopic(node, topic))
    await recording.reach(0)
    for (let i = 1; i <= 100; i++) await append(node, topic)
    await recording.reach(100)
    await eventually(() => expect(moved.mock.calls.length).toBeGreaterThan(5))
    expect(node.feeds.counters).toEqual({ delivered: 100, repeated: 0, holes: 0, repaired: 0, malformed: 0 })
    await recording.leave()
  })

  it('counts what only the comparison with the log found', async () => {
    await using node = await startMemory(() => 'lose', { checkMs: 5 })
    const topic = await newTopic()
    const recording = record(followTopic(node, topic))
    await recording.reach(0)
    await appendMany(node, topic, 7)
    await recording.reach(7)
    expect(node.feeds.counters.delivered).toBe(7)
    expect(node.feeds.counters.repaired).toBeGreaterThan(0)
    await recording.leave()
  })

  it('has everything after a check, also when it was just reading the log', async () => {
    const faults: Fault[] = ['lose', 'pass', 'lose']
    const hasRead = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    await using node = await startNode({
      database: test.database,
      bus: createMemoryWorld().connect(() => faults.shift() ?? 'pass'),
      wrapReader: (reader) => ({
        ...reader,
        read: async (...range) => {
          const events = await reader.read(...range)
          hasRead.resolve()
          await goOn.promise
          return events
        },
      }),
    })
    const topic = await newTopic()
    const ear = createEar()
    const attachment = await node.feeds.attach(topic, ear)
    await appendMany(node, topic, 2)
    await hasRead.promise
    await append(node, topic)
    const moved = vi.spyOn(node.reader, 'moved')
    const check = node.feeds.check()
    await eventually(() => expect(moved).toHaveResolved())
    goOn.resolve()
    await check
    expect(ear.seqs).toEqual([1, 2, 3])
    attachment?.detach()
  })

  it('delivers what arrives while it opens', async () => {
    await using writer = await startMemory()
    const topic = await newTopic(2)
    await using node = await startNode({
      database: test.database,
      bus: writer.bus,
      wrapReader: (reader) => ({
        ...reader,
        head: async (name) => {
          const head = await reader.head(name)
          await append(writer, name)
          return head
        },
      }),
    })
    const ear = createEar()
    const attachment = await node.feeds.attach(topic, ear)
    await eventually(() => expect(ear.seqs).toEqual([3]))
    attachment?.detach()
  })

  it('counts duplicates, gaps and foreign messages', async () => {
    await using node = await startMemory()
    const topic = await newTopic(2)
    const ear = createEar()
    const attachment = await node.feeds.attach(topic, ear)
    const { events: written } = await node.reader.read(topic, 0, 10)
    for (const message of [written, 'nonsense', [{ ...written[1], topic: 'other' }], [makeEvent(topic, 900)]])
      node.bus.publish(topic, message)
    await eventually(() =>
      expect(node.feeds.counters).toEqual({ delivered: 0, repeated: 2, holes: 1, repaired: 0, malformed: 3 }),
    )
    // The event that was never appended is dropped: it neither blocks later events nor replaces
    // one.
    await append(node, topic)
    await eventually(() => expect(ear.seqs).toEqual([3]))
    attachment?.detach()
  })

  it('reads the log no more often than false events arrive, however busy the topic is', async () => {
    await using node = await startMemory()
    const topic = await newTopic(1)
    const read = vi.spyOn(node.reader, 'read')
    const ear = createEar()
    const attachment = await node.feeds.attach(topic, ear)
    node.bus.publish(topic, [makeEvent(topic, 900)])
    await appendMany(node, topic, 50)
    await eventually(() => expect(ear.seqs).toHaveLength(50))
    expect(read.mock.calls.length).toBeLessThan(5)
    attachment?.detach()
  })

  it('delivers to other followers when one follower throws', async () => {
    await using node = await startMemory()
    const topic = await newTopic()
    const ears = [createEar(), createEar()]
    const bad: FeedListener = {
      onEvents: () => {
        throw new Error('a follower’s own mistake')
      },
      onReset: () => {
        throw new Error('another one')
      },
    }
    const attachments = []
    for (const listener of [ears[0], bad, ears[1]])
      if (listener !== undefined) attachments.push(await node.feeds.attach(topic, listener))
    await appendMany(node, topic, 5)
    await test.database.pool.query('delete from tidings.event where topic = $1 and seq > 2', [topic])
    await test.database.pool.query('update tidings.topic set seq = 2 where name = $1', [topic])
    await node.feeds.check()
    for (const ear of ears) expect(ear).toMatchObject({ seqs: [1, 2, 3, 4, 5], resets: ['RESET'] })
    for (const attachment of attachments) attachment?.detach()
    expect(node.feeds.size).toBe(0)
  })

  it('delivers from memory only the events it retains', async () => {
    await using node = await startMemory(() => 'pass', { ringSize: 3 })
    const topic = await newTopic(2)
    const ear = createEar()
    const attachment = await node.feeds.attach(topic, ear)
    expect(attachment?.head).toBe(2)
    expect(attachment?.recent(1)).toBeNull()
    // Nothing is retained for a single follower, whether it delivers live events or catches up.
    const second = await node.feeds.attach(topic, createEar())
    await appendMany(node, topic, 1)
    await eventually(() => expect(ear.seqs).toEqual([3]))
    expect(attachment?.recent(2)).toBeNull()
    const third = await node.feeds.attach(topic, createEar())
    await appendMany(node, topic, 10)
    await eventually(() => expect(attachment?.recent(12)?.map(({ seq }) => seq)).toEqual([13]))
    expect(third?.recent(10)?.map(({ seq }) => seq)).toEqual([11, 12, 13])
    expect(attachment?.recent(6)).toBeNull()
    expect(attachment?.recent(13)).toBeNull()
    for (const one of [attachment, second, third]) one?.detach()
  })

  it('allows detaching repeatedly', async () => {
    await using node = await startMemory()
    const topic = await newTopic()
    const attachments = [await node.feeds.attach(topic, createEar()), await node.feeds.attach(topic, createEar())]
    attachments[0]?.detach()
    attachments[0]?.detach()
    expect(node.feeds.size).toBe(1)
    attachments[1]?.detach()
    expect(node.feeds.size).toBe(0)
  })

  it('is not created for a topic that does not exist', async () => {
    await using node = await startMemory()
    expect(await node.feeds.attach('nowhere', createEar())).toBeNull()
    expect(node.feeds.size).toBe(0)
  })
})

describe('the feeds of a process', () => {
  it('release everything when they are disposed, and accept no more followers', async () => {
    const bus = createTestBus(redis.url)
    const reader = await createLogReader(test.database)
    const feeds = createFeeds({ bus, reader, logger: silentLogger, checkMs: 5 })
    const moved = vi.spyOn(reader, 'moved')
    const topics = [await newTopic(), await newTopic()]
    for (const topic of topics) await feeds.attach(topic, createEar())
    await eventually(() => expect(moved).toHaveBeenCalled())
    await feeds[Symbol.asyncDispose]()
    await feeds[Symbol.asyncDispose]()
    expect(feeds.size).toBe(0)
    await eventually(async () => expect(await redis.cli('PUBSUB', 'CHANNELS')).toEqual(['gap']))
    const calls = moved.mock.calls.length
    await expect(feeds.attach(topics[0] ?? '', createEar())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(moved.mock.calls.length).toBe(calls)
    await bus[Symbol.asyncDispose]()
  })
})
