import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bus } from '../../src/bus/bus.ts'
import { withTransaction } from '../../src/db/connect.ts'
import type { Position } from '../../src/log/cursor.ts'
import type { LogReader } from '../../src/log/read.ts'
import { deleteTopic, pruneTopic } from '../../src/log/topic.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import {
  append,
  appendMany,
  type BusWorld,
  connected,
  createMemoryWorld,
  createRedisWorld,
  createTopic,
  eventually,
  type Fault,
  followTopic,
  positionOf,
  type Recording,
  readSnapshot,
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

/** Creates a topic for this test with `count` events. */
async function newTopic(node: TestNode, count = 0): Promise<string> {
  const topic = `followed:${++topicCount}`
  await createTopic(test.database, topic)
  await appendMany(node, topic, count)
  return topic
}

/** Runs `act` at the n-th of the points that `step` marks. */
function createSteps(n: number, act: () => Promise<unknown>) {
  let count = 0
  let isOver = false
  return {
    step: async (): Promise<void> => {
      if (!isOver && ++count === n) await act()
    },
    /** Work that outlives the test marks nothing more. */
    end: (): void => {
      isOver = true
    },
    get wasReached() {
      return count >= n
    },
  }
}

/** Wraps a reader (and a bus) with a step before and after each call that following makes. */
function stepReader(reader: LogReader, step: () => Promise<void>): LogReader {
  const around =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await step()
      const result = await call(...args)
      await step()
      return result
    }
  return {
    get epoch() {
      return reader.epoch
    },
    renewEpoch: reader.renewEpoch,
    head: around(reader.head),
    moved: around(reader.moved),
    read: around(reader.read),
  }
}
function stepBus(bus: Bus, step: () => Promise<void>): Bus {
  return {
    ...bus,
    subscribe(channel, listener) {
      const subscription = bus.subscribe(channel, listener)
      return { ...subscription, ready: subscription.ready.then(step) }
    },
  }
}

const worlds: [string, () => BusWorld][] = [
  ['memory', createMemoryWorld],
  ['Redis', () => createRedisWorld(redis.url)],
]

describe.each(worlds)('following a topic over %s', (_name, createWorld) => {
  const start = async (
    options: { nextFault?: () => Fault; checkMs?: number; world?: BusWorld } = {},
  ): Promise<TestNode> => {
    const bus = (options.world ?? createWorld()).connect(options.nextFault)
    const node = await startNode({ database: test.database, bus, ...options })
    await connected(node)
    return node
  }

  it('begins with a snapshot and delivers every later event, in order, until the last', async () => {
    await using node = await start()
    const topic = await newTopic(node, 3)
    const recording = record(followTopic(node, topic))
    await recording.reach(3)
    await appendMany(node, topic, 3)
    await append(node, topic, 'Last')
    await recording.ended
    expect(recording.text).toBe('SUBSCRIBED@3 4 5 6 7')
  })

  it('begins with a snapshot that was read before, and the events since, without reading another', async () => {
    await using node = await start()
    const topic = await newTopic(node, 3)
    const firstSnapshot = await readSnapshot(node, topic)
    await appendMany(node, topic, 2)
    const snapshot = () => Promise.reject(new Error('It is read again'))
    const recording = record(followTopic(node, topic, { firstSnapshot, snapshot }))
    await recording.reach(5)
    await append(node, topic, 'Last')
    await recording.ended
    expect(recording.text).toBe('SUBSCRIBED@3 4 5 6')
    const last = record(followTopic(node, topic, { firstSnapshot: await readSnapshot(node, topic), snapshot }))
    await last.ended
    expect(last.text).toBe('SUBSCRIBED@6')
    expect(last.items).toMatchObject([{ isLast: true }])
  })

  it.each([
    ['was read in another epoch', async (node: TestNode) => node.reader.renewEpoch(node.reader.epoch), 'SUBSCRIBED@3'],
    [
      'has been pruned since, with the events after it',
      async (node: TestNode, topic: string) => {
        await appendMany(node, topic, 3)
        await withTransaction(test.database, (client) => pruneTopic(client, topic, 0))
      },
      'SUBSCRIBED@3 PRUNED@6',
    ],
  ])('reads a snapshot if the one that was read before %s', async (_what, act, text) => {
    await using node = await start()
    const topic = await newTopic(node, 3)
    const firstSnapshot = await readSnapshot(node, topic)
    await act(node, topic)
    const recording = record(followTopic(node, topic, { firstSnapshot, onCaughtUp: () => true }))
    await recording.ended
    expect(recording.text).toBe(text)
  })

  it('delivers what another process appends', async () => {
    const world = createWorld()
    await using here = await start({ world })
    await using there = await start({ world })
    const topic = await newTopic(there)
    const recording = record(followTopic(here, topic))
    await recording.reach(0)
    await appendMany(there, topic, 5)
    await recording.reach(5)
    await recording.leave()
  })

  const joins: [
    string,
    { after?: number; fromStart?: boolean; onCaughtUp?: () => boolean; isReadBefore?: boolean },
    number | null,
  ][] = [
    ['with a snapshot', {}, null],
    ['with a snapshot that was read before', { isReadBefore: true }, null],
    ['after a position', { after: 2 }, 2],
    ['from the start', { fromStart: true }, 0],
    ['after a position, to catch up only', { after: 1, onCaughtUp: () => true }, 1],
  ]
  it.each(joins)('%s misses nothing that is appended between any two of its steps', async (_how, join, from) => {
    const { isReadBefore = false, ...options } = join
    // Appended by the follower's own process, which is the fastest: its message may overtake what
    // is being read.
    let n = 0
    for (let wasReached = true; wasReached; ) {
      n++
      await using writer = await start()
      const topic = await newTopic(writer, 4)
      const steps = createSteps(n, () => append(node, topic))
      await using node = await startNode({
        database: test.database,
        bus: stepBus(createWorld().connect(), steps.step),
        wrapReader: (reader) => stepReader(reader, steps.step),
      })
      await connected(node)
      const after = options.after === undefined ? undefined : positionOf(node, options.after)
      const firstSnapshot = isReadBefore ? await readSnapshot(node, topic) : undefined
      const recording = record(
        followTopic(node, topic, {
          ...options,
          after,
          firstSnapshot,
          snapshot: async () => {
            await steps.step()
            const head = await writer.reader.head(topic)
            await steps.step()
            return head && { seq: head.seq, state: head.seq }
          },
        }),
        from,
      )
      if (options.onCaughtUp !== undefined) {
        await recording.ended
        await recording.reach(4)
      } else {
        await recording.reach(4)
        // It arrives without help: no later event shows that it is missing, and no comparison with
        // the log runs.
        if (!steps.wasReached) await append(node, topic)
        await recording.reach(5).catch((error: unknown) => {
          throw new Error(`An event appended at step ${n} was not handed on: ${recording.text}`, { cause: error })
        })
        await recording.leave()
      }
      steps.end()
      wasReached = steps.wasReached
    }
    expect(n).toBeGreaterThan(5)
  })

  const faults: [string, Fault[]][] = [
    ['all lost', ['lose']],
    ['every other one lost', ['pass', 'lose']],
    ['most of them lost', ['lose', 'lose', 'lose', 'pass']],
    ['repeated', ['repeat']],
    ['reordered', ['hold', 'hold', 'pass']],
    ['repeated and reordered', ['hold', 'repeat', 'hold', 'hold', 'repeat']],
    ['malformed', ['mangle']],
    ['partly malformed', ['pass', 'mangle', 'mangle']],
    ['lost, repeated, reordered and malformed', ['lose', 'repeat', 'hold', 'mangle', 'pass', 'hold', 'mangle', 'lose']],
  ]
  it.each(faults)('survives messages that are %s', async (_what, pattern) => {
    let messages = 0
    await using node = await start({ nextFault: () => pattern[messages++ % pattern.length] ?? 'pass', checkMs: 20 })
    const topic = await newTopic(node, 2)
    const recording = record(followTopic(node, topic))
    await recording.reach(2)
    await appendMany(node, topic, 40)
    await recording.reach(42)
    await recording.leave()
    expect(messages).toBeGreaterThan(0)
  })

  it('delivers everything to a slow follower although its buffer and the feed’s memory overflow', async () => {
    await using node = await start()
    const topic = await newTopic(node)
    const iterator = followTopic(node, topic)
    await iterator.next()
    // Enough to overflow the buffer (256), the ring (64) and a page of the log (200).
    await Promise.all(Array.from({ length: 12 }, () => appendMany(node, topic, 50)))
    const recording = record(iterator, 0)
    await recording.reach(600)
    await appendMany(node, topic, 3)
    await recording.reach(603)
    await recording.leave()
  })

  it('serves a follower that takes one event at a time while more arrive', async () => {
    await using node = await start()
    const topic = await newTopic(node)
    const iterator = followTopic(node, topic, { fromStart: true })
    const writing = appendMany(node, topic, 300)
    const seqs: number[] = []
    for await (const item of iterator) {
      seqs.push(item.is === 'event' ? item.event.seq : Number.NaN)
      await new Promise((resolve) => setImmediate(resolve))
      if (seqs.length === 300) break
    }
    await writing
    expect(seqs).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  })

  describe('with a position', () => {
    const cases: [string, (node: TestNode) => Position, string][] = [
      ['of an event', (node) => positionOf(node, 2), '3 4 5'],
      ['of the newest event', (node) => positionOf(node, 5), ''],
      ['of the beginning', (node) => positionOf(node, 0), '1 2 3 4 5'],
      ['of another epoch', (node) => ({ ...positionOf(node, 2), epoch: '0ther' }), 'RESET@5'],
      ['from the future', (node) => positionOf(node, 100), 'RESET@5'],
    ]
    it.each(cases)(
      '%s delivers the events that follow, or reports that it cannot',
      async (_what, makePosition, text) => {
        await using node = await start()
        const topic = await newTopic(node, 5)
        const options = { after: makePosition(node), onCaughtUp: () => true }
        const recording = record(followTopic(node, topic, options))
        await recording.ended
        expect(recording.text).toBe(text)
        // Equivalent to the beginning of a live one.
        const live = record(followTopic(node, topic, { after: options.after }), text.startsWith('RESET') ? null : 5)
        await append(node, topic)
        await eventually(() => expect(live.at).toBe(6))
        expect(live.text).toMatch(text === '' ? /^6$/ : new RegExp(`^(${text} 6|RESET@6)$`))
        await live.leave()
      },
    )

    it('takes precedence over the start, so that a resumed replay continues where it was', async () => {
      await using node = await start()
      const topic = await newTopic(node, 5)
      const after = positionOf(node, 3)
      const recording = record(followTopic(node, topic, { after, fromStart: true, onCaughtUp: () => true }), 3)
      await recording.ended
      expect(recording.text).toBe('4 5')
    })

    it('at the end of a closed topic completes at once', async () => {
      await using node = await start()
      const topic = await newTopic(node, 2)
      await append(node, topic, 'Last')
      const recording = record(followTopic(node, topic, { after: positionOf(node, 3) }))
      await recording.ended
      expect(recording.text).toBe('')
      await eventually(() => expect(node.feeds.size).toBe(0))
    })
  })

  it('of a closed topic completes after the snapshot, or after the last event', async () => {
    await using node = await start()
    const topic = await newTopic(node, 2)
    await append(node, topic, 'Last')
    const texts: string[] = []
    for (const options of [{}, { fromStart: true }, { fromStart: true, onCaughtUp: () => true }]) {
      const recording = record(followTopic(node, topic, options))
      await recording.ended
      texts.push(recording.text)
    }
    expect(texts).toEqual(['SUBSCRIBED@3', '1 2 3', '1 2 3'])
  })

  it('of a topic that does not exist fails, and leaves nothing behind', async () => {
    await using node = await start()
    const recording = record(followTopic(node, 'nowhere'))
    await expect(recording.ended).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('nowhere'),
    })
    expect(node.feeds.size).toBe(0)
  })

  it('of a topic that is deleted fails at the next check, for each of its subscribers', async () => {
    await using node = await start()
    const topic = await newTopic(node, 2)
    const recordings = [record(followTopic(node, topic)), record(followTopic(node, topic, { fromStart: true }), 0)]
    for (const recording of recordings) await recording.reach(2)
    await withTransaction(test.database, (client) => deleteTopic(client, topic))
    await node.feeds.check()
    for (const { ended } of recordings) await expect(ended).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(node.feeds.size).toBe(0)
  })

  describe('can be stopped', () => {
    const isGone = async (node: TestNode, topic: string): Promise<void> => {
      await eventually(async () => {
        expect(node.feeds.size).toBe(0)
        if (node.bus.kind === 'redis') expect(await redis.cli('PUBSUB', 'NUMSUB', topic)).toEqual([topic, 0])
      })
    }
    it('before it has begun', async () => {
      await using node = await start()
      const topic = await newTopic(node, 1)
      const iterator = followTopic(node, topic)
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(await iterator.next()).toEqual({ done: true, value: undefined })
      expect(node.feeds.size).toBe(0)
    })

    it('while it waits, at once', async () => {
      await using node = await start()
      const topic = await newTopic(node, 1)
      const iterator = followTopic(node, topic)
      await iterator.next()
      const pending = iterator.next()
      await iterator.return?.()
      expect(await pending).toEqual({ done: true, value: undefined })
      await isGone(node, topic)
    })

    it('at any of its steps, at once, leaving nothing attached', async () => {
      let n = 0
      for (let wasReached = true; wasReached; ) {
        n++
        await using writer = await start()
        const topic = await newTopic(writer, 3)
        const blocked = Promise.withResolvers<void>()
        const atStep = Promise.withResolvers<void>()
        const steps = createSteps(n, () => {
          atStep.resolve()
          return blocked.promise
        })
        await using node = await startNode({
          database: test.database,
          bus: stepBus(createWorld().connect(), steps.step),
          wrapReader: (reader) => stepReader(reader, steps.step),
        })
        const iterator = followTopic(node, topic, { fromStart: true })
        const recording = record(iterator, 0)
        await Promise.race([atStep.promise, recording.reach(3)])
        await recording.leave()
        // The step in progress has not even ended.
        await recording.ended
        blocked.resolve()
        await isGone(node, topic)
        wasReached = steps.wasReached
      }
      expect(n).toBeGreaterThan(5)
    })

    it('by some followers while others continue', async () => {
      await using node = await start()
      const topic = await newTopic(node)
      const recordings: Recording[] = Array.from({ length: 6 }, () => record(followTopic(node, topic)))
      await Promise.all(recordings.map((recording) => recording.reach(0)))
      await append(node, topic)
      await Promise.all(recordings.map((recording) => recording.reach(1)))
      for (const recording of recordings.slice(0, 5)) await recording.leave()
      await append(node, topic)
      await recordings[5]?.reach(2)
      expect(recordings[0]?.at).toBe(1)
      await recordings[5]?.leave()
      await isGone(node, topic)
    })

    it('and started again at once, repeatedly', async () => {
      await using node = await start()
      const topic = await newTopic(node)
      for (let i = 1; i <= 15; i++) {
        const recording = record(followTopic(node, topic))
        await recording.reach(i - 1)
        await append(node, topic)
        await recording.reach(i)
        await recording.leave()
      }
      await isGone(node, topic)
    })
  })
})
