import { TidingsError } from '../errors.ts'
import { formatCursor } from '../log/cursor.ts'
import type { LogEvent } from '../log/event.ts'
import type { Feeds } from '../log/feed.ts'
import { type Followed, follow, type SnapshotReason } from '../log/follow.ts'
import type { LogReader } from '../log/read.ts'
import { compact } from './budget.ts'
import type { StartingPoint } from './field.ts'
import { createBatch } from './frames.ts'
import type { Group, Member } from './group.ts'
import type { Seat, Sent } from './outlet.ts'
import type { Turn } from './turn.ts'

/** One subscription on its way from its cursor into its group, and again whenever it falls behind. */
export interface Subscriber {
  start(): void
  /** Takes effect at once; nothing is called back afterwards. */
  leave(): void
}

/** What was served to whom, since the start. */
export interface LiveCounters {
  /** Executions of events, for however many subscribers. */
  executed: number
  /** Of those, by graphql-js, because they were not plain. */
  interpreted: number
  /** Times that a reader fell behind what its budget holds. */
  lagged: number
  /** Times that what a reader missed was summed up in a snapshot. */
  summarised: number
  /** Readers that were asked to come back, because nothing moved. */
  givenUp: number
  /** What was handed to the readers of each transport: events and snapshots, and their bytes with frames. */
  readonly ws: Sent
  readonly sse: Sent
}

/** Payloads of one who catches up leave together up to this size. */
const maxOwnBytes = 32_768
/** What a lagging reader missed is put together event by event up to so many; more is summed up. */
const maxCompacted = 500

/**
 * Creates a subscriber. Where it stands is the seq of what was written last; from there it catches up by {@link follow} until
 * nothing more is known of the topic, and in that same moment joins the group, which hands it what comes after. The group
 * lets go of it when its reader is full; then it waits, and catches up from where it stands: the log is its buffer.
 *
 * @param options.maxBytes - of what a lagging reader is sent event by event
 * @param options.onEnd - called once: the topic is over, or failed
 */
export function createSubscriber<S>(options: {
  readonly log: { readonly reader: LogReader; readonly feeds: Feeds }
  readonly group: Group<S>
  readonly start: StartingPoint
  readonly seat: Seat
  readonly turn: Turn
  readonly counters: LiveCounters
  readonly maxBytes: number
  readonly onEnd: (failure?: { readonly error: unknown }) => void
}): Subscriber {
  const { log, group, start, seat, turn, counters, maxBytes, onEnd } = options
  const { topic } = group
  let isOver = false
  /** Where it stands; undefined as long as nothing was written. */
  let at: number | undefined
  let following: AsyncIterableIterator<Followed<S>, undefined> | undefined
  let own: { readonly payload: Buffer; readonly seq: number }[] = []
  let ownBytes = 0
  let isFull = false
  /** It fell out of its group: what it missed is merged. One who reads a long history gets all of it, however slowly. */
  let isLagging = false
  let resetsSeen = 0

  const finish = (failure?: { readonly error: unknown }): void => {
    if (isOver) return
    isOver = true
    onEnd(failure)
  }
  const fallBehind = (): void => {
    at = member.at
    isLagging = true
    resetsSeen = group.resets.count
    void run(serveLagging)
  }
  const member: Member = {
    ...seat,
    at: 0,
    onFull: fallBehind,
    onEnd: () => finish(),
    onReset(reason) {
      at = member.at
      void run(() => summarise(reason))
    },
    onFailure: (error) => finish({ error }),
  }

  const place = (): StartingPoint =>
    at === undefined ? start : { after: formatCursor(log.reader.epoch, topic.topic, at) }
  const followFrom = (onCaughtUp: (seq: number) => boolean): AsyncIterableIterator<Followed<S>, undefined> => {
    following = follow(log, {
      ...place(),
      topic: topic.topic,
      snapshot: topic.snapshot,
      isLast: topic.isLast,
      onCaughtUp,
    })
    return following
  }

  /** Writes what was put together; false when the reader is full, and then none of it counts. */
  const flushOwn = (): boolean => {
    const last = own.at(-1)
    if (last === undefined || isOver) return !isFull
    // Once full, nothing more of this round may be written: it would leave out what was dropped.
    isFull ||= seat.outlet.isFull(ownBytes)
    if (!isFull) {
      seat.outlet.write(createBatch(own.map(({ payload }) => payload)), seat.stamp)
      at = last.seq
    }
    own = []
    ownBytes = 0
    return !isFull
  }
  const add = async (followed: Followed<S>): Promise<boolean> => {
    const rendered = group.render(followed)
    const payload = Buffer.isBuffer(rendered) ? rendered : await rendered
    if (isOver || isFull) return false
    const seq = followed.is === 'event' ? followed.event.seq : followed.seq
    if (own.push({ payload, seq }) === 1)
      turn.schedule(() => {
        flushOwn()
      })
    ownBytes += payload.length
    return ownBytes < maxOwnBytes ? !isFull : flushOwn()
  }

  /** Hands on what is in the log, and joins the group when that is all. */
  const catchUp = async (): Promise<'joined' | 'ended' | 'full'> => {
    isFull = false
    let isJoined = false
    for await (const followed of followFrom((seq) => {
      if (!flushOwn()) return true
      member.at = seq
      isJoined = group.join(member)
      if (isJoined) isLagging = false
      return isJoined
    }))
      if (!(await add(followed))) break
    following = undefined
    if (isJoined) return 'joined'
    if (isFull || !flushOwn()) return 'full'
    return 'ended'
  }

  const summarise = async (reason: SnapshotReason): Promise<void> => {
    const taken = await topic.snapshot()
    if (taken === null) throw new TidingsError('NOT_FOUND', `There is no topic "${topic.topic}"`)
    const payload = await group.render({ is: 'snapshot', reason, ...taken })
    if (isOver) return
    counters.summarised++
    seat.outlet.write(createBatch([payload]), seat.stamp)
    at = taken.seq
  }

  /** What followed where it stands, as far as the log has it now; null when that is too much, or not to be had. */
  const readMissed = async (): Promise<readonly LogEvent[] | null> => {
    const events: LogEvent[] = []
    for await (const followed of followFrom(() => true)) {
      if (followed.is === 'snapshot' || events.length === maxCompacted) return null
      events.push(followed.event)
    }
    return events
  }
  const serveLagging = async (): Promise<void> => {
    counters.lagged++
    await new Promise<void>((resolve) => seat.outlet.drained(resolve))
    if (isOver) return
    if (group.resets.count !== resetsSeen) return summarise(group.resets.reason)
    // Nothing of it was written yet: it begins anew.
    if (at === undefined) return
    const missed = await readMissed()
    if (isOver) return
    if (missed === null) return summarise('LAGGED')
    const payloads: Buffer[] = []
    let bytes = 0
    for (const event of compact(missed, topic)) {
      const payload = await group.render({ is: 'event', event })
      bytes += payload.length
      if (bytes > maxBytes) return summarise('LAGGED')
      payloads.push(payload)
    }
    const last = missed.at(-1)
    if (isOver || last === undefined) return
    seat.outlet.write(createBatch(payloads), seat.stamp)
    at = last.seq
  }

  const run = async (first?: () => Promise<void>): Promise<void> => {
    try {
      if (first === undefined) await group.opened
      else await first()
      while (!isOver) {
        const outcome = await catchUp()
        if (outcome === 'joined') return
        if (outcome === 'ended') return finish()
        resetsSeen = group.resets.count
        if (isLagging) await serveLagging()
        else await new Promise<void>((resolve) => seat.outlet.drained(resolve))
      }
    } catch (error) {
      finish({ error })
    }
  }

  return {
    start() {
      if (!isOver) void run()
    },
    leave() {
      if (isOver) return
      isOver = true
      group.leave(member)
      // Its `return()` takes effect at once, wherever it waits.
      void following?.return?.()
    },
  }
}
