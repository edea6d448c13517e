import { PubSub, type PubSubEngine } from 'graphql-subscriptions'
import type { Logger } from '../logger.ts'
import { refusedMessage } from './redis-pubsub.ts'

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

/** The channel for announcing failures to publish. */
const gapName = 'gap'
/** Time from a failure to its announcement, so that an outage makes two of them a second at most. */
const announceMs = 500
/** Time in which the announcements of all processes are taken for one. */
const collectMs = 250

/** Time between two log messages about refused messages. */
const refusedLogMs = 60_000

/** A pub/sub engine and the state of its connection. */
export interface BusEngine {
  readonly pubsub: PubSubEngine
  isConnected(): boolean
  /** Registers a callback for reconnections, called once the subscriptions are active again. */
  onReconnect(listener: () => void): void
  /** Registers a callback for when the connection that publishes was replaced: messages may have gone to a former server. */
  onPublisherReplaced(listener: () => void): void
  close(): Promise<void>
}

/**
 * Creates a bus on a pub/sub engine. Adds what the engines lack: guarded listeners, subscriptions that
 * survive an outage of the server, and a publish that never throws.
 */
export function createBus(options: {
  readonly kind: Bus['kind']
  readonly engine: BusEngine
  readonly logger: Logger
  readonly prefix?: string | undefined
}): Bus {
  const { kind, engine, logger, prefix = '' } = options
  const { pubsub } = engine
  const counters = { published: 0, publishFailures: 0, received: 0, refused: 0 }
  let refusalLoggedAtMs = Number.NEGATIVE_INFINITY
  const noteRefused = (channel: string): void => {
    counters.refused++
    if (performance.now() - refusalLoggedAtMs < refusedLogMs) return
    refusalLoggedAtMs = performance.now()
    logger.warn({ channel }, 'refused a message of the bus without a valid signature: another program publishes there')
  }
  const gapListeners = new Set<() => void>()
  const reportGap = (): void => {
    for (const listener of gapListeners) listener()
  }
  engine.onReconnect(reportGap)
  // Subscribers cannot notice an unpublished message, so its publisher announces the gap as soon as the bus is available.
  const gapChannel = `${prefix}${gapName}`
  let announcing: NodeJS.Timeout | undefined
  let isClosed = false
  const announceGap = (): void => {
    if (isClosed) return
    announcing ??= setTimeout(() => {
      announcing = undefined
      pubsub.publish(gapChannel, {}).catch(announceGap)
    }, announceMs).unref()
  }
  engine.onPublisherReplaced(announceGap)
  let collecting: NodeJS.Timeout | undefined
  const onAnnouncement = (message: unknown): void => {
    if (message === refusedMessage) {
      noteRefused(gapName)
      return
    }
    collecting ??= setTimeout(() => {
      collecting = undefined
      reportGap()
    }, collectMs).unref()
  }
  if (kind === 'redis')
    pubsub
      .subscribe(gapChannel, onAnnouncement, {})
      .catch((error: unknown) => logger.warn({ err: error }, 'failed to subscribe to the gaps of the bus'))

  return {
    kind,
    counters,
    publish(channel, message) {
      counters.published++
      pubsub.publish(prefix + channel, message).catch((error: unknown) => {
        counters.publishFailures++
        announceGap()
        logger.debug({ err: error, channel }, 'failed to publish on the bus')
      })
    },
    subscribe(channel, listener) {
      let isClosed = false
      // A listener that throws would prevent the other listeners of its channel from being called
      // (graphql-redis-subscriptions).
      const onMessage = (message: unknown): void => {
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
      const subscription = pubsub.subscribe(prefix + channel, onMessage, {}).catch((error: unknown) => {
        logger.warn({ err: error, channel }, 'failed to subscribe on the bus; reading the log instead')
        return null
      })
      let isConfirmed = false
      const ready = subscription.then(() => {
        isConfirmed = true
      })
      return {
        ready,
        close() {
          if (isClosed) return Promise.resolve()
          isClosed = true
          const closed = subscription.then((id) => {
            if (id !== null) pubsub.unsubscribe(id)
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
    isConnected: () => engine.isConnected(),
    async [Symbol.asyncDispose]() {
      isClosed = true
      clearTimeout(announcing)
      clearTimeout(collecting)
      gapListeners.clear()
      await engine.close()
    },
  }
}

/** Creates a bus within one process. */
export function createMemoryBus(logger: Logger): Bus {
  const pubsub = new PubSub()
  return createBus({
    kind: 'memory',
    logger,
    engine: {
      pubsub,
      isConnected: () => true,
      onReconnect: () => undefined,
      onPublisherReplaced: () => undefined,
      close: () => Promise.resolve(),
    },
  })
}
