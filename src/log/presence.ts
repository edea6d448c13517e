import { randomUUID } from 'node:crypto'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'
import { createBatch } from './batch.ts'
import type { Bus } from './bus.ts'
import { createPresenceRecord } from './presence-record.ts'
import { createPresenceWatch } from './presence-watch.ts'

/** Somebody who follows a topic. */
export interface Present {
  readonly userId: string
  /** What this user is doing there, as {@link Presence.mark} said; null when nothing was said, or it has run out. */
  readonly mark: string | null
}

/**
 * Who follows which topic, on whatever server: derived from live subscriptions, never from what a client claims. A server that was killed
 * takes its people along within {@link PresenceTimes.aliveMs} and one {@link PresenceTimes.beatMs}.
 */
export interface Presence extends AsyncDisposable {
  /**
   * One subscription of a user to a topic begins. Costs nothing but memory here; what has changed is written down together, every
   * `batchMs`, and who comes and goes in between is never written at all.
   *
   * @returns `leave`, to be called when it ends; with `lingerMs`, the user is still there for as long, as one who polls is
   */
  enter(topic: string, userId: string): (lingerMs?: number) => void
  /** Says what a user is doing there, for so long; null takes it back. Counts only while the user is there. */
  mark(topic: string, userId: string, mark: string | null, forMs: number): Promise<void>
  /** The users who are there now, on any server, each once, by id. What is asked in one turn shares a query. */
  of(topic: string): Promise<readonly string[]>
  /** Those who are there now, with what they are doing. */
  list(topic: string): Promise<readonly Present[]>
  /** Calls `tell` with all who are there: once now, and whenever that has changed, until the returned function is called. */
  watch(topic: string, tell: (present: readonly Present[]) => void): () => void
  /** How many topics and users this process has, and how many topics it watches. */
  readonly size: { readonly here: number; readonly watched: number }
}

/** The times of presence, in milliseconds. */
export interface PresenceTimes {
  /** Between the signs of life of a server, and the looks at what has run out. */
  readonly beatMs: number
  /** How long a server counts that gives none. */
  readonly aliveMs: number
  /** How long comings and goings are collected before they are written down. */
  readonly batchMs: number
}

/** Together less than 15 s, the longest that somebody whose server was killed may seem to be there. */
const defaultTimes: PresenceTimes = { beatMs: 3_000, aliveMs: 10_000, batchMs: 50 }

const channel = 'presence'
/** More topics than this are not named on the bus; everybody looks at all that they watch. */
const maxNamed = 200

/** Creates the presence of one process. Disposing takes its people away at once. */
export function createPresence(options: {
  readonly database: Database
  readonly bus: Bus
  readonly logger: Logger
  readonly times?: Partial<PresenceTimes>
}): Presence {
  const { database, bus, logger } = options
  const times = { ...defaultTimes, ...options.times }
  const record = createPresenceRecord({ database, server: randomUUID(), aliveMs: times.aliveMs })
  const read = createBatch(record.read)
  const watch = createPresenceWatch({ read: record.read, logger })

  /** How many subscriptions each user has to a topic. */
  const here = new Map<string, Map<string, number>>()
  const dirty = new Map<string, Set<string>>()
  const lingering = new Set<NodeJS.Timeout>()
  let batch: NodeJS.Timeout | undefined
  let isClosed = false

  const changed = (topics: readonly string[]): void => {
    if (topics.length === 0) return
    const named = topics.length > maxNamed ? null : topics
    watch.look(named)
    bus.publish(channel, { topics: named })
  }
  const isHere = (topic: string, userId: string): boolean => here.get(topic)?.has(userId) === true
  const everybody = (): readonly (readonly [string, string])[] =>
    [...here].flatMap(([topic, users]) => [...users.keys()].map((userId) => [topic, userId] as const))

  let writing: Promise<void> | undefined
  /** @returns when to go on with what is left */
  const write = async (): Promise<number> => {
    const pairs = [...dirty].flatMap(([topic, users]) => [...users].map((userId) => [topic, userId] as const))
    dirty.clear()
    const come = pairs.filter((pair) => isHere(...pair))
    const gone = pairs.filter((pair) => !isHere(...pair))
    try {
      const topics = await record.write({ come, gone, everybody })
      changed(topics)
      return times.batchMs
    } catch (error) {
      for (const pair of pairs) markDirty(...pair)
      logger.warn({ err: error }, 'failed to write presence; retrying')
      return times.beatMs
    }
  }
  /** One at a time: the later must not overtake the earlier. */
  const writeInTurn = (): Promise<void> => {
    writing ??= write().then((afterMs) => {
      writing = undefined
      if (dirty.size > 0) schedule(afterMs)
    })
    return writing
  }
  const schedule = (afterMs: number): void => {
    if (isClosed) return
    batch ??= setTimeout(() => {
      batch = undefined
      void writeInTurn()
    }, afterMs).unref()
  }
  const markDirty = (topic: string, userId: string): void => {
    const users = dirty.get(topic) ?? new Set()
    dirty.set(topic, users.add(userId))
  }
  const count = (topic: string, userId: string, change: 1 | -1): void => {
    const users = here.get(topic) ?? new Map<string, number>()
    const before = users.get(userId) ?? 0
    const after = before + change
    if (after === 0) users.delete(userId)
    else users.set(userId, after)
    if (users.size === 0) here.delete(topic)
    else here.set(topic, users)
    if (before !== 0 && after !== 0) return
    markDirty(topic, userId)
    schedule(times.batchMs)
  }

  const beat = setInterval(() => {
    // A server with whom nobody is says nothing, and needs not to.
    if (here.size > 0 || dirty.size > 0) void writeInTurn()
    watch.look(null)
  }, times.beatMs).unref()
  const subscription = bus.subscribe(channel, (message) => watch.look(topicsOf(message)))
  const offGap = bus.onGap(() => watch.look(null))

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    isClosed = true
    clearInterval(beat)
    clearTimeout(batch)
    for (const timer of lingering) clearTimeout(timer)
    offGap()
    subscription.close().catch((error: unknown) => logger.warn({ err: error }, 'failed to unsubscribe from the bus'))
    watch.close()
    await writing
    try {
      changed(await record.leave())
    } catch (error) {
      logger.warn({ err: error }, 'failed to remove presence on shutdown; entries will expire')
    }
  }

  return {
    enter(topic, userId) {
      count(topic, userId, 1)
      let hasLeft = false
      return (lingerMs = 0) => {
        if (hasLeft) return
        hasLeft = true
        if (lingerMs === 0) return count(topic, userId, -1)
        const timer = setTimeout(() => {
          lingering.delete(timer)
          count(topic, userId, -1)
        }, lingerMs).unref()
        lingering.add(timer)
      }
    },
    async mark(topic, userId, mark, forMs) {
      await record.mark(topic, userId, mark, forMs)
      changed([topic])
    },
    of: async (topic) => (await read(topic)).present.map(({ userId }) => userId),
    list: async (topic) => (await read(topic)).present,
    watch: watch.watch,
    get size() {
      let users = 0
      for (const those of here.values()) users += those.size
      return { here: users, watched: watch.size }
    },
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}

/** The topics that a message names; null for all, also when it cannot be understood. */
function topicsOf(message: unknown): readonly string[] | null {
  const topics: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'topics') : null
  return Array.isArray(topics) ? topics.filter((topic) => typeof topic === 'string') : null
}
