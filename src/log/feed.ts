import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Bus, BusSubscription } from './bus.ts'
import { createCheckSchedule } from './check-schedule.ts'
import { type LogEvent, parseEvents } from './event.ts'
import type { LogReader, TopicHead } from './read.ts'
import { createSequence, type Sequence } from './sequence.ts'
import { within } from './within.ts'

/**
 * What a follower holds of a feed. From the moment of attaching, `listener` receives every event after `head`, in order,
 * each once, whatever the bus does.
 */
export interface Attachment {
  /** The newest seq that the feed had handed on when this follower attached; what follows it goes to the listener. */
  readonly head: number
  /** What follows `seq`, from memory; null when it no longer is all there (or there is nothing), and the log must be asked. */
  recent(seq: number): readonly LogEvent[] | null
  detach(): void
}

/** Who follows a feed. */
export interface FeedListener {
  onEvents(events: readonly LogEvent[]): void
  /** What was to follow cannot be had: pruned, or the database was restored under the feed, which goes on after `head`. */
  onReset(reason: 'PRUNED' | 'RESET', head: number): void
}

/** The feeds of one process: one per followed topic, gone when the last follower leaves. */
export interface Feeds extends AsyncDisposable {
  /**
   * Begins to follow a topic.
   * @returns null when there is no such topic
   */
  attach(topic: string, listener: FeedListener): Promise<Attachment | null>
  /** Compares every feed with the log, and catches up those that are behind. */
  check(): Promise<void>
  /**
   * Reports a cursor of the present epoch that is ahead of the log: the log went back while this process did not follow the topic.
   * Renews the epoch, though for cursors, which anybody may make up, once in `cursorRenewalMs` at most.
   */
  reportAhead(topic: string): Promise<void>
  /** How many topics are followed. */
  readonly size: number
  /** What became of the bus's hints, since the start. `repaired` should stay zero while the bus is well. */
  readonly counters: FeedCounters
}

/** What the feeds of a process have seen. */
export interface FeedCounters {
  /** Events handed to followers. */
  delivered: number
  /** Events that came again. */
  repeated: number
  /** Holes that made a feed read the log. */
  holes: number
  /** Events that only the periodic comparison found, while the bus was connected. */
  repaired: number
  /** Messages that were not ours. */
  malformed: number
}

interface Feed {
  readonly topic: string
  readonly subscription: BusSubscription
  readonly listeners: Set<FeedListener>
  /** Settled when `head` is known; false when there is no such topic. */
  readonly opened: Promise<boolean>
  isOpen: boolean
  isClosed: boolean
  /** The life of the log that its sequence belongs to. */
  epoch: string
  readonly sequence: Sequence
  /** How many have come to follow. */
  attached: number
  /** The last events, contiguous up to the sequence's head; none while a single one follows. */
  ring: LogEvent[]
  catchingUp: Promise<void> | undefined
}

const pageSize = 500
/** Feeds that are compared with the log in one query. */
const comparedTogether = 1_000
/** Those who attach for a single subscriber: what hands events on to it, and itself while it catches up. */
const alone = 2
/** How long a confirmation from the bus is waited for before the log alone is trusted. */
const busPatienceMs = 1_000
/** How long an event may be known to the log and not to the feed before that counts as lost by the bus. */
const graceMs = 250
/** How often, at most, a cursor that is ahead of the log renews the epoch: each time costs every subscriber a snapshot. */
const defaultCursorRenewalMs = 3_600_000

/**
 * Creates the feeds of this process.
 *
 * @param options.checkMs - see {@link createCheckSchedule}
 * @param options.awayCheckMs - the same; default 250
 * @param options.ringSize - events kept at least, up to twice as many, per topic that several follow, for those who come or come
 * back; default 32
 * @param options.cursorRenewalMs - see {@link Feeds.reportAhead}; default an hour
 */
export function createFeeds(options: {
  readonly bus: Bus
  readonly reader: LogReader
  readonly logger: Logger
  readonly checkMs: number
  readonly awayCheckMs?: number
  readonly ringSize?: number
  readonly cursorRenewalMs?: number
}): Feeds {
  const { bus, reader, logger, checkMs, awayCheckMs = 250, ringSize = 32 } = options
  const { cursorRenewalMs = defaultCursorRenewalMs } = options
  /** The last epoch of a message that was not a feed's own. */
  let foreignEpoch: string | undefined
  let renewedByCursorAt = Number.NEGATIVE_INFINITY
  const feeds = new Map<string, Feed>()
  const counters: FeedCounters = { delivered: 0, repeated: 0, holes: 0, repaired: 0, malformed: 0 }

  /** A follower that throws must not keep the others of its topic from hearing. */
  const tell = (feed: Feed, say: (listener: FeedListener) => void): void => {
    for (const listener of feed.listeners) {
      try {
        say(listener)
      } catch (error) {
        logger.error({ err: error, topic: feed.topic }, 'failed to notify a follower')
      }
    }
  }

  /** Hands on what is due now; true when something waits behind a hole. */
  const take = (feed: Feed, events: readonly LogEvent[]): boolean => {
    const { sequence } = feed
    const known = sequence.repeated
    const due = sequence.take(events)
    counters.repeated += sequence.repeated - known
    if (due.length > 0) {
      // Who is alone comes back to a feed of its own: keeping events for nobody costs more than the events.
      if (feed.attached > alone) {
        feed.ring.push(...due)
        // Cut now and then, as moving all of them up for each event would cost more than the events.
        if (feed.ring.length > 2 * ringSize) feed.ring = feed.ring.slice(-ringSize)
      }
      counters.delivered += due.length
      tell(feed, (listener) => listener.onEvents(due))
    }
    return sequence.waiting.length > 0
  }

  /** Reads the log until the feed has all that it has; one at a time a feed. */
  const catchUp = (feed: Feed): Promise<void> => {
    feed.catchingUp ??= (async () => {
      try {
        for (;;) {
          const { waiting, head } = feed.sequence
          const events = await reader.read(feed.topic, head, pageSize)
          if (feed.isClosed) return
          const first = events[0]
          // The log itself no longer has what follows: pruned. Followers are told by a snapshot.
          if (first !== undefined && first.seq > feed.sequence.head + 1) reset(feed, 'PRUNED', first.seq - 1)
          take(feed, events)
          if (events.length === pageSize) continue
          // What came before we read and is not in the log was never appended.
          counters.malformed += feed.sequence.forget(waiting)
          // What came while we read may need another look.
          if (feed.sequence.waiting.length === 0) return
        }
      } catch (error) {
        logger.warn({ err: error, topic: feed.topic }, 'failed to catch up with the log; retrying at the next check')
      } finally {
        feed.catchingUp = undefined
      }
    })()
    return feed.catchingUp
  }

  const reset = (feed: Feed, reason: 'PRUNED' | 'RESET', head: number): void => {
    feed.sequence.jump(head)
    feed.ring = []
    tell(feed, (listener) => listener.onReset(reason, head))
  }

  const onMessage = (feed: Feed, message: unknown): void => {
    const parsed = parseEvents(message, feed.topic)
    if (parsed === null) {
      counters.malformed++
      return
    }
    const { events, epoch } = parsed
    if (epoch !== undefined && epoch !== (feed.isOpen ? feed.epoch : reader.epoch)) {
      // Of a former life of the log, or of one that this process does not know yet.
      if (epoch !== foreignEpoch) void schedule.check(true)
      foreignEpoch = epoch
      return
    }
    if (!feed.isOpen) feed.sequence.keep(events)
    else if (take(feed, events)) {
      counters.holes++
      void catchUp(feed)
    }
  }

  const open = (topic: string): Feed => {
    const subscription = bus.subscribe(topic, (message) => onMessage(feed, message))
    const load = async (): Promise<boolean> => {
      // Subscribed before the head is read, so that nothing falls between.
      let isSubscribed = false
      const ready = subscription.ready.then(() => {
        isSubscribed = true
      })
      if (bus.isConnected()) await within(busPatienceMs, ready)
      const isComplete = isSubscribed
      const head = await reader.head(topic)
      if (head === null) return false
      feed.sequence.jump(head.seq)
      feed.epoch = reader.epoch
      feed.isOpen = true
      if (take(feed, [])) void catchUp(feed)
      // Not waited for: what was appended until the bus confirmed is read when it does.
      if (!isComplete) void ready.then(() => (feed.isClosed ? undefined : catchUp(feed)))
      return true
    }
    const feed: Feed = {
      topic,
      subscription,
      listeners: new Set(),
      opened: Promise.resolve().then(load),
      isOpen: false,
      isClosed: false,
      epoch: '',
      sequence: createSequence(),
      attached: 0,
      ring: [],
      catchingUp: undefined,
    }
    feeds.set(topic, feed)
    return feed
  }

  const close = (feed: Feed): void => {
    if (feed.isClosed) return
    feed.isClosed = true
    if (feeds.get(feed.topic) === feed) feeds.delete(feed.topic)
    feed.subscription
      .close()
      .catch((error: unknown) => logger.warn({ err: error, topic: feed.topic }, 'failed to unsubscribe from the bus'))
  }

  /**
   * Resets the feeds of a former life of the log, all of them: a topic may have gone back and grown again since, which its seq does not
   * tell. One whose topic is gone tells its followers, who find that out.
   */
  const resetFormer = async (): Promise<void> => {
    const former = [...feeds.values()].filter((feed) => feed.isOpen && feed.epoch !== reader.epoch)
    if (former.length === 0) return
    const { epoch } = reader
    logger.warn({ epoch, topics: former.length }, 'found another epoch of the log; sending snapshots to subscribers')
    await Promise.all(
      former.map(async (feed) => {
        await feed.catchingUp
        const head = await reader.head(feed.topic)
        if (feed.isClosed || feed.epoch === reader.epoch) return
        feed.epoch = reader.epoch
        feed.sequence.forget(feed.sequence.waiting)
        reset(feed, 'RESET', head?.seq ?? 0)
      }),
    )
  }

  /** @param isGap - whether it is known that messages were missed: then nobody waits for them, and none counts as repaired */
  const repair = async (isGap: boolean): Promise<void> => {
    const open = [...feeds.values()].filter((feed) => feed.isOpen)
    let wentBack: string | undefined
    const behind: { feed: Feed; head: TopicHead }[] = []
    // In parts, as putting ten thousand names into one question would hold up everybody else.
    for (let first = 0; first < open.length; first += comparedTogether) {
      const asked = open.slice(first, first + comparedTogether).map((feed) => ({ feed, had: feed.sequence.head }))
      const heads = await reader.moved(asked.map(({ feed, had }) => ({ topic: feed.topic, seq: had })))
      for (const { feed, had } of asked) {
        const head = heads.get(feed.topic)
        if (head === undefined || feed.isClosed) continue
        if (head.seq > feed.sequence.head) behind.push({ feed, head })
        else if (head.seq < had) {
          // What the feed had before the question was in the log then.
          logger.warn(
            { topic: feed.topic, had, has: head.seq },
            'found the log behind its feed: was a backup restored?',
          )
          wentBack = feed.epoch
        }
      }
    }
    if (wentBack !== undefined) await reader.renewEpoch(wentBack)
    await resetFormer()
    if (behind.length === 0) return
    // A message may be on its way: only what does not come is counted and read.
    if (!isGap) await new Promise((resolve) => setTimeout(resolve, graceMs).unref())
    await Promise.all(
      behind.map(async ({ feed, head }) => {
        const missing = head.seq - feed.sequence.head
        if (missing <= 0 || feed.isClosed) return
        if (!isGap) counters.repaired += missing
        // One that is under way may have read before these were appended.
        await feed.catchingUp
        // A read that finds nothing could not tell that all of it is pruned.
        if (head.prunedSeq > feed.sequence.head) reset(feed, 'PRUNED', head.prunedSeq)
        await catchUp(feed)
      }),
    )
  }

  let isDisposed = false
  const schedule = createCheckSchedule({ compare: repair, bus, logger, checkMs, awayCheckMs })

  return {
    counters,
    get size() {
      return feeds.size
    },
    check: () => schedule.check(true),
    async reportAhead(topic) {
      if (Date.now() - renewedByCursorAt < cursorRenewalMs) return
      renewedByCursorAt = Date.now()
      logger.warn({ topic }, 'received a cursor ahead of the log: was a backup restored?')
      await reader.renewEpoch(reader.epoch)
      await resetFormer()
    },
    async attach(topic, listener) {
      if (isDisposed) throw new TidingsError('SHUTTING_DOWN', 'This process no longer follows topics')
      let feed = feeds.get(topic)
      if (feed === undefined || feed.isClosed) feed = open(topic)
      const joined = feed
      joined.listeners.add(listener)
      joined.attached++
      const detach = (): void => {
        joined.listeners.delete(listener)
        if (joined.listeners.size === 0) close(joined)
      }
      let exists: boolean
      try {
        exists = await joined.opened
      } catch (error) {
        detach()
        throw error
      }
      if (!exists) {
        detach()
        return null
      }
      return {
        head: joined.sequence.head,
        recent(seq) {
          const first = joined.ring[0]
          if (first === undefined || seq + 1 < first.seq || seq >= joined.sequence.head) return null
          return joined.ring.slice(seq + 1 - first.seq)
        },
        detach,
      }
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true
      const ended = schedule[Symbol.asyncDispose]()
      for (const feed of [...feeds.values()]) close(feed)
      await ended
    },
  }
}
