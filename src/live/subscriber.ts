import { retryTransient } from '../db/retry.ts'
import { TidingsError } from '../errors.ts'
import { formatCursor } from '../log/cursor.ts'
import type { LogEvent } from '../log/event.ts'
import type { Feeds } from '../log/feed.ts'
import { type Followed, follow, type SnapshotReason, snapshotRetryMs } from '../log/follow.ts'
import type { LogReader } from '../log/read.ts'
import { compact } from './budget.ts'
import type { Guard, StartingPoint } from './field.ts'
import { createBatch, createPayload, type Payload } from './frames.ts'
import type { Group, Member } from './group.ts'
import type { Seat, Sent, Served } from './outlet.ts'
import type { Turn } from './turn.ts'

/** One subscription on its way from its cursor into its group, and again whenever it falls behind. */
export interface Subscriber {
  start(): void
  /** Takes effect at once; it is not told of its end afterwards. */
  leave(): void
}

/**
 * Marks the payload of an event that stands for the events since `follows` as well, so that its client does not take the
 * numbers between for lost events. See "Classes of event" in docs/protocol.md.
 */
function markMerged({ text, cursor }: Payload, follows: number): Payload {
  return createPayload(`${text.slice(0, -1)},"extensions":{"tidings":{"follows":${follows}}}}`, cursor)
}

/** Who is told that a subscription has ended by itself. */
export interface Ending {
  /** Called once at most: the topic is over, or failed. */
  end(failure?: { readonly error: unknown }): void
}

/** A group, and how many count on it. */
export interface Entry {
  readonly key: string
  readonly group: Group<unknown>
  users: number
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
  /** Sockets that were found corked after a turn had ended: stays zero. */
  leftCorked: number
  /** What was handed to the readers of each transport: events and snapshots, and their bytes with frames. */
  readonly ws: Sent
  readonly sse: Sent
}

/** Payloads of one who catches up leave together up to this size. */
const maxOwnBytes = 32_768
/** What a lagging reader missed is put together event by event up to so many; more is summed up. */
const maxCompacted = 500

/** What subscribers of one process share. */
export interface Delivery {
  readonly log: { readonly reader: LogReader; readonly feeds: Feeds }
  readonly turn: Turn
  readonly counters: LiveCounters
  /** Of what a lagging reader is sent event by event. */
  readonly maxBytes: number
  /** One subscriber of a group is gone. */
  readonly exit: (entry: Entry) => void
}

/**
 * Creates a subscriber. Where it stands is the seq of what was written last; from there it catches up by {@link follow} until
 * nothing more is known of the topic, and in that same moment joins the group, which hands it what comes after. The group
 * lets go of it when its reader is full; then it waits, and catches up from where it stands: the log is its buffer.
 *
 * @param options.guard - begins with the subscription; may end it with an error
 * @param options.onOver - called once, when it is over, however
 */
export function createSubscriber(options: {
  readonly delivery: Delivery
  readonly entry: Entry
  readonly start: StartingPoint
  readonly seat: Seat
  readonly guard: Guard | undefined
  readonly ending: Ending
  readonly onOver: () => void
}): Subscriber {
  const subscriber = new GroupSubscriber(options)
  const later = options.seat.outlet.opened(subscriber)
  if (later === undefined) return subscriber
  subscriber.leave()
  return { start: () => undefined, leave: () => later.leave() }
}

/** Payloads of one who catches up, on their way. */
interface Own {
  readonly payloads: { readonly payload: Payload; readonly seq: number }[]
  bytes: number
}

/**
 * A class, against the custom of the house: there are thousands, nearly all of which just stand in their group, and functions of each
 * one's own weigh more than a kilobyte.
 */
class GroupSubscriber implements Subscriber, Member, Served {
  readonly outlet: Seat['outlet']
  readonly stamp: Seat['stamp']
  readonly number: number
  at = 0
  /** The life of the log that `at` belongs to. A group says when another one begins; whoever is in none would not hear of it. */
  #epoch = ''
  readonly #delivery: Delivery
  readonly #entry: Entry
  readonly #start: StartingPoint
  readonly #ending: Ending
  readonly #onOver: () => void
  #guard: Guard | undefined
  #unguard: (() => void) | undefined
  #isOver = false
  /** Something was written: it stands at `at`. */
  #stands = false
  #isFull = false
  /** It fell out of its group: what it missed is merged. One who reads a long history gets all of it, however slowly. */
  #isLagging = false
  #resetsSeen = 0
  #following: AsyncIterableIterator<Followed<unknown>, undefined> | undefined
  #own: Own | undefined

  constructor({ delivery, entry, start, seat, guard, ending, onOver }: Parameters<typeof createSubscriber>[0]) {
    this.outlet = seat.outlet
    this.stamp = seat.stamp
    this.number = seat.number
    this.#delivery = delivery
    this.#entry = entry
    this.#start = start
    this.#guard = guard
    this.#ending = ending
    this.#onOver = onOver
  }

  start(): void {
    if (this.#isOver) return
    if (this.#guard !== undefined) this.#beginGuard(this.#guard)
    if (!this.#isOver) void this.#run()
  }

  leave(): void {
    if (this.#isOver) return
    this.#getOut()
    this.#group.leave(this)
    // Its `return()` takes effect at once, wherever it waits.
    void this.#following?.return?.()
  }

  onFull(): void {
    this.#stands = true
    this.#isLagging = true
    this.#resetsSeen = this.#group.resets.count
    void this.#run(() => this.#serveLagging())
  }

  onEnd(): void {
    this.#finish()
  }

  onReset(reason: 'PRUNED' | 'RESET'): void {
    this.#stands = true
    void this.#run(() => this.#summarise(reason))
  }

  onFailure(error: unknown): void {
    this.#finish({ error })
  }

  get #group(): Group<unknown> {
    return this.#entry.group
  }

  #beginGuard(guard: Guard): void {
    this.#guard = undefined
    const unguard = guard((error) => {
      if (this.#isOver) return
      this.leave()
      this.#ending.end({ error })
    })
    // It may have revoked at once.
    if (this.#isOver) unguard()
    else this.#unguard = unguard
  }

  #getOut(): void {
    this.#isOver = true
    this.#unguard?.()
    this.outlet.closed(this)
    this.#delivery.exit(this.#entry)
    this.#onOver()
  }

  #finish(failure?: { readonly error: unknown }): void {
    if (this.#isOver) return
    this.#getOut()
    this.#ending.end(failure)
  }

  #write(payloads: readonly Payload[], seq: number): void {
    this.outlet.write(createBatch(payloads), this.stamp)
    this.at = seq
    this.#epoch = this.#delivery.log.reader.epoch
    this.#stands = true
  }

  #follow(onCaughtUp: (seq: number) => boolean): AsyncIterableIterator<Followed<unknown>, undefined> {
    const { topic, snapshot, isLast } = this.#group.topic
    const from = this.#stands ? { after: formatCursor(this.#epoch, topic, this.at) } : this.#start
    this.#following = follow(this.#delivery.log, { ...from, topic, snapshot, isLast, onCaughtUp })
    return this.#following
  }

  /** Writes what was put together; false when the reader is full, and then none of it counts. */
  #flushOwn(): boolean {
    const own = this.#own
    const last = own?.payloads.at(-1)
    if (own === undefined || last === undefined || this.#isOver) return !this.#isFull
    this.#own = undefined
    // Once full, nothing more of this round may be written: it would leave out what was dropped.
    this.#isFull ||= this.outlet.isFull(own.bytes)
    if (!this.#isFull)
      this.#write(
        own.payloads.map(({ payload }) => payload),
        last.seq,
      )
    return !this.#isFull
  }

  async #add(followed: Followed<unknown>): Promise<boolean> {
    const rendered = this.#group.render(followed)
    const payload = rendered instanceof Promise ? await rendered : rendered
    if (this.#isOver || this.#isFull) return false
    const seq = followed.is === 'event' ? followed.event.seq : followed.seq
    if (this.#own === undefined) {
      this.#own = { payloads: [], bytes: 0 }
      this.#delivery.turn.schedule(() => {
        this.#flushOwn()
      })
    }
    this.#own.payloads.push({ payload, seq })
    this.#own.bytes += payload.bytes
    return this.#own.bytes < maxOwnBytes ? !this.#isFull : this.#flushOwn()
  }

  /** Hands on what is in the log, and joins the group when that is all. */
  async #catchUp(): Promise<'joined' | 'ended' | 'full'> {
    this.#isFull = false
    let isJoined = false
    for await (const followed of this.#follow((seq) => {
      if (!this.#flushOwn()) return true
      this.at = seq
      this.#epoch = this.#delivery.log.reader.epoch
      this.#stands = true
      isJoined = this.#group.join(this)
      if (isJoined) {
        this.#isLagging = false
        this.outlet.caughtUp?.()
      }
      return isJoined
    }))
      if (!(await this.#add(followed))) break
    this.#following = undefined
    if (isJoined) return 'joined'
    if (this.#isFull || !this.#flushOwn()) return 'full'
    return 'ended'
  }

  async #summarise(reason: SnapshotReason): Promise<void> {
    const { topic, snapshot } = this.#group.topic
    const taken = await retryTransient(snapshotRetryMs, snapshot)
    if (taken === null) throw new TidingsError('NOT_FOUND', `There is no topic "${topic}"`)
    const payload = await this.#group.render({ is: 'snapshot', reason, ...taken })
    if (this.#isOver) return
    this.#delivery.counters.summarised++
    this.#write([payload], taken.seq)
  }

  /** What followed where it stands, as far as the log has it now; null when that is too much, or not to be had. */
  async #readMissed(): Promise<readonly LogEvent[] | null> {
    const events: LogEvent[] = []
    for await (const followed of this.#follow(() => true)) {
      if (followed.is === 'snapshot' || events.length === maxCompacted) return null
      events.push(followed.event)
    }
    return events
  }

  async #serveLagging(): Promise<void> {
    const { counters, maxBytes } = this.#delivery
    const group = this.#group
    counters.lagged++
    await this.#drained()
    if (this.#isOver) return
    if (group.resets.count !== this.#resetsSeen) return this.#summarise(group.resets.reason)
    // Nothing of it was written yet: it begins anew.
    if (!this.#stands) return
    const missed = await this.#readMissed()
    if (this.#isOver) return
    if (missed === null) return this.#summarise('LAGGED')
    const payloads: Payload[] = []
    let bytes = 0
    let previous = this.at
    for (const event of compact(missed, group.topic)) {
      const rendered = await group.render({ is: 'event', event })
      const payload = event.seq === previous + 1 ? rendered : markMerged(rendered, previous)
      previous = event.seq
      bytes += payload.bytes
      if (bytes > maxBytes) return this.#summarise('LAGGED')
      payloads.push(payload)
    }
    const last = missed.at(-1)
    if (this.#isOver || last === undefined) return
    this.#write(payloads, last.seq)
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.outlet.drained(resolve))
  }

  async #run(first?: () => Promise<void>): Promise<void> {
    try {
      if (first === undefined) await this.#group.opened
      else await first()
      while (!this.#isOver) {
        const outcome = await this.#catchUp()
        if (outcome === 'joined') return
        if (outcome === 'ended') return this.#finish()
        this.#resetsSeen = this.#group.resets.count
        if (this.#isLagging) await this.#serveLagging()
        else await this.#drained()
      }
    } catch (error) {
      this.#finish({ error })
    }
  }
}
