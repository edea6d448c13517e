import type { EndOfTurn } from '../../async/end-of-turn.ts'
import type { LogEvent } from '../../log/event.ts'
import type { Attachment, FeedListener, Feeds } from '../../log/feed.ts'
import type { TopicUpdate } from '../../log/follow.ts'
import type { Span, Tracing } from '../../tracing/tracing.ts'
import type { OpenedTopic } from '../execute/topic-field.ts'
import { createEphemeralEvents, type EphemeralEvents, type EphemeralGroup } from './ephemeral.ts'
import { createPayloadBatch, type Marks, type Payload, type PayloadBatch } from './frames.ts'
import {
  attempt,
  type ExecuteEvent,
  executeOnce,
  isReady,
  type PayloadCache,
  type PayloadOrPromise,
} from './payload-execution.ts'
import type { SinkOperation } from './sink.ts'

/**
 * A subscriber as seen by its group, which writes every event after `at` to it. The group removes a
 * member before it calls any of these methods.
 */
export interface Member extends SinkOperation {
  /** The seq of the last item written. Set by the group while the subscriber is a member. */
  at: number
  /** Called when the subscriber is too slow: nothing after `at` was written. */
  onFull(): void
  /** Called when the topic has ended and its last event was written. */
  onEnd(): void
  /** Called when the next events cannot be delivered. */
  onReset(reason: 'PRUNED' | 'RESET'): void
  onFailure(error: unknown): void
}

/** A subscription group: each event is executed and serialized once for all its members. */
export interface Group<S> {
  readonly topic: OpenedTopic<S>
  /** Settles when the group receives events; rejects if attaching to the feed failed. */
  readonly opened: Promise<void>
  /**
   * Adds a member that has received everything up to `member.at`: the following events will be
   * written to it, in order and each exactly once.
   *
   * @returns false if events after `member.at` have already been written to the other members
   */
  join(member: Member): boolean
  leave(member: Member): void
  /** Executes one event for a late subscriber. Concurrent late subscribers share it. */
  execute(update: TopicUpdate<S>): PayloadOrPromise
  /** Renders the ephemeral event that is valid now, at this seq; undefined if there is none. */
  readEphemeral(seq: number): Promise<Payload | undefined>
  close(): void
}

interface PendingPayload {
  readonly seq: number
  readonly isTransient: boolean
  readonly isLast: boolean
  readonly payload: Payload
  /** Covers the time from the event's arrival to its last delivery; only for traced events. */
  readonly span: Span | undefined
}

/**
 * Larger batches are split, so that a stalled connection is detected before it holds more than its
 * budget.
 */
const maxBatchBytes = 65_536

/** Dependencies shared by the groups of one process. */
interface Groups {
  readonly feeds: Feeds
  readonly payloads: PayloadCache
  readonly turn: EndOfTurn
  readonly tracing: Tracing
}

/**
 * Creates and opens the group of one topic and one function that executes events.
 *
 * @param options.isShared - false for the group of one subscriber, whose payloads nobody else may
 * receive
 */
export function createGroup<S>(options: {
  readonly groups: Groups
  readonly topic: OpenedTopic<S>
  readonly execute: ExecuteEvent
  readonly isShared: boolean
}): Group<S> {
  return new TopicGroup(options)
}

/**
 * A class rather than a closure: there may be one instance per topic, for ten thousand mostly idle
 * topics.
 */
class TopicGroup<S> implements Group<S>, FeedListener, EphemeralGroup {
  readonly topic: OpenedTopic<S>
  readonly opened: Promise<void>
  readonly #groups: Groups
  readonly #execute: ExecuteEvent
  readonly #isShared: boolean
  readonly #members = new Set<Member>()
  #pending: PendingPayload[] = []
  /** The seq up to which events have been written to the members. */
  #flushed = 0
  #head = 0
  /** Set while an asynchronous execution is pending: later payloads are queued behind it. */
  #tail: Promise<void> | undefined
  /** Incremented when the group is reset: payloads executed before are dropped. */
  #generation = 0
  #attachment: Attachment | null = null
  #isClosed = false
  readonly #ephemeral: EphemeralEvents<S> | undefined

  constructor({ groups, topic, execute, isShared }: Parameters<typeof createGroup<S>>[0]) {
    this.#groups = groups
    this.topic = topic
    this.#execute = execute
    this.#isShared = isShared
    this.#ephemeral = topic.ephemeral && createEphemeralEvents(topic.ephemeral, this)
    this.opened = this.#open()
  }

  join(member: Member): boolean {
    if (this.#attachment === null || this.#isClosed || member.at < this.#flushed) return false
    this.#members.add(member)
    this.#ephemeral?.begin()
    this.#writeEphemeral(member)
    return true
  }

  leave(member: Member): void {
    this.#members.delete(member)
  }

  execute(update: TopicUpdate<S>): PayloadOrPromise {
    const key = update.is === 'event' ? update.event : update.state
    const reason = update.is === 'event' ? '' : update.reason
    const read = (): unknown => this.topic.read(update)
    const marks = this.#marksOf(update)
    if (!this.#isShared) return attempt(this.#execute, read(), marks)
    return executeOnce(this.#groups.payloads, { key, reason, execute: this.#execute, read, marks })
  }

  async readEphemeral(seq: number): Promise<Payload | undefined> {
    return await this.#ephemeral?.read(seq)
  }

  close(): void {
    this.#isClosed = true
    this.#ephemeral?.stop()
    this.#attachment?.detach()
  }

  onEvents(events: readonly LogEvent[]): void {
    // The group may have been closed before it was open, when it could not detach yet.
    if (this.#isClosed) return
    this.#orPutOut(() => this.#take(events))
  }

  #take(events: readonly LogEvent[]): void {
    for (const event of events) {
      const update: TopicUpdate<S> = { is: 'event', event }
      const source = this.topic.read(update)
      this.#head = event.seq
      this.#ephemeral?.onUpdate(update)
      // A subscriber that joins from now on already has this event.
      if (this.#members.size === 0) continue
      const span = event.trace === undefined ? undefined : beginDelivery(this.#groups.tracing, event)
      const payload = attempt(this.#execute, source, this.#marksOf(update))
      this.#add(payload, event.seq, false, this.topic.isLast(event), span)
    }
  }

  onReset(reason: 'PRUNED' | 'RESET', head: number): void {
    this.#generation++
    this.#pending = []
    this.#flushed = head
    this.#head = head
    // A member that has received all pruned events stays.
    const members = [...this.#members].filter(({ at }) => reason === 'RESET' || at < head)
    for (const member of members) this.#members.delete(member)
    this.#ephemeral?.reset()
    for (const member of members) member.onReset(reason)
  }

  async #open(): Promise<void> {
    const attachment = await this.#groups.feeds.attach(this.topic.topic, this)
    this.#attachment = attachment
    // The topic does not exist: late subscribers receive the error when they follow it.
    if (attachment === null) return
    if (this.#isClosed) return attachment.detach()
    this.#head = Math.max(this.#head, attachment.head)
  }

  get head(): number {
    return this.#head
  }

  get isFormer(): boolean {
    return this.#attachment?.isFormer === true
  }

  executeEphemeral(source: unknown): PayloadOrPromise {
    return attempt(this.#execute, source, { kind: 'ephemeral' })
  }

  #marksOf(update: TopicUpdate<S>): Marks | undefined {
    if (update.is === 'snapshot') return { kind: 'snapshot', ...(update.isLast ? { last: true } : {}) }
    return this.topic.isLast(update.event) ? { last: true } : undefined
  }

  addEphemeral(payload: PayloadOrPromise, seq: number): void {
    if (this.#members.size > 0) this.#add(payload, seq, true, false, undefined)
  }

  isPending(payload: Payload): boolean {
    return this.#pending.some((item) => item.payload === payload)
  }

  #add(payload: PayloadOrPromise, seq: number, isTransient: boolean, isLast: boolean, span: Span | undefined): void {
    if (this.#tail === undefined && isReady(payload)) this.#push({ seq, isTransient, isLast, payload, span })
    else
      this.#addLater(Promise.resolve(payload), (readyPayload) => ({
        seq,
        isTransient,
        isLast,
        payload: readyPayload,
        span,
      }))
  }

  #addLater(payload: Promise<Payload>, toPending: (payload: Payload) => PendingPayload): void {
    const generation = this.#generation
    const ownTail: Promise<void> = (this.#tail ?? Promise.resolve())
      .then(() => payload)
      .then(
        (payload) => {
          if (generation === this.#generation && !this.#isClosed) this.#push(toPending(payload))
        },
        (error: unknown) => {
          if (generation === this.#generation) this.#fail(error)
        },
      )
      .then(() => {
        if (this.#tail === ownTail) this.#tail = undefined
      })
    this.#tail = ownTail
  }

  #fail(error: unknown): void {
    const members = [...this.#members]
    this.#members.clear()
    for (const member of members) member.onFailure(error)
  }

  /**
   * Runs a delivery step. If it throws, some members would never receive the events and their
   * streams would never end, so all members are removed. Each catches up from the log, from the
   * last item written to it, which either works or fails with an error that is reported to the
   * client.
   */
  #orPutOut(run: () => void): void {
    try {
      run()
    } catch (error) {
      const members = [...this.#members]
      this.#members.clear()
      for (const member of members) member.onFull()
      throw error
    }
  }

  #push(item: PendingPayload): void {
    if (this.#pending.push(item) === 1) this.#groups.turn.schedule(() => this.#orPutOut(() => this.#flush()))
  }

  #flush(): void {
    const items = this.#pending
    this.#pending = []
    // A member whose position is of the new epoch may have joined. All members are reset with the feed.
    if (this.isFormer) return
    let from = 0
    let bytes = 0
    for (const [index, { payload }] of items.entries()) {
      if (bytes > 0 && bytes + payload.bytes > maxBatchBytes) {
        this.#flushItems(items.slice(from, index))
        from = index
        bytes = 0
      }
      bytes += payload.bytes
    }
    this.#flushItems(from === 0 ? items : items.slice(from))
  }

  #flushItems(items: readonly PendingPayload[]): void {
    const [first] = items
    const last = items.at(-1)
    if (first === undefined || last === undefined) return
    const base = first.isTransient ? first.seq : first.seq - 1
    const batch = createPayloadBatch(items.map(({ payload }) => payload))
    const retained = this.#ephemeral?.isRetained === true ? items.findLast(({ isTransient }) => isTransient) : undefined
    const readers = this.#members.size
    for (const member of this.#members) {
      if (member.at === base) {
        this.#deliver(member, batch, last)
        continue
      }
      // The member has read further in the log than the events received here, so an ephemeral event
      // that remains valid has an older seq: it is sent again at the member's position.
      if (retained !== undefined && retained.seq < member.at) this.#writeEphemeral(member)
      const rest = items.filter(({ seq, isTransient }) => seq > member.at || (isTransient && seq === member.at))
      if (rest.length > 0) this.#deliver(member, createPayloadBatch(rest.map(({ payload }) => payload)), last)
    }
    this.#flushed = last.seq
    for (const { span } of items) span?.end({ 'tidings.readers': readers })
  }

  #deliver(member: Member, batch: PayloadBatch, last: PendingPayload): void {
    if (member.sink.isFull(batch.bytes)) {
      this.#members.delete(member)
      member.onFull()
      return
    }
    member.sink.write(batch, member.operationId)
    member.at = last.seq
    if (!last.isLast) return
    this.#members.delete(member)
    member.onEnd()
  }

  /** Writes the latest ephemeral event to a member if it is due. */
  #writeEphemeral(member: Member): void {
    const payload = this.#ephemeral?.latestFor(member.at)
    if (payload !== undefined) member.sink.write(createPayloadBatch([payload]), member.operationId)
  }
}

function beginDelivery(tracing: Tracing, { topic, seq, type, trace }: LogEvent): Span | undefined {
  const facts = { 'tidings.topic': topic, 'tidings.seq': seq, 'tidings.event': type }
  return tracing.begin('deliver', { role: 'consumer', parent: trace, facts })
}
