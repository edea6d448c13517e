import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import { createLogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createTcpProxy } from '../support/proxy.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { createTestBus } from '../support/redis-bus.ts'
import {
  append,
  appendMany,
  connected,
  createDatabaseProxy,
  createMemoryWorld,
  createTopic,
  eventually,
  followTopic,
  positionOf,
  pruneOlderThan,
  record,
  startNode,
  type TestNode,
} from './support.ts'

let test: TestDatabase
let topicCount = 0
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(async () => {
  await test[Symbol.asyncDispose]()
})

async function newTopic(node: TestNode, count = 0): Promise<string> {
  const topic = `outage:${++topicCount}`
  await createTopic(test.database, topic)
  await appendMany(node, topic, count)
  return topic
}

describe('a follower loses and repeats nothing', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
  })
  const startOn = (url: string, options: { probeMs?: number; checkMs?: number } = {}): Promise<TestNode> =>
    startNode({
      database: test.database,
      bus: createTestBus(url, options),
      ...options,
    })

  const incidents: [string, () => Promise<unknown>][] = [
    ['a restart of Redis', () => redis.restart()],
    ['FLUSHALL', () => redis.cli('FLUSHALL')],
    ['CLIENT KILL TYPE pubsub', () => redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    ['CLIENT KILL TYPE normal', () => redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')],
  ]
  it.each(incidents)('after %s', async (_what, happen) => {
    await using reading = await startOn(redis.url)
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    const recording = record(followTopic(reading, topic))
    await recording.reach(1)
    await Promise.all([reading, writing].map(connected))
    for (let round = 0; round < 3; round++) {
      await appendMany(writing, topic, 5)
      // Some are in flight, some are appended while the process is not listening.
      await Promise.all([happen(), appendMany(writing, topic, 20)])
    }
    // No comparison with the log runs: the reconnection is sufficient, whenever the connection was
    // lost.
    await Promise.all([reading, writing].map(connected))
    await append(writing, topic)
    await recording.reach(77)
    await append(writing, topic, 'Last')
    await recording.ended
    await eventually(async () => expect(await redis.cli('PUBSUB', 'NUMSUB', topic)).toEqual([topic, 0]))
  })

  it('while Redis is unavailable, also when it joins meanwhile', async () => {
    await using reading = await startOn(redis.url)
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    const early = record(followTopic(reading, topic))
    await early.reach(1)
    await redis.stop()
    try {
      await appendMany(writing, topic, 10)
      // A joining follower is not delayed by an unavailable bus.
      const late = record(followTopic(reading, topic, { fromStart: true }), 0)
      const alone = record(followTopic(writing, topic))
      await Promise.all([late.reach(11), alone.reach(11)])
      await appendMany(writing, topic, 10)
      const others = await newTopic(writing, 2)
      const elsewhere = record(followTopic(reading, others))
      await elsewhere.reach(2)
      await append(writing, others)
      await redis.start()
      await Promise.all([early.reach(21), late.reach(21), alone.reach(21), elsewhere.reach(3)])
      await Promise.all([reading, writing].map(connected))
      await append(writing, topic)
      await Promise.all([early.reach(22), late.reach(22), alone.reach(22)])
    } finally {
      await redis.start()
    }
  })

  it('while Redis is unavailable for long, receiving everything promptly without counting it as lost', async () => {
    await using reading = await startOn(redis.url, { checkMs: 60_000 })
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    const recording = record(followTopic(reading, topic))
    await recording.reach(1)
    await Promise.all([reading, writing].map(connected))
    await redis.stop()
    try {
      await eventually(() => expect(reading.bus.isConnected()).toBe(false))
      for (let seq = 2; seq <= 4; seq++) {
        await append(writing, topic)
        await recording.reach(seq)
      }
      expect(reading.feeds.counters.repaired).toBe(0)
    } finally {
      await redis.start()
    }
    await recording.leave()
  })

  it('when Redis is unavailable from the start', async () => {
    await using proxy = await createTcpProxy(redis.port)
    proxy.refuse()
    await using node = await startOn(`redis://127.0.0.1:${proxy.port}`, { checkMs: 50 })
    const topic = await newTopic(node)
    const recording = record(followTopic(node, topic))
    await recording.reach(0)
    await appendMany(node, topic, 3)
    await recording.reach(3)
    await proxy.accept()
    await connected(node)
    await append(node, topic)
    await recording.reach(4)
    await recording.leave()
  })

  it('when the bus is connected but receives nothing, by comparing with the log', async () => {
    await using proxy = await createTcpProxy(redis.port)
    await using reading = await startOn(`redis://127.0.0.1:${proxy.port}`, { checkMs: 50, probeMs: 60_000 })
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    const recording = record(followTopic(reading, topic))
    await recording.reach(1)
    await connected(reading)
    proxy.stall()
    await appendMany(writing, topic, 5)
    await recording.reach(6)
    expect(reading.bus.isConnected()).toBe(true)
    expect(reading.feeds.counters.repaired).toBeGreaterThan(0)
    // The data held back by the network arrives late and is already known.
    proxy.resume()
    await eventually(() => expect(reading.feeds.counters.repeated).toBe(5))
    await append(writing, topic)
    await recording.reach(7)
    await recording.leave()
  })

  it('when the bus confirms so slowly that it joins without waiting', async () => {
    await using proxy = await createTcpProxy(redis.port)
    await using reading = await startOn(`redis://127.0.0.1:${proxy.port}`)
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    await connected(reading)
    proxy.stall()
    const recording = record(followTopic(reading, topic))
    await recording.reach(1)
    // Redis has not received the subscription of this process to these yet.
    await appendMany(writing, topic, 3)
    proxy.resume()
    await recording.reach(4)
    await recording.leave()
  })

  it('when the other end of the bus disappears silently, by replacing the connection', async () => {
    await using proxy = await createTcpProxy(redis.port)
    await using reading = await startOn(`redis://127.0.0.1:${proxy.port}`, { probeMs: 50 })
    await using writing = await startOn(redis.url)
    const topic = await newTopic(writing, 1)
    const recording = record(followTopic(reading, topic))
    await recording.reach(1)
    await connected(reading)
    proxy.halfOpen()
    // Found by the probe alone, as nothing compares with the log.
    await appendMany(writing, topic, 5)
    await recording.reach(6)
    await append(writing, topic)
    await recording.reach(7)
    expect(reading.feeds.counters.repaired).toBe(0)
    await recording.leave()
  })
})

describe('while the database is unavailable', () => {
  it('a follower that catches up waits for it', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const topic = await newTopic(node, 300)
    const { proxy, url } = await createDatabaseProxy(test.url)
    await using _ = proxy
    await using remote = await connectDatabase({ url, maxConnections: 2, logger: silentLogger })
    await using far = await startNode({ database: remote, bus: createMemoryWorld().connect() })
    const iterator = followTopic(far, topic, { fromStart: true })
    await iterator.next()
    proxy.refuse()
    proxy.resetAll()
    const recording = record(iterator, 1)
    await recording.reach(200)
    expect(recording.at).toBe(200)
    await proxy.accept()
    await recording.reach(300)
    await recording.leave()
  })

  it('a follower finally fails with an error that says so, and resumes from its cursor', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const topic = await newTopic(node, 250)
    const { proxy, url } = await createDatabaseProxy(test.url)
    await using _ = proxy
    await using remote = await connectDatabase({ url, maxConnections: 2, logger: silentLogger })
    const impatient = await createLogReader(remote, { retryMs: 50 })
    await using far = await startNode({
      database: remote,
      bus: createMemoryWorld().connect(),
      wrapReader: () => impatient,
    })
    const iterator = followTopic(far, topic, { fromStart: true })
    await iterator.next()
    proxy.refuse()
    proxy.resetAll()
    const recording = record(iterator, 1)
    await expect(recording.ended).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    expect(far.feeds.size).toBe(0)
    await proxy.accept()
    const resumed = record(followTopic(far, topic, { after: positionOf(far, recording.at) }), recording.at)
    await resumed.reach(250)
    await resumed.leave()
  })

  it('a feed retries when it cannot read missed events', async () => {
    const world = createMemoryWorld()
    await using node = await startNode({ database: test.database, bus: world.connect() })
    const topic = await newTopic(node, 1)
    const { proxy, url } = await createDatabaseProxy(test.url)
    await using _ = proxy
    await using remote = await connectDatabase({ url, maxConnections: 2, logger: silentLogger })
    let messages = 0
    const impatient = await createLogReader(remote, { retryMs: 0 })
    await using far = await startNode({
      database: remote,
      bus: world.connect(() => (messages++ === 0 ? 'lose' : 'pass')),
      checkMs: 50,
      wrapReader: () => impatient,
    })
    const recording = record(followTopic(far, topic))
    await recording.reach(1)
    proxy.refuse()
    proxy.resetAll()
    await appendMany(node, topic, 4)
    await eventually(() => expect(far.feeds.counters.holes).toBeGreaterThan(0))
    await proxy.accept()
    await recording.reach(5)
    await recording.leave()
  })
})

describe('reports that events cannot be replayed', () => {
  it('when a topic is pruned before a follower has read it', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const topic = await newTopic(node, 250)
    await append(node, topic, 'Last')
    // It holds a page of 200; the rest is pruned.
    const slow = followTopic(node, topic, { fromStart: true })
    await slow.next()
    await pruneOlderThan(test.database, 0)
    const rest = record(slow, 1)
    await rest.ended
    expect(rest.text).toMatch(/^2 .* 200 PRUNED@251$/)
  })

  it('when a topic ends and is pruned while the bus is silent', async () => {
    const world = createMemoryWorld()
    await using writing = await startNode({ database: test.database, bus: world.connect() })
    await using reading = await startNode({ database: test.database, bus: world.connect(() => 'lose'), checkMs: 50 })
    const topic = await newTopic(writing, 2)
    const recording = record(followTopic(reading, topic))
    await recording.reach(2)
    await appendMany(writing, topic, 3)
    await append(writing, topic, 'Last')
    await pruneOlderThan(test.database, 0)
    await recording.ended
    expect(recording.text).toBe('SUBSCRIBED@2 PRUNED@6')
  })

  it('only to followers that have not read the pruned events', async () => {
    const world = createMemoryWorld()
    await using writing = await startNode({ database: test.database, bus: world.connect() })
    await using reading = await startNode({
      database: test.database,
      bus: world.connect(() => 'lose'),
      checkMs: 60_000,
    })
    const topic = await newTopic(writing, 2)
    const behind = record(followTopic(reading, topic))
    await behind.reach(2)
    await appendMany(writing, topic, 2)
    // It has read the log up to the events that are pruned next, which the bus did not deliver.
    const ahead = record(followTopic(reading, topic, { after: positionOf(reading, 2) }), 2)
    await ahead.reach(4)
    await append(writing, topic, 'Last')
    await test.database.pool.query('delete from tidings.event where topic = $1 and seq <= 4', [topic])
    await test.database.pool.query('update tidings.topic set pruned_seq = 4 where name = $1', [topic])
    await reading.feeds.check()
    await Promise.all([behind.ended, ahead.ended])
    expect([behind.text, ahead.text]).toEqual(['SUBSCRIBED@2 PRUNED@5', '3 4 5'])
  })

  it('and follows a topic on that had ended in the lost part of the log', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const topic = await newTopic(node, 3)
    await append(node, topic, 'Last')
    // It knows that the topic has ended, and has not read so far.
    const slow = followTopic(node, topic, { fromStart: true })
    await slow.next()
    await test.database.pool.query('delete from tidings.event where topic = $1 and seq > 2', [topic])
    await test.database.pool.query('update tidings.topic set seq = 2, closed = false where name = $1', [topic])
    await node.feeds.check()
    await appendMany(node, topic, 4)
    const rest = record(slow, 1)
    await rest.reach(6)
    expect(rest.text).toMatch(/RESET@\d( \d)*$/)
    await append(node, topic, 'Last')
    await rest.ended
    expect(rest.at).toBe(7)
  })

  it('at once when the log has moved to another timeline, as by a failover', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const [topic, other] = [await newTopic(node, 2), await newTopic(node, 2)]
    const followers = [record(followTopic(node, topic)), record(followTopic(node, other))]
    for (const follower of followers) await follower.reach(2)
    const before = node.reader.epoch
    await test.database.pool.query(`update tidings.meta set value = 'cluster:00000000' where key = 'origin'`)
    // Several statements notice it together; one of them renews the epoch.
    await Promise.all(Array.from({ length: 5 }, () => newTopic(node, 1)))
    await append(node, topic)
    await eventually(() =>
      expect(followers.map(({ text }) => text)).toEqual(['SUBSCRIBED@2 RESET@3', 'SUBSCRIBED@2 RESET@2']),
    )
    const { epoch } = node.reader
    expect(epoch).not.toBe(before)
    await append(node, other)
    await followers[1]?.reach(3)
    expect([followers[1]?.text, node.reader.epoch]).toEqual(['SUBSCRIBED@2 RESET@2 3', epoch])
    for (const follower of followers) await follower.leave()
  })

  const loseAfter = async (topic: string, seq: number): Promise<void> => {
    await test.database.pool.query('delete from tidings.event where topic = $1 and seq > $2', [topic, seq])
    await test.database.pool.query('update tidings.topic set seq = $2 where name = $1', [topic, seq])
  }

  it('and does not take lost events from a feed that was not reset yet, with a cursor of the new epoch', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    await using other = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
    const topic = await newTopic(node, 2)
    // So many that the feed keeps the latest events.
    const followers = Array.from({ length: 3 }, () => record(followTopic(node, topic)))
    for (const follower of followers) await follower.reach(2)
    await appendMany(node, topic, 4)
    for (const follower of followers) await follower.reach(6)
    await loseAfter(topic, 4)
    await node.reader.renewEpoch(node.reader.epoch)
    for (const type of ['Other', 'Other']) await append(other, topic, type)
    const types: string[] = []
    const late = record(followTopic(node, topic, { after: positionOf(node, 4) }), 4, (item) => {
      types.push(item.is === 'event' ? item.event.type : item.reason)
    })
    await late.reach(6)
    expect(types).toEqual(['Other', 'Other'])
    await node.feeds.check()
    await eventually(() => expect(late.text).toBe('5 6 RESET@6'))
    for (const follower of [...followers, late]) await follower.leave()
  })

  it('and does not take lost events from its buffer after the snapshot', async () => {
    const gate = Promise.withResolvers<void>()
    let isHeld = false
    await using node = await startNode({
      database: test.database,
      bus: createMemoryWorld().connect(),
      wrapReader: (reader) => ({
        ...reader,
        get epoch() {
          return reader.epoch
        },
        async head(topic) {
          if (isHeld) await gate.promise
          return await reader.head(topic)
        },
      }),
    })
    const topic = await newTopic(node, 2)
    const early = record(followTopic(node, topic))
    await early.reach(2)
    isHeld = true
    const late = record(followTopic(node, topic, { after: positionOf(node, 1) }), 1)
    await appendMany(node, topic, 1)
    await early.reach(3)
    await loseAfter(topic, 2)
    await node.reader.renewEpoch(node.reader.epoch)
    gate.resolve()
    await late.reach(2)
    await node.feeds.check()
    await eventually(() => expect(late.text).toBe('RESET@2 RESET@2'))
    for (const follower of [early, late]) await follower.leave()
  })

  it('when the log goes back during following, as after restoring a backup', async () => {
    await using node = await startNode({ database: test.database, bus: createMemoryWorld().connect(), checkMs: 50 })
    const topic = await newTopic(node, 5)
    const recording = record(followTopic(node, topic))
    await recording.reach(5)
    await append(node, topic)
    await recording.reach(6)
    await test.database.pool.query('delete from tidings.event where topic = $1 and seq > 3', [topic])
    await test.database.pool.query('update tidings.topic set seq = 3 where name = $1', [topic])
    await eventually(() => expect(recording.text).toBe('SUBSCRIBED@5 6 RESET@3'))
    await append(node, topic)
    await eventually(() => expect(recording.text).toBe('SUBSCRIBED@5 6 RESET@3 4'))
    await recording.leave()
  })
})
