import { retryTransient } from '../db/retry.ts'
import { TidingsError } from '../errors.ts'
import { parseCursor } from './cursor.ts'
import type { LogEvent } from './event.ts'
import type { Feeds } from './feed.ts'
import { createWakeUp, interruptible } from './interruptible.ts'
import type { LogReader, TopicHead } from './read.ts'

/** Why a snapshot stands where events might have been expected. See `SnapshotReason` in the contract. */
export type SnapshotReason = 'SUBSCRIBED' | 'PRUNED' | 'RESET' | 'LAGGED'

/** What a follower is handed: an event of the log, or the whole state in place of events. */
export type Followed<S> =
  | { readonly is: 'event'; readonly event: LogEvent }
  | { readonly is: 'snapshot'; readonly reason: SnapshotReason; readonly seq: number; readonly state: S }

/** What to follow and from where. */
export interface FollowOptions<S> {
  readonly topic: string
  /** Nothing but what follows this cursor. Wins over `fromStart`, so that a resumed replay goes on where it was. */
  readonly after?: string | undefined
  /** The whole history first, as if `after` were the topic's beginning. */
  readonly fromStart?: boolean | undefined
  /**
   * Reads the whole present state of the topic's subject and the seq it is true at, in one statement or transaction.
   * null when it does not exist.
   */
  readonly snapshot: () => Promise<{ readonly seq: number; readonly state: S } | null>
  /** Completes as soon as everything that was in the log is handed on, for those who poll. */
  readonly catchUpOnly?: boolean
  /**
   * Called when everything that is known of the topic, up to and including `seq`, was handed on, and the follower would wait.
   * Returning true ends it: whoever does so has another way to what follows, from this very moment on.
   */
  readonly onCaughtUp?: (seq: number) => boolean
  /** Whether nothing can follow this event. */
  readonly isLast: (event: LogEvent) => boolean
}

/** Most events buffered for one follower; beyond that they are read from the log again when it gets there. */
const maxBuffered = 256
const pageSize = 200
/** How long a snapshot is tried for while the database fails in a way that may pass, as the log's own reads are. */
export const snapshotRetryMs = 8_000

/**
 * Follows a topic: history and live as one sequence, every event in order and exactly once.
 *
 * It holds a place in the log (`at`) and hands on the event after it, again and again: from the buffer that the feed fills
 * when it is there, and from the log otherwise. Whatever the bus, the buffer or the timing does can therefore cost a read,
 * never an event. The order of joining makes that complete: attached to the feed first, read second, so an event is either
 * in what is read, or in the buffer, or in both, and then it is dropped by its seq.
 *
 * Ends after the event (or in the snapshot) that closed the topic. What cannot be replayed is said by a snapshot with its reason.
 *
 * @throws TidingsError `NOT_FOUND` when there is no such topic, `BAD_CURSOR`; from `next()`, so also before the first event
 */
export function follow<S>(
  log: { readonly reader: LogReader; readonly feeds: Feeds },
  options: FollowOptions<S>,
): AsyncIterableIterator<Followed<S>, undefined> & AsyncDisposable {
  return interruptible((signal) => run(log, options, signal))
}

async function* run<S>(
  { reader, feeds }: { readonly reader: LogReader; readonly feeds: Feeds },
  { topic, after, fromStart = false, snapshot, catchUpOnly = false, onCaughtUp, isLast }: FollowOptions<S>,
  signal: AbortSignal,
): AsyncGenerator<Followed<S>, void, undefined> {
  const cursor = after === undefined ? undefined : parseCursor(after, topic)
  const wakeUp = createWakeUp(signal)
  let buffer: LogEvent[] = []
  /** The newest seq known to exist. */
  let known = 0
  let resetReason: 'PRUNED' | 'RESET' | undefined
  const attachment = await feeds.attach(topic, {
    onEvents(events) {
      known = Math.max(known, events.at(-1)?.seq ?? 0)
      // Too slow for the buffer: what does not fit is read from the log when its turn comes.
      if (buffer.length + events.length <= maxBuffered) buffer.push(...events)
      wakeUp.set()
    },
    onReset(reason) {
      resetReason = reason
      wakeUp.set()
    },
  })
  if (attachment === null) throw notFound(topic)
  try {
    // Left while attaching: nothing more is read for it.
    if (signal.aborted) return
    /** Where the follower is: the seq of what it was handed last. */
    let at = cursor?.seq ?? 0
    /** Where the topic ends; null while that is open. */
    let end: number | null = null

    const look = async (): Promise<TopicHead> => {
      const head = await reader.head(topic)
      if (head === null) throw notFound(topic)
      known = Math.max(known, head.seq)
      if (head.closed) end = head.seq
      return head
    }
    const summarise = async (reason: SnapshotReason): Promise<Followed<S>> => {
      const taken = await retryTransient(snapshotRetryMs, snapshot)
      if (taken === null) throw notFound(topic)
      at = taken.seq
      await look()
      return { is: 'snapshot', reason, seq: at, state: taken.state }
    }

    const head = await look()
    const goal = head.seq
    const isAhead = cursor !== undefined && cursor.epoch === reader.epoch && cursor.seq > head.seq
    if (isAhead) await feeds.reportAhead(topic)
    if (cursor !== undefined && (isAhead || cursor.epoch !== reader.epoch)) {
      resetReason = undefined
      yield await summarise('RESET')
    } else if (cursor === undefined && !fromStart) yield await summarise('SUBSCRIBED')
    else if (at < head.prunedSeq) yield await summarise('PRUNED')

    while (!signal.aborted) {
      if (resetReason !== undefined) {
        const reason = resetReason
        resetReason = undefined
        buffer = []
        known = 0
        yield await summarise(reason)
      }
      while (buffer[0] !== undefined && buffer[0].seq <= at) buffer.shift()
      const next = buffer[0]
      if (next?.seq === at + 1) {
        buffer.shift()
        at = next.seq
        yield { is: 'event', event: next }
        if (isLast(next)) return
      } else if (end !== null && at >= end) return
      else if (known > at) {
        const events = attachment.recent(at) ?? (await reader.read(topic, at, pageSize))
        if (events[0]?.seq !== at + 1) {
          // Not kept any more, or never there: the record says which.
          known = 0
          const { prunedSeq } = await look()
          if (at < prunedSeq || (events[0] !== undefined && known > at)) yield await summarise('PRUNED')
          continue
        }
        for (const event of events) {
          if (signal.aborted) return
          // The page may be of a former life of the log by now.
          if (resetReason !== undefined || event.seq !== at + 1) break
          at = event.seq
          yield { is: 'event', event }
          if (isLast(event)) return
        }
      } else if (catchUpOnly && at >= goal) return
      else if (onCaughtUp?.(at) === true) return
      else await wakeUp.wait()
    }
  } finally {
    attachment.detach()
  }
}

function notFound(topic: string): TidingsError {
  return new TidingsError('NOT_FOUND', `There is no topic "${topic}"`)
}
