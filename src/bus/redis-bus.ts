import type { Cluster, Redis } from 'ioredis'
import { withTimeout } from '../async/timeout.ts'
import type { Logger } from '../logger.ts'
import { type Bus, type BusEngine, createBus } from './bus.ts'
import { type ClusterSubscriber, createClassicSubscriber, createShardedSubscriber } from './cluster-subscriber.ts'
import { describeRedisAddress, type RedisAddress } from './redis-address.ts'
import { createRedisConnections, type RedisConnection } from './redis-connections.ts'
import { createRedisPubSub } from './redis-pubsub.ts'

/** Options of {@link createRedisBus}. */
export interface RedisBusOptions {
  readonly address: RedisAddress
  /**
   * Signs the messages. Redis does not authenticate publishers, so messages without a valid signature are
   * dropped.
   */
  readonly key: string
  readonly logger: Logger
  /** Prepended to every channel, so that several databases can share one Redis; none by default. */
  readonly prefix?: string
  /**
   * Interval between liveness probes of a connection, and the time it has to answer before it is
   * replaced, in milliseconds. @default 3000
   */
  readonly probeMs?: number
}

const quitTimeoutMs = 500

/**
 * Creates a bus over Redis pub/sub: one connection publishes, one subscribes. In a cluster these are
 * several, one for each of its servers.
 *
 * Redis may be down at any time, including now: nothing here waits for it.
 */
export function createRedisBus({ prefix, ...options }: RedisBusOptions): Bus {
  return createBus({ kind: 'redis', logger: options.logger, prefix, engine: createRedisEngine(options) })
}

/** Creates the pub/sub engine of {@link createRedisBus}. */
export function createRedisEngine(options: Omit<RedisBusOptions, 'prefix'>): BusEngine {
  const { address, key, logger, probeMs = 3_000 } = options
  const connections = createRedisConnections(address)
  const isSharded = address.kind === 'cluster' && address.isSharded
  // Hints queued while a server is down are worthless when it is back, so the publisher has no
  // offline queue.
  const publisher = connections.open({
    silenceMs: probeMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    maxRedirections: 4,
  })
  const subscriber = connections.open({
    silenceMs: probeMs,
    maxRetriesPerRequest: address.kind === 'cluster' ? 0 : null,
    shardedSubscribers: isSharded,
  })
  const noteFailure = (error: unknown): void =>
    logger.debug({ err: error, redis: describeRedisAddress(address) }, 'failed to execute a Redis command')
  logOutages([publisher, subscriber], describeRedisAddress(address), logger)

  let notifyReconnect: () => void = () => undefined
  let publisherReplaced: () => void = () => undefined
  // The first one replaces nothing.
  publisher.once('ready', () => {
    publisher.on('ready', () => publisherReplaced())
    publisher.on('-node', () => publisherReplaced())
  })
  const onGap = (): void => notifyReconnect()
  const ofCluster = (): ClusterSubscriber => {
    const cluster = subscriber as Cluster
    return isSharded
      ? createShardedSubscriber(cluster, onGap)
      : createClassicSubscriber(cluster, { onGap, silenceMs: probeMs })
  }
  const shards = address.kind === 'cluster' ? ofCluster() : null
  const isReady = ({ status }: RedisConnection): boolean => status === 'ready'
  if (shards === null)
    subscriber.on('ready', () => {
      // Answered after the renewed SUBSCRIBEs, which ioredis sends first on the same connection: from
      // then on no message is missed.
      subscriber.ping().then(onGap, noteFailure)
    })
  // A connection that only subscribes never sends anything, so a dead peer would go unnoticed.
  const probe = setInterval(() => {
    if (isReady(publisher)) publisher.ping().catch(noteFailure)
    if (!isReady(subscriber)) return
    if (shards === null) subscriber.ping().catch(noteFailure)
    else shards.probe()
  }, probeMs).unref()
  const pubsub = createRedisPubSub({
    publisher,
    subscriber: shards ?? (subscriber as Redis),
    key,
    onFailure: noteFailure,
    isSharded,
  })
  return {
    pubsub,
    isConnected: () => isReady(publisher) && isReady(subscriber) && (shards?.isConfirmed() ?? true),
    onReconnect(listener) {
      notifyReconnect = listener
    },
    onPublisherReplaced(listener) {
      publisherReplaced = listener
    },
    async close() {
      clearInterval(probe)
      subscriber.disconnect()
      // Flushes the last published messages, so that other processes need not look for the events
      // in the log.
      if (isReady(publisher)) await withTimeout(quitTimeoutMs, publisher.quit().catch(noteFailure))
      publisher.disconnect()
      connections[Symbol.dispose]()
    },
  }
}

/** Logs the beginning and the end of an outage, once each. */
function logOutages(connections: readonly RedisConnection[], redis: string, logger: Logger): void {
  let isDown = false
  for (const connection of connections) {
    connection.on('error', (error: unknown) => {
      if (!isDown) logger.warn({ err: error, redis }, 'lost Redis; reading events from the log meanwhile')
      isDown = true
    })
    connection.on('ready', () => {
      if (isDown) logger.info({ redis }, 'reconnected to Redis')
      isDown = false
    })
  }
}
