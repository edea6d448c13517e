import { PubSub, type PubSubEngine } from 'graphql-subscriptions'
import { expect, vi } from 'vitest'
import { type Bus, type BusEngine, createBus } from '../../src/bus/bus.ts'
import { createRedisEngine } from '../../src/bus/redis-bus.ts'
import type { Database } from '../../src/db/connect.ts'
import { type Appender, createAppender } from '../../src/log/append.ts'
import type { Position } from '../../src/log/cursor.ts'
import { toMessage } from '../../src/log/event.ts'
import { prunePartitions } from '../../src/log/event-retention.ts'
import { createFeeds, type Feeds } from '../../src/log/feed.ts'
import { type FirstSnapshot, type FollowOptions, follow, type TopicUpdate } from '../../src/log/follow.ts'
import { createLogReader, type LogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTcpProxy, type TcpProxy } from '../support/proxy.ts'
import { busKey, createTestBus, redisAddressOf } from '../support/redis-bus.ts'

/** Creates a topic without a task. */
export async function createTopic(database: Database, name: string): Promise<void> {
  await database.pool.query('insert into tidings.topic (name) values ($1)', [name])
}

/** Creates a task that worker `w_1` runs for the first time, and its topic `task:<id>`. */
export async function createTask(database: Database, id: string): Promise<void> {
  await createTopic(database, `task:${id}`)
  await database.pool.query(
    `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, worker, created_at, started_at)
     values ($1, 'TEST', 'RUNNING', 'u_1', '{}', 1, 3, '{"percent":0}', now(), 'w_1', now(), now())`,
    [id],
  )
}

/** Deletes the events that are older than a number of hours, although the partition of their time is not over. */
export async function pruneOlderThan(
  database: Database,
  hours: number,
  maxTopics = 200,
): Promise<Awaited<ReturnType<typeof prunePartitions>>> {
  // Two at once wait for each other, and give up early.
  await eventually(() =>
    database.pool.query(
      `select tidings.split_event_partition(date_trunc('milliseconds', clock_timestamp()) - $1 * interval '1 hour')`,
      [hours],
    ),
  )
  return await prunePartitions(database, { retentionHours: hours, maxTopics })
}

/** Waits until `check` no longer throws: for the event, however long a busy machine takes. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { interval: 10 })
}

/** Waits until a process can publish and receive. */
export async function connected(node: { readonly bus: Bus }): Promise<void> {
  await eventually(() => expect(node.bus.isConnected()).toBe(true))
}

/** The parts of the log in a server process. */
export interface TestNode extends AsyncDisposable {
  readonly reader: LogReader
  readonly bus: Bus
  readonly feeds: Feeds
  readonly appender: Appender
}

/**
 * Connects the parts of the log as a server process does. Disposing also disposes of the bus.
 *
 * @param options.checkMs - time between comparisons with the log; by default only explicit ones run
 * @param options.wrapReader - wraps the reader of the log
 */
export async function startNode(options: {
  database: Database
  bus: Bus
  checkMs?: number
  ringSize?: number
  wrapReader?: (reader: LogReader) => LogReader
}): Promise<TestNode> {
  const { database, bus, checkMs = 60_000, wrapReader = (reader) => reader } = options
  const stack = new AsyncDisposableStack()
  stack.use(bus)
  const reader = wrapReader(await createLogReader(database))
  const feeds = stack.use(
    createFeeds({ bus, reader, logger: silentLogger, checkMs, ...(options.ringSize === undefined ? {} : options) }),
  )
  const appender = stack.use(
    createAppender({
      database,
      logger: silentLogger,
      publish: (topic, events, epoch) => bus.publish(topic, toMessage(events, epoch)),
    }),
  )
  return { reader, bus, feeds, appender, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Appends one event and returns its seq. */
export async function append(node: Pick<TestNode, 'appender'>, topic: string, type = 'Said'): Promise<number> {
  const result = await node.appender.append({ topic, events: [{ type, payload: {} }], close: type === 'Last' })
  if (!result.accepted) throw new Error(`An append to ${topic} was refused: ${JSON.stringify(result)}`)
  return result.seq
}

/** Appends `count` events serially. */
export async function appendMany(node: Pick<TestNode, 'appender'>, topic: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await append(node, topic)
}

/** Follows a topic; its snapshots are the topic's seq. An event of the type `Last` is the last. */
export function followTopic(
  node: Pick<TestNode, 'reader' | 'feeds'>,
  topic: string,
  options: Partial<FollowOptions<number>> = {},
): AsyncIterableIterator<TopicUpdate<number>, undefined> & AsyncDisposable {
  return follow(node, {
    topic,
    isLast: (event) => event.type === 'Last',
    snapshot: async () => {
      const head = await node.reader.head(topic)
      return head && { seq: head.seq, state: head.seq }
    },
    ...options,
  })
}

/** Reads a snapshot of a topic before it is followed, as a server does to authorize a subscriber. */
export async function readSnapshot(
  { reader }: Pick<TestNode, 'reader'>,
  topic: string,
): Promise<FirstSnapshot<number> | undefined> {
  const { epoch } = reader
  const head = await reader.head(topic)
  return head === null ? undefined : { epoch, seq: head.seq, state: head.seq, isLast: head.closed }
}

/** Records what a follower receives and whether each event was the expected one. */
export interface Recording {
  readonly items: readonly TopicUpdate<number>[]
  /** `3 4 5`, snapshots as `SUBSCRIBED@2`. */
  readonly text: string
  /** The last received seq; -1 before the first. */
  readonly at: number
  /** Fulfilled when the iteration has ended normally, rejected when it has failed. */
  readonly ended: Promise<void>
  /**
   * Resolves when everything up to at least `seq` has been received. Fails when an event was
   * repeated, early or missing.
   */
  reach(seq: number): Promise<void>
  leave(): Promise<void>
}

/**
 * @param from - the seq it claims to follow; null when it begins with a snapshot
 * @param onItem - called with each item, when `at` is its seq
 */
export function record(
  iterator: AsyncIterableIterator<TopicUpdate<number>, undefined>,
  from: number | null = null,
  onItem: (item: TopicUpdate<number>) => void = () => undefined,
): Recording {
  const items: TopicUpdate<number>[] = []
  let at = from
  const mistakes: string[] = []
  let failure: unknown
  const run = async (): Promise<void> => {
    for await (const item of iterator) {
      items.push(item)
      const seq = item.is === 'event' ? item.event.seq : item.seq
      if (item.is === 'event' && seq !== (at ?? Number.NaN) + 1) mistakes.push(`${seq} after ${at}`)
      at = seq
      onItem(item)
    }
  }
  const ended = run()
  ended.catch((error: unknown) => {
    failure = error
  })
  const recording: Recording = {
    items,
    ended,
    get at() {
      return at ?? -1
    },
    get text() {
      return items.map((item) => (item.is === 'event' ? item.event.seq : `${item.reason}@${item.seq}`)).join(' ')
    },
    async reach(seq) {
      await eventually(() => {
        if (failure === undefined) expect(recording.at, recording.text).toBeGreaterThanOrEqual(seq)
      })
      if (failure !== undefined) throw failure
      expect(mistakes).toEqual([])
    },
    async leave() {
      await iterator.return?.()
    },
  }
  return recording
}

/** Returns the position of an event of this log. */
export function positionOf(node: Pick<TestNode, 'reader'>, seq: number): Position {
  return { epoch: node.reader.epoch, seq }
}

/**
 * The effect of a faulty network on one message. `hold` delivers it after the next one, or never.
 */
export type Fault = 'pass' | 'lose' | 'repeat' | 'hold' | 'mangle'

/**
 * Puts a faulty network between an engine and its listeners. Each message to a listener asks for
 * its fault.
 */
export function spoil(engine: BusEngine, nextFault: () => Fault): BusEngine {
  let mangled = 0
  const pubsub = {
    publish: (channel: string, message: unknown) => engine.pubsub.publish(channel, message),
    subscribe: (channel: string, listener: (message: unknown) => void) => {
      let held: unknown[] = []
      return engine.pubsub.subscribe(
        channel,
        (message: unknown) => {
          const fault = nextFault()
          if (fault === 'hold') {
            held.push(message)
            return
          }
          if (fault !== 'lose') listener(fault === 'mangle' ? mangle(message, mangled++) : message)
          if (fault === 'repeat') listener(message)
          const late = held
          held = []
          for (const one of late.reverse()) listener(one)
        },
        {},
      )
    },
    unsubscribe: (id: number) => engine.pubsub.unsubscribe(id),
  }
  return { ...engine, pubsub: pubsub as unknown as PubSubEngine }
}

/** Corrupts a message in a visible way, in a different shape each time. */
function mangle(message: unknown, n: number): unknown {
  const text = JSON.stringify(message)
  const shapes: readonly unknown[] = [
    text.slice(0, -1),
    text,
    null,
    [],
    { events: message },
    [{ topic: 'somebody:else', seq: 1, type: 'Said', at: '2026-01-01T00:00:00.000Z', payload: {} }],
    Array.isArray(message) ? message.map((event: object) => ({ ...event, seq: String(n) })) : 0,
    Array.isArray(message) ? message.map((event: object) => ({ ...event, payload: 'x' })) : 0,
    // Well-formed, although no such event was ever appended.
    Array.isArray(message) ? message.map((event: object) => ({ ...event, seq: 900_000 + n })) : 0,
  ]
  return shapes[n % shapes.length]
}

/** The two kinds of bus, so that tests run over both. All processes of one test share a world. */
export interface BusWorld {
  /** Creates a bus for one more process. */
  connect(nextFault?: () => Fault): Bus
}

/** Creates a world in which "processes" share one engine in memory. */
export function createMemoryWorld(): BusWorld {
  const pubsub = new PubSub()
  const engine = {
    pubsub,
    isConnected: () => true,
    onReconnect: () => undefined,
    onPublisherReplaced: () => undefined,
    close: () => Promise.resolve(),
  }
  return {
    connect: (nextFault = () => 'pass') =>
      createBus({ kind: 'memory', logger: silentLogger, engine: spoil(engine, nextFault) }),
  }
}

/** Creates a world around a Redis server. */
export function createRedisWorld(url: string): BusWorld {
  return {
    connect: (nextFault) =>
      nextFault === undefined
        ? createTestBus(url)
        : createBus({
            kind: 'redis',
            logger: silentLogger,
            engine: spoil(
              createRedisEngine({ address: redisAddressOf(url), key: busKey, logger: silentLogger, probeMs: 5_000 }),
              nextFault,
            ),
          }),
  }
}

/** Creates a proxy between the tests and their database. */
export async function createDatabaseProxy(url: string): Promise<{ proxy: TcpProxy; url: string }> {
  const direct = new URL(url)
  const socket = direct.searchParams.get('host')
  const port = direct.searchParams.get('port') ?? direct.port
  const proxy = await createTcpProxy(socket === null ? Number(port) : `${socket}/.s.PGSQL.${port}`)
  const proxied = new URL(url)
  proxied.search = ''
  proxied.host = `127.0.0.1:${proxy.port}`
  return { proxy, url: proxied.href }
}
