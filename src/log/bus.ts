import { RedisPubSub } from 'graphql-redis-subscriptions'
import { PubSub, type PubSubEngine } from 'graphql-subscriptions'
import { Redis } from 'ioredis'
import type { Logger } from '../logger.ts'
import { hashText } from './hash.ts'
import { within } from './within.ts'

/**
 * Tells the other processes that something happened. A hint, no more: what is published may be lost, repeated, reordered or
 * damaged, and whoever relies on the bus must be able to find out from the record.
 */
export interface Bus extends AsyncDisposable {
  /** 'redis' reaches other processes, 'memory' this one only. */
  readonly kind: 'redis' | 'memory'
  /** Sends `message` (JSON) to everyone subscribed to `channel`, this process included. Never throws; failures are counted. */
  publish(channel: string, message: unknown): void
  /**
   * Calls `listener` with every message that arrives on `channel`, whatever it is: the listener parses. What it throws is
   * logged and harms nobody else.
   *
   * The subscription counts from now on, even while the bus is away: it takes effect when the bus is back.
   * @returns `ready`, settled when the bus has confirmed (never rejected), and `close`, which may be called at once
   */
  subscribe(channel: string, listener: (message: unknown) => void): BusSubscription
  /** Calls back whenever messages may have been missed: after each reconnection, once subscriptions are in force again. */
  onGap(listener: () => void): () => void
  /** Whether the bus can carry messages now. */
  isConnected(): boolean
  /** Messages that could not be published, since the start. */
  readonly counters: { published: number; publishFailures: number; received: number }
}

/** One channel's subscription of this process. */
export interface BusSubscription {
  readonly ready: Promise<void>
  /** Nothing is heard from now on. Waits for the bus only when it had confirmed. */
  close(): Promise<void>
}

/** One pub/sub engine and the state of what carries it. */
export interface BusShard {
  readonly engine: PubSubEngine
  isConnected(): boolean
  /** Calls back after a reconnection, when subscriptions are in force again. */
  onReconnect(listener: () => void): void
  close(): Promise<void>
}

/**
 * Puts the house's rules on one or more pub/sub engines: guarded listeners, subscriptions that survive the absence of the
 * server, publishing that never throws. Channels are spread over the shards by hash.
 */
export function createBus(options: {
  readonly kind: Bus['kind']
  readonly shards: readonly BusShard[]
  readonly logger: Logger
  readonly prefix?: string | undefined
}): Bus {
  const { kind, shards, logger, prefix = '' } = options
  const counters = { published: 0, publishFailures: 0, received: 0 }
  const gapListeners = new Set<() => void>()
  const shardOf = (channel: string): BusShard => {
    // The same channel must fall to the same server in every process.
    const shard = shards.length === 1 ? shards[0] : shards[hashText(channel) % shards.length]
    if (shard === undefined) throw new Error('A bus needs at least one shard')
    return shard
  }
  for (const shard of shards)
    shard.onReconnect(() => {
      for (const listener of gapListeners) listener()
    })

  return {
    kind,
    counters,
    publish(channel, message) {
      counters.published++
      shardOf(channel)
        .engine.publish(prefix + channel, message)
        .catch((error: unknown) => {
          counters.publishFailures++
          logger.debug({ err: error, channel }, 'failed to publish on the bus')
        })
    },
    subscribe(channel, listener) {
      const { engine } = shardOf(channel)
      let isClosed = false
      // A listener that throws would starve the others of its channel (graphql-redis-subscriptions).
      const guarded = (message: unknown): void => {
        if (isClosed) return
        counters.received++
        try {
          listener(message)
        } catch (error) {
          logger.error({ err: error, channel }, 'failed in a listener of the bus')
        }
      }
      // While the server is away the engine's SUBSCRIBE waits in its queue; its failure must not end the process.
      const subscribed = engine.subscribe(prefix + channel, guarded, {}).catch((error: unknown) => {
        logger.warn({ err: error, channel }, 'failed to subscribe on the bus; reading the log instead')
        return null
      })
      let isConfirmed = false
      const ready = subscribed.then(() => {
        isConfirmed = true
      })
      return {
        ready,
        close() {
          if (isClosed) return Promise.resolve()
          isClosed = true
          const closed = subscribed.then((id) => {
            if (id !== null) engine.unsubscribe(id)
          })
          // A subscription that the bus has not confirmed, as it is away, is taken back when it is; nobody waits for that.
          return isConfirmed ? closed : Promise.resolve()
        },
      }
    },
    onGap(listener) {
      gapListeners.add(listener)
      return () => gapListeners.delete(listener)
    },
    isConnected: () => shards.every((shard) => shard.isConnected()),
    async [Symbol.asyncDispose]() {
      gapListeners.clear()
      await Promise.all(shards.map((shard) => shard.close()))
    },
  }
}

/** A bus within one process. */
export function createMemoryBus(logger: Logger): Bus {
  const engine = new PubSub()
  return createBus({
    kind: 'memory',
    logger,
    shards: [{ engine, isConnected: () => true, onReconnect: () => undefined, close: () => Promise.resolve() }],
  })
}

/**
 * A bus over Redis pub/sub, one shard for each URL.
 *
 * Redis may be absent at any time, also now: nothing here waits for it.
 *
 * @param options.prefix - in front of every channel, so that several databases can share one Redis; none by default
 * @param options.probeMs - how often a connection is asked whether it still hears, and how long it may take to answer before
 * it is replaced; default 3,000
 */
export function createRedisBus(options: {
  readonly urls: readonly string[]
  readonly logger: Logger
  readonly prefix?: string
  readonly probeMs?: number
}): Bus {
  const { urls, logger, prefix, probeMs = 3_000 } = options
  return createBus({ kind: 'redis', logger, prefix, shards: urls.map((url) => createRedisShard(url, logger, probeMs)) })
}

const longestGoodbyeMs = 500
const connectMs = 3_000

/** One Redis server: a connection that publishes and one that listens. */
export function createRedisShard(url: string, logger: Logger, probeMs: number): BusShard {
  const { host } = new URL(url)
  const retryStrategy = (times: number): number =>
    Math.min(50 * 2 ** Math.min(times, 6), 2_000) * (0.5 + Math.random() / 2)
  // Hints for a server that is away are worthless when it is back, so the publisher queues none.
  const publisher = new Redis(url, {
    retryStrategy,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    socketTimeout: probeMs,
    connectTimeout: connectMs,
  })
  const subscriber = new Redis(url, {
    retryStrategy,
    maxRetriesPerRequest: null,
    socketTimeout: probeMs,
    connectTimeout: connectMs,
  })
  let reconnected: () => void = () => undefined
  let isDown = false
  for (const connection of [publisher, subscriber]) {
    connection.on('error', (error: unknown) => {
      if (!isDown) logger.warn({ err: error, redis: host }, 'lost Redis; reading events from the log meanwhile')
      isDown = true
    })
    connection.on('ready', () => {
      if (isDown) logger.info({ redis: host }, 'reconnected to Redis')
      isDown = false
    })
  }
  subscriber.on('ready', () => {
    // Answered after the renewed SUBSCRIBEs, which ioredis sends on the same connection first: from then on nothing is missed.
    subscriber.ping().then(() => reconnected(), noteFailure)
  })
  // Nothing is ever sent on a connection that only listens, so nobody would notice that its other end is gone.
  const probe = setInterval(() => {
    for (const connection of [publisher, subscriber])
      if (connection.status === 'ready') connection.ping().catch(noteFailure)
  }, probeMs).unref()
  const noteFailure = (error: unknown): void =>
    logger.debug({ err: error, redis: host }, 'failed to execute a Redis command')
  // RedisPubSub leaves the promises of its UNSUBSCRIBEs alone, and ioredis those of the SUBSCRIBEs it sends after a
  // reconnection; one that fails at shutdown would end the process.
  for (const name of ['subscribe', 'unsubscribe', 'punsubscribe'] as const) {
    const original = subscriber[name].bind(subscriber) as (...args: unknown[]) => Promise<unknown>
    const guarded = (...args: unknown[]): Promise<unknown> => {
      const sent = original(...args)
      sent.catch(noteFailure)
      return sent
    }
    Object.assign(subscriber, { [name]: guarded })
  }
  const engine = new RedisPubSub({ publisher, subscriber })
  // It keeps a promise for those who come while a SUBSCRIBE is under way, and rejects it though nobody may have come.
  const underWay: ReadonlyMap<string, { readonly pending: PromiseLike<unknown> }> = Reflect.get(
    engine,
    'subsPendingRefsMap',
  )
  const subscribe = engine.subscribe.bind(engine)
  engine.subscribe = (channel, ...rest) => {
    const subscribed = subscribe(channel, ...rest)
    underWay.get(channel)?.pending.then(undefined, noteFailure)
    return subscribed
  }
  return {
    engine,
    isConnected: () => publisher.status === 'ready' && subscriber.status === 'ready',
    onReconnect: (listener) => {
      reconnected = listener
    },
    close: async () => {
      clearInterval(probe)
      subscriber.disconnect()
      // What was published last is on its way; the others should not have to look for it in the log.
      if (publisher.status === 'ready') await within(longestGoodbyeMs, publisher.quit().catch(noteFailure))
      publisher.disconnect()
    },
  }
}
