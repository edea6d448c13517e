import type { Logger } from '../logger.ts'
import type { Present } from './presence.ts'
import type { PresenceReading, PresenceRecord } from './presence-record.ts'

/** Those who want to know who is at a topic. */
export interface PresenceWatch {
  watch(topic: string, tell: (present: readonly Present[]) => void): () => void
  /** Looks at the topics that are watched among these, or at all of them. One query, however many. */
  look(topics: readonly string[] | null): void
  close(): void
  /** How many topics are watched. */
  readonly size: number
}

interface Watched {
  readonly listeners: Set<(present: readonly Present[]) => void>
  /** What was told last, and its text to compare with. */
  last: { readonly present: readonly Present[]; readonly text: string } | undefined
  /** Looks again when a mark runs out. */
  timer: NodeJS.Timeout | undefined
}

/** A mark that ends is looked at a little later, so that the database's clock agrees. */
const slackMs = 30

/** Creates the watch of one process. */
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
        // The next look, a beat later, asks for all.
        wanted.clear()
        logger.warn({ err: error }, 'failed to read presence')
      })
      .finally(() => {
        reading = undefined
        // Asked for in the very moment in which the last reading ended.
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
