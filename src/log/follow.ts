import { createWakeUp, interruptible } from '../async/interruptible.ts'
import { retryTransient } from '../db/retry.ts'
import { TidingsError } from '../errors.ts'
import type { Position } from './cursor.ts'
import type { LogEvent } from './event.ts'
import type { Feeds } from './feed.ts'
import type { LogReader, TopicHead } from './read.ts'

/** Why a snapshot is sent instead of events. See `SnapshotReason` in the schema. */
export type SnapshotReason = 'SUBSCRIBED' | 'PRUNED' | 'RESET' | 'LAGGED'

/**
 * One element of a followed topic: an event of the log, or a snapshot of the whole state in place
 * of events.
 */
export type TopicUpdate<S> =
  | { readonly is: 'event'; readonly event: LogEvent }
  | {
      readonly is: 'snapshot'
      readonly reason: SnapshotReason
      readonly seq: number
      readonly state: S
      /** Whether the topic has ended with this state. */
      readonly isLast: boolean
    }

/**
 * A snapshot that was read before the topic is followed, for example to authorize its subscriber. The events after its seq follow
 * it, also those that were appended before the topic was attached to.
 */
export interface FirstSnapshot<S> {
  /** The epoch of the log before the snapshot was read. */
  readonly epoch: string
  readonly seq: number
  readonly state: S
  /** Whether the topic has ended with this state. */
  readonly isLast: boolean
}

/** The topic to follow and the position to start from. */
export interface FollowOptions<S> {
  readonly topic: string
  /**
   * Resumes after this position. Takes precedence over `fromStart`, so that a resumed replay
   * continues at its position.
   */
  readonly after?: Position | undefined
  /** Whether to start with the whole history, as if `after` were the beginning of the topic. */
  readonly fromStart?: boolean | undefined
  /**
   * Reads the complete current state of the topic's subject and the seq at which it is valid, in
   * one statement or transaction. Returns null if the subject does not exist.
   */
  readonly snapshot: () => Promise<{ readonly seq: number; readonly state: S } | null>
  /** Sent in place of the first snapshot, if one is due, which is then not read. */
  readonly firstSnapshot?: FirstSnapshot<S> | undefined
  /**
   * Called when every known event of the topic, up to and including `seq`, has been emitted and the
   * iterator would wait. Returning true ends the iteration: the caller must receive the following
   * events another way, from this moment on.
   */
  readonly onCaughtUp?: (seq: number) => boolean
  /** Returns whether an event is terminal. */
  readonly isLast: (event: LogEvent) => boolean
}

/**
 * Maximum number of events buffered per subscriber; further events are read from the log when they
 * are due.
 */
const maxBuffered = 256
const pageSize = 200
/**
 * How long to retry a snapshot while the database fails with a transient error; the log's own reads
 * are retried as long.
 */
export const snapshotRetryMs = 8_000

/**
 * Follows a topic: history and live events as one sequence, every event in order and exactly once.
 *
 * Keeps a position in the log (`at`) and repeatedly emits the event after it: from the buffer that
 * the feed fills if the event is there, otherwise from the log. The behavior of the bus, the buffer
 * or the timing can therefore cost a read, but never an event. The order of joining makes this
 * complete: it attaches to the feed first and reads second, so that an event is in the read, in the
 * buffer, or in both; a duplicate is dropped by its seq.
 *
 * Ends after the event (or with the snapshot) that closed the topic. If events cannot be replayed,
 * a snapshot with the reason is emitted instead.
 *
 * @throws TidingsError `NOT_FOUND` if the topic does not exist; thrown by `next()`, possibly before
 * the first event
 */
export function follow<S>(
  log: { readonly reader: LogReader; readonly feeds: Feeds },
  options: FollowOptions<S>,
): AsyncIterableIterator<TopicUpdate<S>, undefined> & AsyncDisposable {
  return interruptible((signal) => run(log, options, signal))
}

async function* run<S>(
  { reader, feeds }: { readonly reader: LogReader; readonly feeds: Feeds },
  { topic, after, fromStart = false, snapshot, firstSnapshot, onCaughtUp, isLast }: FollowOptions<S>,
  signal: AbortSignal,
): AsyncGenerator<TopicUpdate<S>, void, undefined> {
  const wakeUp = createWakeUp(signal)
  let buffer: LogEvent[] = []
  /** The newest seq known to exist. */
  let newestSeq = 0
  let reset: { readonly reason: 'PRUNED' | 'RESET'; readonly head: number } | undefined
  const attachment = await feeds.attach(topic, {
    onEvents(events) {
      newestSeq = Math.max(newestSeq, events.at(-1)?.seq ?? 0)
      // The subscriber is too slow for the buffer: events that do not fit are read from the log
      // when they are due.
      if (buffer.length + events.length <= maxBuffered) buffer.push(...events)
      wakeUp.set()
    },
    onReset(reason, head) {
      // A snapshot of the new epoch may already have been read, which these events do not follow.
      if (reason === 'RESET') buffer = []
      reset = { reason, head }
      wakeUp.set()
    },
  })
  if (attachment === null) throw notFound(topic)
  try {
    // Returned while attaching: skips the reads.
    if (signal.aborted) return
    /** The current position: the seq of the last item emitted. */
    let at = after?.seq ?? 0
    /** The seq at which the topic ends; null while it is open. */
    let end: number | null = null
    /** The epoch of the log that the position belongs to. */
    let epoch = ''
    const readHead = async (): Promise<TopicHead> => {
      const head = await reader.head(topic)
      if (head === null) throw notFound(topic)
      newestSeq = Math.max(newestSeq, head.seq)
      // A restored backup may have reopened a topic that had ended.
      end = head.closed ? head.seq : null
      return head
    }
    const createSnapshot = async (reason: SnapshotReason): Promise<TopicUpdate<S>> => {
      const result = await retryTransient(snapshotRetryMs, snapshot)
      if (result === null) throw notFound(topic)
      at = result.seq
      await readHead()
      epoch = reader.epoch
      return { is: 'snapshot', reason, seq: at, state: result.state, isLast: end !== null && at >= end }
    }

    if (after === undefined && !fromStart) {
      // A cursor of a later epoch must not name a state of an earlier one.
      if (firstSnapshot?.epoch !== reader.epoch) yield await createSnapshot('SUBSCRIBED')
      else {
        at = firstSnapshot.seq
        epoch = firstSnapshot.epoch
        newestSeq = Math.max(newestSeq, attachment.head)
        end = firstSnapshot.isLast ? at : null
        yield {
          is: 'snapshot',
          reason: 'SUBSCRIBED',
          seq: at,
          state: firstSnapshot.state,
          isLast: firstSnapshot.isLast,
        }
      }
    } else {
      const head = await readHead()
      epoch = reader.epoch
      const isAhead = after !== undefined && after.epoch === reader.epoch && after.seq > head.seq
      if (isAhead) await feeds.reportAhead(topic)
      if (after !== undefined && (isAhead || after.epoch !== reader.epoch)) {
        reset = undefined
        yield await createSnapshot('RESET')
      } else if (at < head.prunedSeq) yield await createSnapshot('PRUNED')
    }

    while (!signal.aborted) {
      if (reset === undefined && reader.epoch !== epoch) {
        // Nothing may be emitted after a position of an earlier epoch. The feed reports it when it is reset.
        await feeds.check()
        reset ??= { reason: 'RESET', head: 0 }
      }
      if (reset !== undefined) {
        const { reason, head: continuesAfter } = reset
        reset = undefined
        if (reason === 'RESET' || at < continuesAfter) {
          buffer = []
          newestSeq = 0
          yield await createSnapshot(reason)
        }
      }
      // Buffered before the epoch changed, while the position is of the new one.
      if (attachment.isFormer) buffer = []
      while (buffer[0] !== undefined && buffer[0].seq <= at) buffer.shift()
      const next = buffer[0]
      if (next?.seq === at + 1) {
        buffer.shift()
        at = next.seq
        yield { is: 'event', event: next }
        if (isLast(next)) return
      } else if (end !== null && at >= end) return
      else if (newestSeq > at) {
        const recentEvents = attachment.recent(at)
        const { events, epoch: pageEpoch } =
          recentEvents === null ? await reader.read(topic, at, pageSize) : { events: recentEvents, epoch }
        if (pageEpoch !== undefined && pageEpoch !== epoch) {
          // The log was failed over or restored: other events follow the position than before.
          await readHead()
          continue
        }
        if (events[0]?.seq !== at + 1) {
          // The event was pruned or never existed: the database has the answer.
          newestSeq = 0
          const { prunedSeq } = await readHead()
          if (at < prunedSeq || (events[0] !== undefined && newestSeq > at)) yield await createSnapshot('PRUNED')
          continue
        }
        for (const event of events) {
          if (signal.aborted) return
          // By now the page may belong to an earlier epoch of the log.
          if (reset !== undefined || reader.epoch !== epoch || event.seq !== at + 1) break
          at = event.seq
          yield { is: 'event', event }
          if (isLast(event)) return
        }
      } else if (onCaughtUp?.(at) === true) return
      else await wakeUp.wait()
    }
  } finally {
    attachment.detach()
  }
}

function notFound(topic: string): TidingsError {
  return new TidingsError('NOT_FOUND', `There is no topic "${topic}"`)
}
