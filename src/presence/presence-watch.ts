import type { Bus, BusSubscription } from '../bus/bus.ts'
import type { Logger } from '../logger.ts'
import type { PresenceReading, PresenceRecord, Present } from './presence-rows.ts'

/** Notifies listeners of the users present at topics. */
interface PresenceWatch {
  watch(topic: string, listener: (present: readonly Present[]) => void): () => void
  /**
   * Reads the presence of these topics, as far as they are watched, or of all watched topics if
   * null. One query for any number of topics.
   */
  look(topics: readonly string[] | null): void
  close(): void
  /** Number of watched topics. */
  readonly size: number
}

interface WatchedTopic {
  readonly subscription: BusSubscription
  readonly listeners: Set<(present: readonly Present[]) => void>
  /** The latest notification, and its JSON for comparison. */
  last: { readonly present: readonly Present[]; readonly text: string } | undefined
  /** Reads again when a mark expires. */
  timer: NodeJS.Timeout | undefined
}

/** Delay after the expiry of a mark before it is read, so that the database's clock agrees. */
const slackMs = 30

/**
 * The channel on which servers announce that the users present at a topic changed. Each topic has its own, so that only servers
 * with watchers receive it.
 */
export const presenceChannel = (topic: string): string => `presence:${topic}`

/** Creates the presence watch of one process. */
export function createPresenceWatch(options: {
  readonly bus: Bus
  readonly read: PresenceRecord['read']
  readonly logger: Logger
}): PresenceWatch {
  const { bus, read, logger } = options
  const watchedTopics = new Map<string, WatchedTopic>()
  const unsubscribe = ({ subscription, timer }: WatchedTopic): void => {
    clearTimeout(timer)
    subscription.close().catch((error: unknown) => logger.warn({ err: error }, 'failed to unsubscribe from the bus'))
  }
  const open = (topic: string): WatchedTopic => {
    const subscription = bus.subscribe(presenceChannel(topic), () => look([topic]))
    const entry = { subscription, listeners: new Set<never>(), last: undefined, timer: undefined }
    watchedTopics.set(topic, entry)
    // A change before the bus has confirmed the subscription is not announced to it.
    void subscription.ready.then(() => look([topic]))
    return entry
  }
  const pendingTopics = new Set<string>()
  let reading: Promise<void> | undefined

  const notify = (topic: string, { present, nextEndMs }: PresenceReading): void => {
    const entry = watchedTopics.get(topic)
    if (entry === undefined) return
    clearTimeout(entry.timer)
    entry.timer = nextEndMs === null ? undefined : setTimeout(() => look([topic]), nextEndMs + slackMs).unref()
    const text = JSON.stringify(present)
    if (entry.last?.text === text) return
    entry.last = { present, text }
    for (const listener of entry.listeners) listener(present)
  }
  const readAll = async (): Promise<void> => {
    while (pendingTopics.size > 0) {
      const topics = [...pendingTopics]
      pendingTopics.clear()
      const readings = await read(topics)
      for (const [index, topic] of topics.entries()) {
        const reading = readings[index]
        if (reading !== undefined) notify(topic, reading)
      }
    }
  }
  const look = (topics: readonly string[] | null): void => {
    for (const topic of topics ?? watchedTopics.keys()) if (watchedTopics.has(topic)) pendingTopics.add(topic)
    if (pendingTopics.size === 0 || reading !== undefined) return
    reading = readAll()
      .catch((error: unknown) => {
        // The next beat reads all topics.
        pendingTopics.clear()
        logger.warn({ err: error }, 'failed to read presence')
      })
      .finally(() => {
        reading = undefined
        // Requested at the moment when the last read ended.
        if (pendingTopics.size > 0) look([])
      })
  }

  return {
    watch(topic, listener) {
      const entry = watchedTopics.get(topic) ?? open(topic)
      entry.listeners.add(listener)
      if (entry.last === undefined) look([topic])
      else listener(entry.last.present)
      return () => {
        entry.listeners.delete(listener)
        if (entry.listeners.size > 0 || watchedTopics.get(topic) !== entry) return
        watchedTopics.delete(topic)
        unsubscribe(entry)
      }
    },
    look,
    close() {
      for (const entry of watchedTopics.values()) unsubscribe(entry)
      watchedTopics.clear()
      pendingTopics.clear()
    },
    get size() {
      return watchedTopics.size
    },
  }
}
