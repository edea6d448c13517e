import { PubSub, type PubSubEngine } from 'graphql-subscriptions'
import { Redis } from 'ioredis'
import { withTimeout } from '../async/timeout.ts'
import type { Logger } from '../logger.ts'
import { hashText } from './hash.ts'
import { createRedisPubSub, refusedMessage } from './redis-pubsub.ts'

/**
 * Notifies the other processes of events. A message is only a hint: it may be lost, repeated,
 * reordered or damaged, so every consumer of the bus must be able to detect the loss from the
 * database.
 */
export interface Bus extends AsyncDisposable {
  /** 'redis' reaches other processes, 'memory' only this one. */
  readonly kind: 'redis' | 'memory'
  /**
   * Sends `message` (JSON) to all subscribers of `channel`, including those in this process. Never
   * throws; failures are counted.
   */
  publish(channel: string, message: unknown): void
  /**
   * Calls `listener` with every message that arrives on `channel`, unvalidated: the listener parses
   * it. An error thrown by a listener is logged and does not affect other listeners.
   *
   * The subscription is registered at once, even while the bus is unavailable: it takes effect when
   * the bus is back.
   *
   * @returns `ready`, which settles when the bus has confirmed the subscription (and never
   * rejects), and `close`, which may be called at any time
   */
  subscribe(channel: string, listener: (message: unknown) => void): BusSubscription
  /**
   * Registers a callback for when messages may have been missed: after each reconnection, once the
   * subscriptions are active again.
   *
   * @returns a function that removes the callback
   */
  onGap(listener: () => void): () => void
  /** Whether the bus can carry messages now. */
  isConnected(): boolean
  /**
   * Messages published, failed to publish, received, and refused because their signature is not
   * valid, since the start.
   */
  readonly counters: { published: number; publishFailures: number; received: number; refused: number }
}

/** One subscription of this process to a channel. */
export interface BusSubscription {
  readonly ready: Promise<void>
  /**
   * Stops delivery at once. The promise waits for the bus only if the subscription was confirmed.
   */
  close(): Promise<void>
}

/** Time between two log messages about refused messages. */
const refusedLogMs = 60_000

/** One pub/sub engine and the state of its connection. */
export interface BusShard {
  readonly engine: PubSubEngine
  isConnected(): boolean
  /** Registers a callback for reconnections, called once the subscriptions are active again. */
  onReconnect(listener: () => void): void
  close(): Promise<void>
}

/**
 * Creates a bus on one or more pub/sub engines. Adds what the engines lack: guarded listeners,
 * subscriptions that survive an outage of the server, and a publish that never throws. Channels are
 * distributed over the shards by hash.
 */
export function createBus(options: {
  readonly kind: Bus['kind']
  readonly shards: readonly BusShard[]
  readonly logger: Logger
  readonly prefix?: string | undefined
}): Bus {
  const { kind, shards, logger, prefix = '' } = options
  const counters = { published: 0, publishFailures: 0, received: 0, refused: 0 }
  let refusalLoggedAtMs = Number.NEGATIVE_INFINITY
  const noteRefused = (channel: string): void => {
    counters.refused++
    if (performance.now() - refusalLoggedAtMs < refusedLogMs) return
    refusalLoggedAtMs = performance.now()
    logger.warn({ channel }, 'refused a message of the bus without a valid signature: another program publishes there')
  }
  const gapListeners = new Set<() => void>()
  const shardOf = (channel: string): BusShard => {
    // A channel must map to the same server in every process.
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
      // A listener that throws would prevent the other listeners of its channel from being called
      // (graphql-redis-subscriptions).
      const guarded = (message: unknown): void => {
        if (isClosed) return
        if (message === refusedMessage) return void noteRefused(channel)
        counters.received++
        try {
          listener(message)
        } catch (error) {
          logger.error({ err: error, channel }, 'failed in a listener of the bus')
        }
      }
      // While the server is down, the engine's SUBSCRIBE waits in its queue; a failure must not end
      // the process.
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
          // While the bus is down, an unconfirmed subscription is removed after the reconnection;
          // close() does not wait for that.
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

/** Creates a bus within one process. */
export function createMemoryBus(logger: Logger): Bus {
  const engine = new PubSub()
  return createBus({
    kind: 'memory',
    logger,
    shards: [{ engine, isConnected: () => true, onReconnect: () => undefined, close: () => Promise.resolve() }],
  })
}

/**
 * Creates a bus over Redis pub/sub, with one shard per URL.
 *
 * Redis may be down at any time, including now: nothing here waits for it.
 *
 * @param options.key - signs the messages: Redis does not tell who published one, so a message
 * without a valid signature is dropped
 * @param options.prefix - prepended to every channel, so that several databases can share one
 * Redis; none by default
 * @param options.probeMs - interval between liveness probes of a connection, and the time it has to
 * answer before it is replaced; default 3,000
 */
export function createRedisBus(options: {
  readonly urls: readonly string[]
  readonly key: string
  readonly logger: Logger
  readonly prefix?: string
  readonly probeMs?: number
}): Bus {
  const { urls, key, logger, prefix, probeMs = 3_000 } = options
  const shards = urls.map((url) => createRedisShard({ url, key, logger, probeMs }))
  return createBus({ kind: 'redis', logger, prefix, shards })
}

const longestGoodbyeMs = 500
const connectMs = 3_000

/** Creates the shard of one Redis server: one connection publishes, one subscribes. */
export function createRedisShard(options: {
  readonly url: string
  readonly key: string
  readonly logger: Logger
  readonly probeMs: number
}): BusShard {
  const { url, key, logger, probeMs } = options
  const { host } = new URL(url)
  const retryStrategy = (times: number): number =>
    Math.min(50 * 2 ** Math.min(times, 6), 2_000) * (0.5 + Math.random() / 2)
  // Hints queued while a server is down are worthless when it is back, so the publisher has no
  // offline queue.
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
    // Answered after the renewed SUBSCRIBEs, which ioredis sends first on the same connection: from
    // then on no message is missed.
    subscriber.ping().then(() => reconnected(), noteFailure)
  })
  // A connection that only subscribes never sends anything, so a dead peer would go unnoticed.
  const probe = setInterval(() => {
    for (const connection of [publisher, subscriber])
      if (connection.status === 'ready') connection.ping().catch(noteFailure)
  }, probeMs).unref()
  const noteFailure = (error: unknown): void =>
    logger.debug({ err: error, redis: host }, 'failed to execute a Redis command')
  const engine = createRedisPubSub({ publisher, subscriber, key, onFailure: noteFailure })
  return {
    engine,
    isConnected: () => publisher.status === 'ready' && subscriber.status === 'ready',
    onReconnect: (listener) => {
      reconnected = listener
    },
    close: async () => {
      clearInterval(probe)
      subscriber.disconnect()
      // Flushes the last published messages, so that other processes need not look for the events
      // in the log.
      if (publisher.status === 'ready') await withTimeout(longestGoodbyeMs, publisher.quit().catch(noteFailure))
      publisher.disconnect()
    },
  }
}
