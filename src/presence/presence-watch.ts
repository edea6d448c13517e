import type { Logger } from '../logger.ts'
import type { PresenceReading, PresenceRecord, Present } from './presence-rows.ts'

/** Notifies listeners of the users present at topics. */
interface PresenceWatch {
  watch(topic: string, tell: (present: readonly Present[]) => void): () => void
  /**
   * Reads the presence of these topics, as far as they are watched, or of all watched topics if
   * null. One query for any number of topics.
   */
  look(topics: readonly string[] | null): void
  close(): void
  /** Number of watched topics. */
  readonly size: number
}

interface Watched {
  readonly listeners: Set<(present: readonly Present[]) => void>
  /** The latest notification, and its JSON for comparison. */
  last: { readonly present: readonly Present[]; readonly text: string } | undefined
  /** Reads again when a mark expires. */
  timer: NodeJS.Timeout | undefined
}

/** Delay after the expiry of a mark before it is read, so that the database's clock agrees. */
const slackMs = 30

/** Creates the presence watch of one process. */
export function createPresenceWatch(options: {
  readonly read: PresenceRecord['read']
  readonly logger: Logger
}): PresenceWatch {
  const { read, logger } = options
  const watched = new Map<string, Watched>()
  const wanted = new Set<string>()
  let reading: Promise<void> | undefined

  const tell = (topic: string, { present, nextEndMs }: PresenceReading): void => {
    const one = watched.get(topic)
    if (one === undefined) return
    clearTimeout(one.timer)
    one.timer = nextEndMs === null ? undefined : setTimeout(() => look([topic]), nextEndMs + slackMs).unref()
    const text = JSON.stringify(present)
    if (one.last?.text === text) return
    one.last = { present, text }
    for (const listener of one.listeners) listener(present)
  }
  const readAll = async (): Promise<void> => {
    while (wanted.size > 0) {
      const topics = [...wanted]
      wanted.clear()
      const readings = await read(topics)
      for (const [index, topic] of topics.entries()) {
        const reading = readings[index]
        if (reading !== undefined) tell(topic, reading)
      }
    }
  }
  const look = (topics: readonly string[] | null): void => {
    for (const topic of topics ?? watched.keys()) if (watched.has(topic)) wanted.add(topic)
    if (wanted.size === 0 || reading !== undefined) return
    reading = readAll()
      .catch((error: unknown) => {
        // The next beat reads all topics.
        wanted.clear()
        logger.warn({ err: error }, 'failed to read presence')
      })
      .finally(() => {
        reading = undefined
        // Requested at the moment when the last read ended.
        if (wanted.size > 0) look([])
      })
  }

  return {
    watch(topic, listener) {
      const one = watched.get(topic) ?? { listeners: new Set(), last: undefined, timer: undefined }
      watched.set(topic, one)
      one.listeners.add(listener)
      if (one.last === undefined) look([topic])
      else listener(one.last.present)
      return () => {
        one.listeners.delete(listener)
        if (one.listeners.size > 0 || watched.get(topic) !== one) return
        clearTimeout(one.timer)
        watched.delete(topic)
      }
    },
    look,
    close() {
      for (const { timer } of watched.values()) clearTimeout(timer)
      watched.clear()
      wanted.clear()
    },
    get size() {
      return watched.size
    },
  }
}
