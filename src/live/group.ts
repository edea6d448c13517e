import type { LogEvent } from '../log/event.ts'
import type { Attachment, FeedListener, Feeds } from '../log/feed.ts'
import type { Followed } from '../log/follow.ts'
import type { Span, Tracing } from '../tracing.ts'
import type { SharedTopic } from './field.ts'
import { type Batch, createBatch, type Payload } from './frames.ts'
import type { Seat } from './outlet.ts'
import { createPassing, type Passing, type PassingGroup } from './passing.ts'
import { attempt, isReady, type Render, type Rendered, type Rendering, renderOnce } from './rendering.ts'
import type { Turn } from './turn.ts'

/** Somebody in a group: handed every event after `at`. Whatever the group calls of it, the member is out by then. */
export interface Member extends Seat {
  /** The seq of what was written last. Written by the group while the member is in it. */
  at: number
  /** The reader is behind: nothing after `at` was written. */
  onFull(): void
  /** The topic is over, and its last event written. */
  onEnd(): void
  /** What was to follow cannot be had. */
  onReset(reason: 'PRUNED' | 'RESET'): void
  onFailure(error: unknown): void
}

/** Those who see the same of a topic in the same way: each event is executed and serialised once for all of them. */
export interface Group<S> {
  readonly topic: SharedTopic<S>
  /** Settled when events come in; rejected when the feed cannot be had. */
  readonly opened: Promise<void>
  /** How often what was to follow could not be had, and why the last time. */
  readonly resets: { readonly count: number; readonly reason: 'PRUNED' | 'RESET' }
  /**
   * Takes a member in that has everything up to `member.at`: what follows will be written to it, in order, each event once.
   * @returns false when events after `member.at` have been written to the others already
   */
  join(member: Member): boolean
  leave(member: Member): void
  /** One payload, for somebody who catches up. Those who catch up at the same time share it. */
  render(followed: Followed<S>): Rendering
  close(): void
}

interface Item {
  readonly seq: number
  readonly isPassing: boolean
  readonly isLast: boolean
  readonly payload: Payload
  /** From the event's arrival to its last reader; only of traced events. */
  readonly span: Span | undefined
}

/** Larger batches are cut, so that a reader who stands still is noticed before it holds more than its budget. */
const maxBatchBytes = 65_536

/** What the groups of one process have in common. */
export interface Groups {
  readonly feeds: Feeds
  readonly rendered: Rendered
  readonly turn: Turn
  readonly tracing: Tracing
}

/** Creates the group of one topic and one way of looking at it, and opens it. */
export function createGroup<S>(options: {
  readonly groups: Groups
  readonly topic: SharedTopic<S>
  readonly render: Render
}): Group<S> {
  return new TopicGroup(options)
}

/** A class, against the custom of the house: there may be one for each of ten thousand topics, most of which sleep. */
class TopicGroup<S> implements Group<S>, FeedListener, PassingGroup {
  readonly topic: SharedTopic<S>
  readonly opened: Promise<void>
  readonly resets = { count: 0, reason: 'PRUNED' as 'PRUNED' | 'RESET' }
  readonly #groups: Groups
  readonly #render: Render
  readonly #reader: ReturnType<SharedTopic<S>['createReader']>
  readonly #members = new Set<Member>()
  #pending: Item[] = []
  /** The seq up to which members have been written to. */
  #flushed = 0
  #head = 0
  /** Set while an execution has to wait for something: what comes later waits for its turn. */
  #tail: Promise<void> | undefined
  #attachment: Attachment | null = null
  #isClosed = false
  readonly #passing: Passing<S> | undefined

  constructor({ groups, topic, render }: Parameters<typeof createGroup<S>>[0]) {
    this.#groups = groups
    this.topic = topic
    this.#render = render
    this.#reader = topic.createReader()
    this.#passing = topic.passing && createPassing(topic.passing, this)
    this.opened = this.#open()
  }

  join(member: Member): boolean {
    if (this.#attachment === null || this.#isClosed || member.at < this.#flushed) return false
    this.#members.add(member)
    this.#tellPassing(member)
    return true
  }

  leave(member: Member): void {
    this.#members.delete(member)
  }

  render(followed: Followed<S>): Rendering {
    const key = followed.is === 'event' ? followed.event : followed.state
    const reason = followed.is === 'event' ? '' : followed.reason
    const read = (): unknown => this.topic.createReader().read(followed)
    return renderOnce(this.#groups.rendered, { key, reason, render: this.#render, read })
  }

  close(): void {
    this.#isClosed = true
    this.#passing?.stop()
    this.#attachment?.detach()
  }

  onEvents(events: readonly LogEvent[]): void {
    // It may have been closed before it had opened, when it could not leave yet.
    if (this.#isClosed) return
    this.#orPutOut(() => this.#take(events))
  }

  #take(events: readonly LogEvent[]): void {
    for (const event of events) {
      const followed: Followed<S> = { is: 'event', event }
      const value = this.#reader.read(followed)
      this.#head = event.seq
      this.#passing?.heed(followed)
      // Who joins from now on has it already.
      if (this.#members.size === 0) continue
      const span = event.trace === undefined ? undefined : beginDelivery(this.#groups.tracing, event)
      this.#add(attempt(this.#render, value), event.seq, false, this.topic.isLast(event), span)
    }
  }

  onReset(reason: 'PRUNED' | 'RESET', head: number): void {
    this.resets.count++
    this.resets.reason = reason
    this.#pending = []
    this.#flushed = 0
    this.#head = head
    const those = [...this.#members]
    this.#members.clear()
    this.#passing?.goOn()
    for (const member of those) member.onReset(reason)
  }

  async #open(): Promise<void> {
    const attachment = await this.#groups.feeds.attach(this.topic.topic, this)
    this.#attachment = attachment
    // No such topic: who catches up is told.
    if (attachment === null) return
    if (this.#isClosed) return attachment.detach()
    const isNew = this.#head === 0
    this.#head = Math.max(this.#head, attachment.head)
    if (isNew) this.#passing?.begin()
  }

  get head(): number {
    return this.#head
  }

  renderPassing(report: unknown, seq: number): Rendering {
    return attempt(this.#render, this.#reader.readPassing(report, seq))
  }

  addPassing(payload: Rendering, seq: number): void {
    if (this.#members.size > 0) this.#add(payload, seq, true, false, undefined)
  }

  isPending(payload: Payload): boolean {
    return this.#pending.some((item) => item.payload === payload)
  }

  #add(payload: Rendering, seq: number, isPassing: boolean, isLast: boolean, span: Span | undefined): void {
    if (this.#tail === undefined && isReady(payload)) this.#push({ seq, isPassing, isLast, payload, span })
    else this.#addLater(Promise.resolve(payload), (done) => ({ seq, isPassing, isLast, payload: done, span }))
  }

  #addLater(rendering: Promise<Payload>, toItem: (payload: Payload) => Item): void {
    const generation = this.resets.count
    const mine: Promise<void> = (this.#tail ?? Promise.resolve())
      .then(() => rendering)
      .then(
        (payload) => {
          if (generation === this.resets.count && !this.#isClosed) this.#push(toItem(payload))
        },
        (error: unknown) => {
          if (generation === this.resets.count) this.#fail(error)
        },
      )
      .then(() => {
        if (this.#tail === mine) this.#tail = undefined
      })
    this.#tail = mine
  }

  #fail(error: unknown): void {
    const those = [...this.#members]
    this.#members.clear()
    for (const member of those) member.onFailure(error)
  }

  /**
   * Runs what hands events on. When it throws, some members would never have them and their streams never end: all members are put out
   * and catch up from the log, each from what was written to it last, which either works or fails with an error that the client is told.
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

  #push(item: Item): void {
    if (this.#pending.push(item) === 1) this.#groups.turn.schedule(() => this.#orPutOut(() => this.#flush()))
  }

  #flush(): void {
    const items = this.#pending
    this.#pending = []
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

  #flushItems(items: readonly Item[]): void {
    const [first] = items
    const last = items.at(-1)
    if (first === undefined || last === undefined) return
    const base = first.isPassing ? first.seq : first.seq - 1
    const batch = createBatch(items.map(({ payload }) => payload))
    const standing = this.#passing?.isStanding === true ? items.findLast(({ isPassing }) => isPassing) : undefined
    const readers = this.#members.size
    for (const member of this.#members) {
      if (member.at === base) {
        this.#deliver(member, batch, last)
        continue
      }
      // It has read further in the log than had come in here: what was said at a seq behind it, and stands, it is told from where it is.
      if (standing !== undefined && standing.seq < member.at) this.#tellPassing(member)
      const rest = items.filter(({ seq, isPassing }) => seq > member.at || (isPassing && seq === member.at))
      if (rest.length > 0) this.#deliver(member, createBatch(rest.map(({ payload }) => payload)), last)
    }
    this.#flushed = last.seq
    for (const { span } of items) span?.end({ 'tidings.readers': readers })
  }

  #deliver(member: Member, batch: Batch, last: Item): void {
    if (member.outlet.isFull(batch.bytes)) {
      this.#members.delete(member)
      member.onFull()
      return
    }
    member.outlet.write(batch, member.stamp)
    member.at = last.seq
    if (!last.isLast) return
    this.#members.delete(member)
    member.onEnd()
  }

  /** Writes what of the last report is due to a member. */
  #tellPassing(member: Member): void {
    const payload = this.#passing?.due(member.at)
    if (payload !== undefined) member.outlet.write(createBatch([payload]), member.stamp)
  }
}

function beginDelivery(tracing: Tracing, { topic, seq, type, trace }: LogEvent): Span | undefined {
  const facts = { 'tidings.topic': topic, 'tidings.seq': seq, 'tidings.event': type }
  return tracing.begin('deliver', { role: 'consumer', parent: trace, facts })
}
