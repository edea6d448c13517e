import { withTimeout } from '../async/timeout.ts'
import type { Bus, BusSubscription } from '../bus/bus.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { createCheckSchedule } from './check-schedule.ts'
import { type LogEvent, parseEvents } from './event.ts'
import type { LogReader, TopicHead } from './read.ts'
import { createReorderBuffer, type ReorderBuffer } from './reorder-buffer.ts'

/**
 * The attachment of a listener to a feed. From then on, the listener receives every event after
 * `head`, in order and exactly once, regardless of what the bus does.
 */
export interface Attachment {
  /**
   * The newest seq that the feed had emitted when this listener attached; the listener receives the
   * events after it.
   */
  readonly head: number
  /**
   * Whether the log has another epoch than the feed: nothing may be emitted until the listener is reset, because cursors
   * would be of the new epoch.
   */
  readonly isFormer: boolean
  /**
   * Returns the events after `seq` from memory; null if there are none or they are incomplete, in
   * which case the caller must read the log.
   */
  recent(seq: number): readonly LogEvent[] | null
  detach(): void
}

/** Receives the events of a feed. */
export interface FeedListener {
  onEvents(events: readonly LogEvent[]): void
  /**
   * Called when the next events cannot be delivered: they were pruned, or the database was restored
   * while the feed was open. The feed continues after `head`. A listener that has read the log up to
   * `head`, or further, misses nothing by pruned events.
   */
  onReset(reason: 'PRUNED' | 'RESET', head: number): void
}

/** The feeds of one process: one per followed topic, closed when its last listener detaches. */
export interface Feeds extends AsyncDisposable {
  /**
   * Starts to follow a topic.
   *
   * @returns null if the topic does not exist
   * @throws TidingsError `SHUTTING_DOWN` after disposal
   */
  attach(topic: string, listener: FeedListener): Promise<Attachment | null>
  /** Compares every feed with the log and updates the feeds that are behind. */
  check(): Promise<void>
  /** Reads the events of a topic that the log has now, if the topic is followed. Never rejects. */
  refresh(topic: string): Promise<void>
  /**
   * Reports a cursor of the current epoch that is ahead of the log: the log was restored to an
   * older state while this process did not follow the topic. Renews the epoch, but at most once per
   * `cursorRenewalMs`, because any client can make up a cursor.
   */
  reportAhead(topic: string): Promise<void>
  /** Number of followed topics. */
  readonly size: number
  /**
   * Statistics of bus messages since the start. `repaired` should stay 0 while the bus is healthy.
   */
  readonly counters: FeedCounters
}

/** Counters over all feeds of a process. */
interface FeedCounters {
  /** Events delivered to listeners. */
  delivered: number
  /** Events received more than once. */
  repeated: number
  /** Gaps in the sequence that made a feed read the log. */
  holes: number
  /** Events found only by the periodic comparison while the bus was connected. */
  repaired: number
  /** Messages that were not in our format, and events that are not in the log. */
  malformed: number
}

interface Feed {
  readonly topic: string
  readonly subscription: BusSubscription
  readonly listeners: Set<FeedListener>
  /** Settles when `head` is known; false if the topic does not exist. */
  readonly opened: Promise<boolean>
  isOpen: boolean
  isClosed: boolean
  /** The epoch of the log that the reorder buffer belongs to. */
  epoch: string
  readonly sequence: ReorderBuffer
  /** Number of listeners that have attached so far. */
  attached: number
  /**
   * The latest events, contiguous up to the head of the reorder buffer; empty while there is a
   * single subscriber.
   */
  ring: LogEvent[]
  catchingUp: Promise<void> | undefined
}

const pageSize = 500
/** Number of feeds compared with the log in one query. */
const comparedTogether = 1_000
/**
 * Attachments made for a single subscriber: one that forwards events to it, and the subscriber's
 * own while it reads history.
 */
const alone = 2
/** How long to wait for the bus to confirm a subscription before relying on the log alone. */
const busPatienceMs = 1_000
/** How long an event may be in the log but not in the feed before it counts as lost by the bus. */
const graceMs = 250
/**
 * Minimum time between renewals of the epoch due to a cursor ahead of the log: each one costs every
 * subscriber a snapshot.
 */
const defaultCursorRenewalMs = 3_600_000

/**
 * Creates the feeds of this process.
 *
 * @param options.checkMs - see {@link createCheckSchedule}
 * @param options.awayCheckMs - see {@link createCheckSchedule}; default 250
 * @param options.ringSize - minimum number of events kept for late subscribers, per topic with
 * several subscribers; up to twice as many are kept; default 32
 * @param options.cursorRenewalMs - see {@link Feeds.reportAhead}; default one hour
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
  /** The epoch of the last message whose epoch differed from the feed's. */
  let foreignEpoch: string | undefined
  let renewedByCursorAt = Number.NEGATIVE_INFINITY
  const feeds = new Map<string, Feed>()
  const counters: FeedCounters = { delivered: 0, repeated: 0, holes: 0, repaired: 0, malformed: 0 }

  /**
   * Calls every listener. A listener that throws must not prevent the others of its topic from
   * being called.
   */
  const notifyListeners = (feed: Feed, call: (listener: FeedListener) => void): void => {
    for (const listener of feed.listeners) {
      try {
        call(listener)
      } catch (error) {
        logger.error({ err: error, topic: feed.topic }, 'failed to notify a follower')
      }
    }
  }

  /**
   * Whether the log has another epoch than the feed: until the next comparison resets the feed, it
   * emits nothing, because cursors would be of the new epoch.
   */
  const isFormer = (feed: Feed): boolean => feed.epoch !== reader.epoch

  /** Emits the events that are due. Returns whether events are waiting behind a gap. */
  const take = (feed: Feed, events: readonly LogEvent[]): boolean => {
    const { sequence } = feed
    const repeatedBefore = sequence.repeated
    const dueEvents = sequence.take(events)
    counters.repeated += sequence.repeated - repeatedBefore
    if (dueEvents.length > 0) {
      // A single subscriber that reconnects opens a new feed: keeping events that are never read
      // costs more than the events.
      if (feed.attached > alone) {
        feed.ring.push(...dueEvents)
        // Trimmed only occasionally: shifting the array for each event would cost more than the
        // events.
        if (feed.ring.length > 2 * ringSize) feed.ring = feed.ring.slice(-ringSize)
      }
      counters.delivered += dueEvents.length
      notifyListeners(feed, (listener) => listener.onEvents(dueEvents))
    }
    return sequence.waiting.length > 0
  }

  /** Reads the log until the feed is up to date; one read at a time per feed. */
  const catchUp = (feed: Feed): Promise<void> => {
    feed.catchingUp ??= (async () => {
      try {
        for (;;) {
          const { waiting, head } = feed.sequence
          const { events, epoch } = await reader.read(feed.topic, head, pageSize)
          if (feed.isClosed) return
          const first = events[0]
          if (isFormer(feed) || (epoch !== undefined && epoch !== feed.epoch)) {
            void schedule.check(true)
            return
          }
          // The next events have been pruned from the log. Listeners respond with a snapshot.
          if (first !== undefined && first.seq > feed.sequence.head + 1) reset(feed, 'PRUNED', first.seq - 1)
          take(feed, events)
          if (events.length === pageSize) continue
          // An event that arrived before the read and is not in the log was never appended.
          counters.malformed += feed.sequence.forget(waiting)
          // An event that arrived during the read may require another one.
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
    notifyListeners(feed, (listener) => listener.onReset(reason, head))
  }

  const onMessage = (feed: Feed, message: unknown): void => {
    const parsed = parseEvents(message, feed.topic)
    if (parsed === null) {
      counters.malformed++
      return
    }
    const { events, epoch } = parsed
    if (epoch !== undefined && epoch !== (feed.isOpen ? feed.epoch : reader.epoch)) {
      // The message belongs to an earlier epoch of the log, or to one that this process does not
      // know yet.
      if (epoch !== foreignEpoch) void schedule.check(true)
      foreignEpoch = epoch
      return
    }
    if (!feed.isOpen) feed.sequence.keep(events)
    else if (isFormer(feed)) void schedule.check(true)
    else if (take(feed, events)) {
      counters.holes++
      void catchUp(feed)
    }
  }

  const open = (topic: string): Feed => {
    const subscription = bus.subscribe(topic, (message) => onMessage(feed, message))
    const load = async (): Promise<boolean> => {
      // Subscribes before reading the head, so that no event is missed in between.
      let isSubscribed = false
      const ready = subscription.ready.then(() => {
        isSubscribed = true
      })
      if (bus.isConnected()) await withTimeout(busPatienceMs, ready)
      const isComplete = isSubscribed
      const previousEpoch = reader.epoch
      const head = await reader.head(topic)
      if (head === null) return false
      const isSameEpoch = reader.epoch === previousEpoch
      if (!isSameEpoch) feed.sequence.forget(feed.sequence.waiting)
      feed.sequence.jump(head.seq)
      feed.epoch = reader.epoch
      feed.isOpen = true
      // Messages of the new epoch were dropped before it was known.
      if (take(feed, []) || !isSameEpoch) void catchUp(feed)
      // Not awaited: events appended before the confirmation of the bus are read when it arrives.
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
      sequence: createReorderBuffer(),
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
   * Resets all feeds of an earlier epoch: a topic may have been restored to an older state and have
   * grown again since, which its seq does not reveal. If the topic no longer exists, its listeners
   * are reset as well and find out themselves.
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

  /**
   * Compares all open feeds with the log and delivers the missing events.
   *
   * @param isGap - whether messages are known to have been missed: then it does not wait for them,
   * and none counts as repaired
   */
  const repair = async (isGap: boolean): Promise<void> => {
    const open = [...feeds.values()].filter((feed) => feed.isOpen)
    let wentBack: string | undefined
    const behind: { feed: Feed; head: TopicHead }[] = []
    // Batched: one query with 10,000 topic names would delay other work.
    for (let first = 0; first < open.length; first += comparedTogether) {
      const batch = open.slice(first, first + comparedTogether).map((feed) => ({ feed, seq: feed.sequence.head }))
      const heads = await reader.moved(batch.map(({ feed, seq }) => ({ topic: feed.topic, seq })))
      for (const { feed, seq: previousHead } of batch) {
        const head = heads.get(feed.topic)
        if (head === undefined || feed.isClosed) continue
        // Its listeners find out themselves.
        if (head === null) reset(feed, 'RESET', 0)
        else if (head.seq > feed.sequence.head) behind.push({ feed, head })
        else if (head.seq < previousHead) {
          // The events the feed had before the query were in the log at that time.
          logger.warn(
            { topic: feed.topic, had: previousHead, has: head.seq },
            'found the log behind its feed: was a backup restored?',
          )
          wentBack = feed.epoch
        }
      }
    }
    if (wentBack !== undefined) await reader.renewEpoch(wentBack)
    await resetFormer()
    if (behind.length === 0) return
    // A message may still be in transit: only events that do not arrive are counted and read.
    if (!isGap) await new Promise((resolve) => setTimeout(resolve, graceMs).unref())
    await Promise.all(
      behind.map(async ({ feed, head }) => {
        const missing = head.seq - feed.sequence.head
        if (missing <= 0 || feed.isClosed) return
        if (!isGap) counters.repaired += missing
        // A read in progress may have started before these events were appended.
        await feed.catchingUp
        // A read that returns nothing cannot reveal that all missing events were pruned.
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
    async refresh(topic) {
      const feed = feeds.get(topic)
      // A feed that is being opened may have read its head before; a read in progress likewise.
      const isOpen = await feed?.opened.catch(() => false)
      if (feed === undefined || isOpen !== true) return
      await feed.catchingUp
      if (!feed.isClosed) await catchUp(feed)
    },
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
      const attachedFeed = feed
      attachedFeed.listeners.add(listener)
      attachedFeed.attached++
      const detach = (): void => {
        attachedFeed.listeners.delete(listener)
        if (attachedFeed.listeners.size === 0) close(attachedFeed)
      }
      let exists: boolean
      try {
        exists = await attachedFeed.opened
      } catch (error) {
        detach()
        throw error
      }
      if (!exists) {
        detach()
        return null
      }
      return {
        head: attachedFeed.sequence.head,
        get isFormer() {
          return isFormer(attachedFeed)
        },
        recent(seq) {
          // Another epoch of the log has other events at these seqs.
          if (isFormer(attachedFeed)) return null
          const first = attachedFeed.ring[0]
          if (first === undefined || seq + 1 < first.seq || seq >= attachedFeed.sequence.head) return null
          return attachedFeed.ring.slice(seq + 1 - first.seq)
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
