import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Position } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { FirstSnapshot } from '../../src/log/follow.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import {
  type BusWorld,
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

const nodeCount = 2
const topicCount = 3

/**
 * The steps that may occur, each at any moment. None waits for the effect of an earlier step,
 * except `settle`.
 */
type Step =
  | { readonly is: 'append'; readonly node: number; readonly topic: number; readonly events: number }
  | { readonly is: 'burst'; readonly node: number; readonly appends: number }
  | { readonly is: 'end'; readonly node: number; readonly topic: number }
  | { readonly is: 'follow'; readonly node: number; readonly topic: number; readonly from: From; readonly pace: Pace }
  | { readonly is: 'leave'; readonly follower: number }
  | { readonly is: 'resume'; readonly node: number; readonly follower: number }
  | { readonly is: 'check'; readonly node: number }
  | { readonly is: 'kill' }
  | { readonly is: 'settle' }
  /** Restores the database to an older state, in which each topic has a share of its events. */
  | { readonly is: 'restore'; readonly share: number }
/**
 * Begins with a snapshot, with one that was read before, from the start, or after an earlier event, given as a share of the log.
 */
type From = 'now' | 'read' | 'start' | number
/**
 * How fast a follower reads: at once, one turn of the event loop per event, or nothing after the
 * first until the end.
 */
type Pace = 'quick' | 'slow' | 'asleep'

const node = fc.nat({ max: nodeCount - 1 })
const topic = fc.nat({ max: topicCount - 1 })
const follower = fc.nat({ max: 20 })
const from: fc.Arbitrary<From> = fc.oneof(
  fc.constantFrom('now' as const, 'read' as const, 'start' as const),
  fc.double({ min: 0, max: 1, noNaN: true }),
)
const pace = fc.constantFrom<Pace>('quick', 'slow', 'asleep')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ is: fc.constant('append'), node, topic, events: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('burst'), node, appends: fc.integer({ min: 2, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('end'), node, topic }) },
  { weight: 6, arbitrary: fc.record({ is: fc.constant('follow'), node, topic, from, pace }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('leave'), follower }) },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('resume'), node, follower }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('check'), node }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('kill') }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('settle') }) },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constant('restore'), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
)
const faults = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Fault>('pass') },
    { weight: 3, arbitrary: fc.constantFrom<Fault>('lose', 'repeat', 'hold', 'mangle') },
  ),
  { minLength: 1, maxLength: 20 },
)

interface Follower {
  readonly topic: string
  readonly recording: Recording
  /** The first epoch of the log (between restorations) from which its events may be. */
  readonly life: number
  /** The position of the last event it received, as a client would hold it. */
  position: Position | undefined
  isOver: boolean
  wake(): void
  hasLeft: boolean
}

// One for each test: fast-check does not wait for a run that it interrupts, and a restored backup in it would reset the next
// test's log.
let test: TestDatabase
let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
beforeEach(async () => {
  test = await createTestDatabase()
})
afterEach(() => test[Symbol.asyncDispose]())
afterAll(() => redis[Symbol.asyncDispose]())

let runCount = 0

/**
 * Runs the steps, waits until everything has settled, and compares what each follower received with
 * the log.
 */
async function play(world: BusWorld, kill: () => Promise<unknown>, steps: readonly Step[], pattern: readonly Fault[]) {
  const { database } = test
  const run = ++runCount
  const topics = Array.from({ length: topicCount }, (_, i) => `model:${run}:${i}`)
  for (const name of topics) await createTopic(database, name)
  await using stack = new AsyncDisposableStack()
  const nodes: TestNode[] = []
  for (let i = 0; i < nodeCount; i++) {
    let messages = i * 3
    const nextFault = (): Fault => pattern[messages++ % pattern.length] ?? 'pass'
    nodes.push(stack.use(await startNode({ database, bus: world.connect(nextFault) })))
  }
  const nodeAt = (index: number): TestNode => at(nodes, index)
  const followers: Follower[] = []
  let underWay: Promise<unknown>[] = []
  let written = 0
  /** The logs of earlier epochs, as they were before each restoration. */
  const lives: ReadonlyMap<string, readonly LogEvent[]>[] = []
  const readLogs = async (): Promise<ReadonlyMap<string, readonly LogEvent[]>> => {
    const logs = new Map<string, readonly LogEvent[]>()
    for (const name of topics) logs.set(name, (await nodeAt(0).reader.read(name, 0, 100_000)).events)
    return logs
  }
  const check = (): Promise<unknown> => Promise.all(nodes.map((one) => one.feeds.check()))

  const write = async (index: number, name: string, count: number, close = false): Promise<void> => {
    const events = Array.from({ length: count }, (_, i) => ({
      type: close && i === count - 1 ? 'Last' : 'Said',
      payload: { by: index, text: `${run} ${written++}` },
    }))
    await nodeAt(index).appender.append({ topic: name, events, close })
  }
  const watch = (
    index: number,
    name: string,
    options: {
      after?: number
      position?: Position | undefined
      life?: number
      fromStart?: boolean
      firstSnapshot?: FirstSnapshot<number> | undefined
    },
    speed: Pace,
  ): void => {
    const { after, life = lives.length, fromStart, firstSnapshot } = options
    const position = options.position ?? (after === undefined ? undefined : positionOf(nodeAt(index), after))
    const source = followTopic(nodeAt(index), name, { fromStart, after: position, firstSnapshot })
    // A server renders the position when it sends an event; a client holds it once it has received the event.
    const positions = new WeakMap<object, Position>()
    const iterator = onEach(source, (item) => {
      const seq = item.is === 'event' ? item.event.seq : item.seq
      positions.set(item, positionOf(nodeAt(index), seq))
    })
    const asleep = Promise.withResolvers<void>()
    const paced = speed === 'quick' ? iterator : slowDown(iterator, speed === 'slow' ? nextTurn : () => asleep.promise)
    const recording = record(paced, after ?? (fromStart ? 0 : null), (item) => {
      follower.position = positions.get(item)
    })
    const follower: Follower = {
      topic: name,
      recording,
      life,
      position,
      isOver: false,
      wake: asleep.resolve,
      hasLeft: false,
    }
    recording.ended.then(
      () => {
        follower.isOver = true
      },
      () => undefined,
    )
    followers.push(follower)
  }
  const take = async (one: Step): Promise<void> => {
    switch (one.is) {
      case 'append':
        underWay.push(write(one.node, at(topics, one.topic), one.events))
        break
      case 'burst':
        for (let i = 0; i < one.appends; i++) underWay.push(write(one.node, at(topics, i), 1))
        break
      case 'end':
        underWay.push(write(one.node, at(topics, one.topic), 1, true))
        break
      case 'follow': {
        const name = at(topics, one.topic)
        if (one.from === 'now') watch(one.node, name, {}, one.pace)
        else if (one.from === 'read') {
          const firstSnapshot = await readSnapshot(nodeAt(one.node), name)
          await nextTurn()
          watch(one.node, name, { firstSnapshot }, one.pace)
        } else if (one.from === 'start') watch(one.node, name, { fromStart: true }, one.pace)
        else {
          const head = await nodeAt(one.node).reader.head(name)
          watch(one.node, name, { after: Math.floor((head?.seq ?? 0) * one.from) }, one.pace)
        }
        break
      }
      case 'leave': {
        const found = followers.length > 0 ? at(followers, one.follower) : undefined
        if (found === undefined) break
        found.hasLeft = true
        found.wake()
        await found.recording.leave()
        break
      }
      case 'resume': {
        const found = followers.length > 0 ? at(followers, one.follower) : undefined
        if (found === undefined) break
        found.hasLeft = true
        found.wake()
        await found.recording.leave()
        // Another connection, perhaps to another server: it presents its last position, if it has
        // one.
        watch(
          one.node,
          found.topic,
          found.recording.at < 0
            ? {}
            : {
                after: found.recording.at,
                position: found.position,
                life: livesOf(found, [...lives, await readLogs()])[0] ?? 0,
              },
          'quick',
        )
        break
      }
      case 'check':
        underWay.push(nodeAt(one.node).feeds.check())
        break
      case 'kill':
        underWay.push(kill())
        break
      case 'settle':
        await Promise.all(underWay)
        underWay = []
        break
      case 'restore': {
        await Promise.all(underWay)
        underWay = []
        // As the periodic comparisons do. Events of an epoch that no follower has seen cannot be
        // missed.
        await check()
        const logs = await readLogs()
        if (![...logs.values()].some(({ length }) => Math.floor(length * one.share) < length)) break
        lives.push(logs)
        const names = [...logs.keys()]
        await database.pool.query(
          `with kept as (
             update tidings.topic set seq = k.seq, closed = exists (select from tidings.event e where e.topic = name and e.seq <= k.seq and type = 'Last')
             from unnest($1::text[], $2::bigint[]) as k(topic, seq) where name = k.topic returning name, topic.seq
           ) delete from tidings.event e using kept where e.topic = kept.name and e.seq > kept.seq`,
          [names, names.map((name) => Math.floor((logs.get(name)?.length ?? 0) * one.share))],
        )
        await check()
        break
      }
    }
  }
  // On each server, one follower per topic is always active, so that the server notices when the
  // log goes back.
  for (const name of topics) for (let i = 0; i < nodeCount; i++) watch(i, name, {}, 'quick')
  for (const one of steps) await take(one)

  await Promise.all(underWay)
  await check()
  const logs = await readLogs()
  const closed = new Set<string>()
  for (const name of topics) if ((await nodeAt(0).reader.head(name))?.closed) closed.add(name)
  const allLives = [...lives, logs]
  for (const one of followers) {
    one.wake()
    const log = logs.get(one.topic) ?? []
    // A follower that slept takes the item that it held.
    await nextTurn()
    if (!one.hasLeft && !one.isOver) {
      const reached = one.recording.reach(log.length)
      await Promise.race([reached, one.recording.ended])
      const last = one.recording.items.at(-1)
      // That item may be the last event of an epoch that a restored backup ended.
      const isAtEnd = last?.is === 'event' && last.event.type === 'Last'
      if (!isAtEnd) await reached
      if (isAtEnd || closed.has(one.topic)) await one.recording.ended
      // Its position is the current one of the log, not that of an earlier epoch.
      else
        await eventually(() => {
          expect(one.recording.at).toBe(log.length)
          expect(livesOf(one, allLives)).toContain(lives.length)
        })
    }
    // Each event once, in order, as in the log, with no snapshot in between except the first and
    // one for each reset of the log.
    let place: number | undefined
    for (const item of one.recording.items) {
      if (item.is === 'snapshot' && item.reason === 'RESET') expect(lives, one.recording.text).not.toEqual([])
      else if (item.is === 'snapshot') expect([place, item.reason]).toEqual([undefined, 'SUBSCRIBED'])
      else if (place !== undefined) expect(item.event.seq).toBe(place + 1)
      place = item.is === 'snapshot' ? item.seq : item.event.seq
    }
    expect(livesOf(one, allLives), one.recording.text).not.toEqual([])
    await one.recording.leave()
  }
  for (const log of logs.values()) expect(log.map((event) => event.seq)).toEqual(log.map((_, i) => i + 1))
  await eventually(() => expect(nodes.map((one) => one.feeds.size)).toEqual(nodes.map(() => 0)))
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length]
  if (found === undefined) throw new Error('An empty list')
  return found
}
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Returns the epochs from which the last received event may be, if each event is as in one of them.
 */
function livesOf(
  { topic, life, recording }: Follower,
  lives: readonly ReadonlyMap<string, readonly LogEvent[]>[],
): readonly number[] {
  let possible = lives.flatMap((_, index) => (index >= life ? [index] : []))
  for (const item of recording.items)
    if (item.is === 'event')
      possible = possible.filter((index) =>
        isDeepStrictEqual(lives[index]?.get(topic)?.[item.event.seq - 1], item.event),
      )
    // Only a snapshot with this reason leads from one epoch to a later one.
    else if (item.reason === 'RESET')
      possible = lives.flatMap((_, index) => (index >= (possible[0] ?? lives.length) ? [index] : []))
  return possible
}

/** Calls a listener with each item. */
function onEach<T>(iterator: AsyncIterableIterator<T, undefined>, listener: (item: T) => void) {
  const outer: AsyncIterableIterator<T, undefined> = {
    next: async () => {
      const result = await iterator.next()
      if (result.done !== true) listener(result.value)
      return result
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => outer,
  }
  return outer
}

/** Delays its reader after each event. */
function slowDown<T>(iterator: AsyncIterableIterator<T, undefined>, rest: () => Promise<void>) {
  const slow: AsyncIterableIterator<T, undefined> = {
    next: async () => {
      const result = await iterator.next()
      await rest()
      return result
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => slow,
  }
  return slow
}

describe('for any sequence of steps, every follower receives each event after its start once and in order', () => {
  // fast-check prints the seed of a failure. FC_SEED runs it again, and FC_RUNS runs more.
  const seed = process.env['FC_SEED'] === undefined ? {} : { seed: Number(process.env['FC_SEED']) }
  const more = Number(process.env['FC_RUNS'] ?? 1)
  const options = { ...seed, interruptAfterTimeLimit: 20_000 * more }
  const scripts = fc.array(step, { minLength: 5, maxLength: 60 })

  it('over a bus in memory', async () => {
    const property = fc.asyncProperty(scripts, faults, (steps, pattern) =>
      play(createMemoryWorld(), async () => undefined, steps, pattern),
    )
    await fc.assert(property, { ...options, numRuns: 60 * more })
  })

  it('over Redis', async () => {
    const kill = () => redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    const property = fc.asyncProperty(scripts, faults, (steps, pattern) =>
      play(createRedisWorld(redis.url), kill, steps, pattern),
    )
    await fc.assert(property, { ...options, numRuns: 30 * more })
  })
})
