import type { EndOfTurn } from '../../async/end-of-turn.ts'
import { retryTransient } from '../../db/retry.ts'
import { TidingsError } from '../../errors.ts'
import type { LogEvent } from '../../log/event.ts'
import type { Feeds } from '../../log/feed.ts'
import { type FirstSnapshot, follow, type SnapshotReason, snapshotRetryMs, type TopicUpdate } from '../../log/follow.ts'
import type { LogReader } from '../../log/read.ts'
import type { Guard, StartingPoint } from '../execute/topic-field.ts'
import { compact } from './compaction.ts'
import { addMarks, createPayloadBatch, type Payload } from './frames.ts'
import type { Group, Member } from './group.ts'
import type { Sent, ServedOperation, SinkOperation } from './sink.ts'

/**
 * Serves one subscription: reads from its cursor until it can join its group, and again whenever it
 * falls behind.
 */
export interface Subscriber {
  start(): void
  /** Takes effect at once; the subscriber does not report its end afterwards. */
  leave(): void
}

/** Receives the end of a subscription that ends by itself. */
export interface Ending {
  /** Called at most once: the topic has ended or failed. */
  end(failure?: { readonly error: unknown }): void
}

/** A group and the number of its users. */
export interface Entry {
  readonly key: string
  readonly group: Group<unknown>
  users: number
}

/** Delivery statistics since the start. */
export interface LiveCounters {
  /** Executions of events, regardless of the number of subscribers. */
  executed: number
  /** Of these, executions by graphql-js, because the compiled execution was not applicable. */
  interpreted: number
  /** Number of times a subscriber exceeded its budget. */
  lagged: number
  /** Number of times the missed events of a subscriber were replaced by a snapshot. */
  summarised: number
  /** Connections closed because the client stopped reading; it reconnects. */
  givenUp: number
  /** Sockets found corked after the end of a turn: stays 0. */
  leftCorked: number
  /** Payloads written per transport: events and snapshots, and their bytes including frames. */
  readonly ws: Sent
  readonly sse: Sent
  readonly polling: Sent
}

/** Maximum size of a batch of payloads for a late subscriber. */
const maxOwnBytes = 32_768
/**
 * Maximum number of missed events to compact for a slow subscriber; more are replaced by a
 * snapshot.
 */
const maxCompacted = 500

/** Dependencies shared by the subscribers of one process. */
interface Delivery {
  readonly log: { readonly reader: LogReader; readonly feeds: Feeds }
  readonly turn: EndOfTurn
  readonly counters: LiveCounters
  /** Maximum size of the compacted events sent to a slow subscriber. */
  readonly maxBytes: number
  /** Called when a subscriber has left the group. */
  readonly exit: (entry: Entry) => void
}

/**
 * Creates a subscriber. Its position is the seq of the last item written; from there it catches up
 * with {@link follow} until no further events of the topic are known, and at that very moment joins
 * the group, which delivers the following events. The group removes the subscriber when its
 * connection is full; it then waits for the connection to drain and catches up from its position:
 * the log is its buffer.
 *
 * @param options.isCatchUp - whether the subscription completes when it has caught up, instead of
 * joining the group
 * @param options.guard - starts with the subscription; may end it with an error
 * @param options.firstSnapshot - sent first, unless the subscriber starts elsewhere; read from the database by default
 * @param options.onOver - called once, when the subscription has ended for any reason
 */
export function createSubscriber(options: {
  readonly delivery: Delivery
  readonly entry: Entry
  readonly start: StartingPoint
  readonly isCatchUp: boolean
  readonly sinkOperation: SinkOperation
  readonly guard?: Guard | undefined
  readonly firstSnapshot?: FirstSnapshot<unknown> | undefined
  readonly ending: Ending
  readonly onOver: () => void
}): Subscriber {
  const subscriber = new GroupSubscriber(options)
  const later = options.sinkOperation.sink.opened(subscriber)
  if (later === undefined) return subscriber
  subscriber.leave()
  return { start: () => undefined, leave: () => later.leave() }
}

/** The payloads of a late subscriber that are not written yet. */
interface Own {
  readonly payloads: { readonly payload: Payload; readonly seq: number }[]
  bytes: number
}

/**
 * A class rather than a closure: saves more than 1 KB per instance, and there are thousands, nearly
 * all of which are idle members of their group.
 */
class GroupSubscriber implements Subscriber, Member, ServedOperation {
  readonly sink: SinkOperation['sink']
  readonly operationId: SinkOperation['operationId']
  readonly number: number
  at = 0
  /**
   * The epoch of the log that `at` belongs to. A group reports a new epoch only to its members, so
   * a subscriber outside of one would not notice it.
   */
  #epoch = ''
  readonly #delivery: Delivery
  readonly #entry: Entry
  readonly #start: StartingPoint
  readonly #isCatchUp: boolean
  readonly #ending: Ending
  readonly #onOver: () => void
  #guard: Guard | undefined
  /** Dropped when it is used: the state of a topic may be large. */
  #firstSnapshot: FirstSnapshot<unknown> | undefined
  #unguard: (() => void) | undefined
  #isOver = false
  /** Whether something has been written, so that `at` is its position. */
  #stands = false
  #isFull = false
  /**
   * Whether the group removed this subscriber because it was slow: the events it missed are
   * compacted. A subscriber that reads a long history receives all of it, however slowly.
   */
  #isLagging = false
  #following: AsyncIterableIterator<TopicUpdate<unknown>, undefined> | undefined
  #own: Own | undefined

  constructor({
    delivery,
    entry,
    start,
    isCatchUp,
    sinkOperation,
    guard,
    firstSnapshot,
    ending,
    onOver,
  }: Parameters<typeof createSubscriber>[0]) {
    this.sink = sinkOperation.sink
    this.operationId = sinkOperation.operationId
    this.number = sinkOperation.number
    this.#delivery = delivery
    this.#entry = entry
    this.#start = start
    this.#isCatchUp = isCatchUp
    this.#guard = guard
    this.#firstSnapshot = firstSnapshot
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
    // `return()` of the iterator takes effect at once, even while it waits.
    void this.#following?.return?.()
  }

  onFull(): void {
    this.#stands = true
    this.#isLagging = true
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
    // The guard may have revoked synchronously.
    if (this.#isOver) unguard()
    else this.#unguard = unguard
  }

  #getOut(): void {
    this.#isOver = true
    this.#unguard?.()
    this.sink.closed(this)
    this.#delivery.exit(this.#entry)
    this.#onOver()
  }

  #finish(failure?: { readonly error: unknown }): void {
    if (this.#isOver) return
    this.#getOut()
    this.#ending.end(failure)
  }

  #write(payloads: readonly Payload[], seq: number): void {
    this.sink.write(createPayloadBatch(payloads), this.operationId)
    this.at = seq
    this.#epoch = this.#delivery.log.reader.epoch
    this.#stands = true
  }

  #follow(onCaughtUp: (seq: number) => boolean): AsyncIterableIterator<TopicUpdate<unknown>, undefined> {
    const { topic, snapshot, isLast } = this.#group.topic
    const from = this.#stands ? { after: { epoch: this.#epoch, seq: this.at } } : this.#start
    const firstSnapshot = this.#firstSnapshot
    this.#firstSnapshot = undefined
    this.#following = follow(this.#delivery.log, { ...from, topic, snapshot, firstSnapshot, isLast, onCaughtUp })
    return this.#following
  }

  /**
   * Writes the collected payloads; returns false if the connection is full, in which case none of
   * them counts as written.
   */
  #flushOwn(): boolean {
    const own = this.#own
    const last = own?.payloads.at(-1)
    if (own === undefined || last === undefined || this.#isOver) return !this.#isFull
    this.#own = undefined
    // Once full, nothing more of this round may be written: the dropped payloads would be missing
    // in between.
    this.#isFull ||= this.sink.isFull(own.bytes)
    if (!this.#isFull)
      this.#write(
        own.payloads.map(({ payload }) => payload),
        last.seq,
      )
    return !this.#isFull
  }

  async #add(update: TopicUpdate<unknown>): Promise<boolean> {
    const execution = this.#group.execute(update)
    const payload = execution instanceof Promise ? await execution : execution
    if (this.#isOver || this.#isFull) return false
    const seq = update.is === 'event' ? update.event.seq : update.seq
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

  /** Writes the events of the log and joins the group once there are no more. */
  async #catchUp(): Promise<'joined' | 'ended' | 'full'> {
    this.#isFull = false
    let isJoined = false
    let isCaughtUp = false
    for await (const update of this.#follow((seq) => {
      if (!this.#flushOwn()) return true
      this.at = seq
      this.#epoch = this.#delivery.log.reader.epoch
      this.#stands = true
      isCaughtUp = true
      if (!this.#isCatchUp) isJoined = this.#group.join(this)
      if (isJoined) this.#isLagging = false
      if (isJoined || this.#isCatchUp) this.sink.caughtUp?.()
      return isJoined || this.#isCatchUp
    }))
      if (!(await this.#add(update))) break
    this.#following = undefined
    if (isJoined) return 'joined'
    if (this.#isFull || !this.#flushOwn()) return 'full'
    if (isCaughtUp) await this.#writeEphemeral()
    return 'ended'
  }

  /** Writes the ephemeral event that is valid where a subscriber ends that has caught up. */
  async #writeEphemeral(): Promise<void> {
    const payload = await this.#group.readEphemeral(this.at)
    if (payload !== undefined && !this.#isOver) this.sink.write(createPayloadBatch([payload]), this.operationId)
  }

  async #summarise(reason: SnapshotReason): Promise<void> {
    const { topic, snapshot } = this.#group.topic
    const result = await retryTransient(snapshotRetryMs, snapshot)
    if (result === null) throw new TidingsError('NOT_FOUND', `There is no topic "${topic}"`)
    const head = await this.#delivery.log.reader.head(topic)
    const isLast = head?.closed === true && head.seq <= result.seq
    const payload = await this.#group.execute({ is: 'snapshot', reason, ...result, isLast })
    if (this.#isOver) return
    this.#delivery.counters.summarised++
    this.#write([payload], result.seq)
  }

  /**
   * Reads the events after its position that the log has now. Returns the reason for a snapshot
   * instead if there are too many, or they are not available.
   */
  async #readMissed(): Promise<readonly LogEvent[] | SnapshotReason> {
    const events: LogEvent[] = []
    for await (const update of this.#follow(() => true)) {
      if (update.is === 'snapshot') return update.reason
      if (events.length === maxCompacted) return 'LAGGED'
      events.push(update.event)
    }
    return events
  }

  async #serveLagging(): Promise<void> {
    const { counters, maxBytes } = this.#delivery
    const group = this.#group
    counters.lagged++
    await this.#drained()
    if (this.#isOver) return
    // Nothing was written yet: catches up from the original starting point.
    if (!this.#stands) return
    const missed = await this.#readMissed()
    if (this.#isOver) return
    if (typeof missed === 'string') return this.#summarise(missed)
    const payloads: Payload[] = []
    let bytes = 0
    let previous = this.at
    for (const event of compact(missed, group.topic)) {
      const executed = await group.execute({ is: 'event', event })
      // The client would take the missing seqs for lost events.
      const payload = event.seq === previous + 1 ? executed : addMarks(executed, { follows: previous })
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
    return new Promise((resolve) => this.sink.drained(resolve))
  }

  async #run(first?: () => Promise<void>): Promise<void> {
    try {
      if (first === undefined) await this.#group.opened
      else await first()
      while (!this.#isOver) {
        const outcome = await this.#catchUp()
        if (outcome === 'joined') return
        if (outcome === 'ended') return this.#finish()
        if (this.#isLagging) await this.#serveLagging()
        else await this.#drained()
      }
    } catch (error) {
      this.#finish({ error })
    }
  }
}
