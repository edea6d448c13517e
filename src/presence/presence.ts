import { randomUUID } from 'node:crypto'
import { createBatchLoader } from '../async/batch-loader.ts'
import { createSingleFlight } from '../async/single-flight.ts'
import type { Bus } from '../bus/bus.ts'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'
import { createPresenceRecord, type Present } from './presence-rows.ts'
import { createPresenceWatch, presenceChannel } from './presence-watch.ts'

/**
 * Tracks which users follow which topic, across all servers. Derived from live subscriptions, never
 * from claims of a client. The users of a killed server disappear within
 * {@link PresenceTimes.aliveMs} plus one {@link PresenceTimes.beatMs}.
 */
export interface Presence extends AsyncDisposable {
  /**
   * Registers one subscription of a user to a topic. Only updates memory; changes are written in
   * batches, every `batchMs`, and a user who joins and leaves within one batch is never written.
   *
   * @returns `leave`, to be called when the subscription ends; with `lingerMs`, the user stays
   * present for that time, as needed for polling
   */
  enter(topic: string, userId: string): (lingerMs?: number) => void
  /**
   * Sets a user's activity for a limited time; null clears it. Only visible while the user is
   * present.
   */
  mark(topic: string, userId: string, mark: string | null, forMs: number): Promise<void>
  /**
   * Returns the ids of the users present now on any server, distinct and sorted. Calls in one turn
   * share a query.
   */
  of(topic: string): Promise<readonly string[]>
  /** Returns the users present now, with their activity. */
  list(topic: string): Promise<readonly Present[]>
  /**
   * Calls `listener` with all users present: once initially and after every change, until the
   * returned function is called.
   */
  watch(topic: string, listener: (present: readonly Present[]) => void): () => void
  /** Number of topics and users of this process, and number of topics it watches. */
  readonly size: { readonly here: number; readonly watched: number }
}

/** Times of presence, in milliseconds. */
export interface PresenceTimes {
  /** Interval between the heartbeats of a server, and between the checks for expired entries. */
  readonly beatMs: number
  /** How long a server counts as alive without a heartbeat. */
  readonly aliveMs: number
  /** How long changes are collected before they are written. */
  readonly batchMs: number
}

/**
 * Together less than 15 s, the maximum time for which a user of a killed server may appear present.
 */
const defaultTimes: PresenceTimes = { beatMs: 3_000, aliveMs: 10_000, batchMs: 50 }

/**
 * Maximum number of topics announced at once. More change when a server ends, or writes everything again after an outage of the
 * database: the servers that watch them read them at their next heartbeat, so that such a moment is no load for Redis.
 */
const maxAnnounced = 200

/** Creates the presence of one process. Disposing removes its users at once. */
export function createPresence(options: {
  readonly database: Database
  readonly bus: Bus
  readonly logger: Logger
  readonly times?: Partial<PresenceTimes>
}): Presence {
  const { database, bus, logger } = options
  const times = { ...defaultTimes, ...options.times }
  const record = createPresenceRecord({ database, server: randomUUID(), aliveMs: times.aliveMs })
  const read = createBatchLoader(record.read)
  const watch = createPresenceWatch({ bus, read: record.read, logger })

  /** Number of subscriptions of each user to a topic. */
  const localTopics = new Map<string, Map<string, number>>()
  const dirty = new Map<string, Set<string>>()
  const lingering = new Set<NodeJS.Timeout>()
  let batch: NodeJS.Timeout | undefined
  let isClosed = false

  const onChange = (topics: readonly string[]): void => {
    watch.look(topics)
    if (topics.length <= maxAnnounced) for (const topic of topics) bus.publish(presenceChannel(topic), {})
  }
  const isHere = (topic: string, userId: string): boolean => localTopics.get(topic)?.has(userId) === true
  const everybody = (): readonly (readonly [string, string])[] =>
    [...localTopics].flatMap(([topic, users]) => [...users.keys()].map((userId) => [topic, userId] as const))

  /** Writes the collected changes; returns the delay in ms before the remaining ones are written. */
  const write = async (): Promise<number> => {
    const pairs = [...dirty].flatMap(([topic, users]) => [...users].map((userId) => [topic, userId] as const))
    dirty.clear()
    const arrivals = pairs.filter((pair) => isHere(...pair))
    const departures = pairs.filter((pair) => !isHere(...pair))
    try {
      const topics = await record.write({ come: arrivals, gone: departures, everybody })
      onChange(topics)
      return times.batchMs
    } catch (error) {
      for (const pair of pairs) markDirty(...pair)
      logger.warn({ err: error }, 'failed to write presence; retrying')
      return times.beatMs
    }
  }
  /** Serialized: a later write must not overtake an earlier one. */
  const writeInTurn = createSingleFlight(() =>
    write().then((afterMs) => {
      if (dirty.size > 0) schedule(afterMs)
    }),
  )
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
    const users = localTopics.get(topic) ?? new Map<string, number>()
    const before = users.get(userId) ?? 0
    const after = before + change
    if (after === 0) users.delete(userId)
    else users.set(userId, after)
    if (users.size === 0) localTopics.delete(topic)
    else localTopics.set(topic, users)
    if (before !== 0 && after !== 0) return
    markDirty(topic, userId)
    schedule(times.batchMs)
  }

  const beat = setInterval(() => {
    // A server without users needs no heartbeat.
    if (localTopics.size > 0 || dirty.size > 0) void writeInTurn()
    watch.look(null)
  }, times.beatMs).unref()
  const offGap = bus.onGap(() => watch.look(null))

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    isClosed = true
    clearInterval(beat)
    clearTimeout(batch)
    for (const timer of lingering) clearTimeout(timer)
    offGap()
    watch.close()
    await writeInTurn.pending()
    try {
      onChange(await record.leave())
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
      onChange([topic])
    },
    of: async (topic) => (await read(topic)).present.map(({ userId }) => userId),
    list: async (topic) => (await read(topic)).present,
    watch: watch.watch,
    get size() {
      let users = 0
      for (const userIds of localTopics.values()) users += userIds.size
      return { here: users, watched: watch.size }
    },
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}
