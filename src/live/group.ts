import type { LogEvent } from '../log/event.ts'
import type { Attachment, Feeds } from '../log/feed.ts'
import type { Followed } from '../log/follow.ts'
import type { Span, Tracing } from '../tracing.ts'
import type { SharedTopic } from './field.ts'
import { type Batch, createBatch } from './frames.ts'
import type { Seat } from './outlet.ts'
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
  render(followed: Followed<S>): Buffer | Promise<Buffer>
  close(): void
}

/**
 * Payloads for those who catch up, by the event or the state that they tell, and by the group: they live as long as somebody
 * may ask for them. One for all groups, as one of each group's own would weigh more than most groups.
 */
export type Rendered = WeakMap<
  object,
  readonly {
    readonly render: (value: unknown) => Buffer | Promise<Buffer>
    readonly reason: string
    readonly payload: Buffer | Promise<Buffer>
  }[]
>

interface Item {
  readonly seq: number
  readonly isPassing: boolean
  readonly isLast: boolean
  readonly payload: Buffer
  /** From the event's arrival to its last reader; only of traced events. */
  readonly span: Span | undefined
}

/** Larger batches are cut, so that a reader who stands still is noticed before it holds more than its budget. */
const maxBatchBytes = 65_536

/**
 * Creates the group of one topic and one way of looking at it.
 *
 * @param options.render - executes a value for everybody; the same function is the same way of looking
 */
export function createGroup<S>(options: {
  readonly feeds: Feeds
  readonly topic: SharedTopic<S>
  readonly render: (value: unknown) => Buffer | Promise<Buffer>
  readonly rendered: Rendered
  readonly turn: Turn
  readonly tracing: Tracing
}): Group<S> {
  const { feeds, topic, render, rendered, turn, tracing } = options
  const reader = topic.createReader()
  const members = new Set<Member>()
  const resets = { count: 0, reason: 'PRUNED' as 'PRUNED' | 'RESET' }
  let pending: Item[] = []
  /** The seq up to which members have been written to. */
  let flushed = 0
  /** The seq of the newest event that has come in. */
  let head = 0
  /** Set while an execution has to wait for something: what comes later waits for its turn. */
  let tail: Promise<void> | undefined
  let attachment: Attachment | null = null
  let isClosed = false
  let stopPassing: (() => void) | undefined
  let lastPassing: (Item & { readonly report: unknown }) | undefined

  const push = (item: Item): void => {
    if (pending.push(item) === 1) turn.schedule(flush)
  }
  const add = (value: unknown, place: Omit<Item, 'payload'>): void => {
    const generation = resets.count
    const payload = attempt(() => render(value))
    if (tail === undefined && Buffer.isBuffer(payload)) {
      push({ ...place, payload })
      return
    }
    const rendering = Promise.resolve(payload)
    // Its failure is dealt with in its turn.
    rendering.catch(() => undefined)
    const mine: Promise<void> = (tail ?? Promise.resolve())
      .then(() => rendering)
      .then(
        (done) => {
          if (generation === resets.count && !isClosed) push({ ...place, payload: done })
        },
        (error: unknown) => {
          if (generation === resets.count) fail(error)
        },
      )
      .then(() => {
        if (tail === mine) tail = undefined
      })
    tail = mine
  }
  const fail = (error: unknown): void => {
    const those = [...members]
    members.clear()
    for (const member of those) member.onFailure(error)
  }

  const deliver = (member: Member, batch: Batch, last: Item): void => {
    if (member.outlet.isFull(batch.bytes)) {
      members.delete(member)
      member.onFull()
      return
    }
    member.outlet.write(batch, member.stamp)
    member.at = last.seq
    if (!last.isLast) return
    members.delete(member)
    member.onEnd()
  }
  const flushItems = (items: readonly Item[]): void => {
    const [first] = items
    const last = items.at(-1)
    if (first === undefined || last === undefined) return
    const base = first.isPassing ? first.seq : first.seq - 1
    const batch = createBatch(items.map(({ payload }) => payload))
    const readers = members.size
    for (const member of members) {
      if (member.at === base) {
        deliver(member, batch, last)
        continue
      }
      // It has joined with some of these already behind it.
      const rest = items.filter(({ seq, isPassing }) => seq > member.at || (isPassing && seq === member.at))
      if (rest.length > 0) deliver(member, createBatch(rest.map(({ payload }) => payload)), last)
    }
    flushed = last.seq
    for (const { span } of items) span?.end({ 'tidings.readers': readers })
  }
  const flush = (): void => {
    const items = pending
    pending = []
    let from = 0
    let bytes = 0
    for (const [index, { payload }] of items.entries()) {
      if (bytes > 0 && bytes + payload.length > maxBatchBytes) {
        flushItems(items.slice(from, index))
        from = index
        bytes = 0
      }
      bytes += payload.length
    }
    flushItems(from === 0 ? items : items.slice(from))
  }

  const heedPassing = (isWanted: boolean): void => {
    if (!isWanted) {
      stopPassing?.()
      stopPassing = undefined
      lastPassing = undefined
    } else if (topic.passing !== undefined && stopPassing === undefined && !isClosed)
      stopPassing = topic.passing.watch((passing) => {
        if (head === 0) return
        const value = reader.readPassing(passing, head)
        const payload = attempt(() => render(value))
        const place = { seq: head, isPassing: true, isLast: false, span: undefined }
        // Kept for those who join later; what has to wait is not worth it.
        lastPassing = Buffer.isBuffer(payload) ? { ...place, payload, report: passing } : undefined
        if (members.size > 0) add(value, place)
      })
  }
  /** What of the last report is due to somebody who joins with everything up to `at`. */
  const passingFor = (at: number): Buffer | undefined => {
    // What is pending will be written with the rest.
    if (lastPassing === undefined || pending.some(({ payload }) => payload === lastPassing?.payload)) return undefined
    if (lastPassing.seq >= at) return lastPassing.payload
    if (topic.passing?.isStanding !== true) return undefined
    const { report } = lastPassing
    const payload = attempt(() => render(reader.readPassing(report, at)))
    return Buffer.isBuffer(payload) ? payload : undefined
  }
  const open = async (): Promise<void> => {
    attachment = await feeds.attach(topic.topic, {
      onEvents(events) {
        for (const event of events) {
          const followed: Followed<S> = { is: 'event', event }
          const value = reader.read(followed)
          head = event.seq
          if (topic.passing !== undefined) heedPassing(topic.passing.isWantedAfter(followed))
          // Who joins from now on has it already.
          if (members.size === 0) continue
          add(value, {
            seq: event.seq,
            isPassing: false,
            isLast: topic.isLast(event),
            span: event.trace === undefined ? undefined : beginDelivery(tracing, event),
          })
        }
      },
      onReset(reason) {
        resets.count++
        resets.reason = reason
        pending = []
        flushed = 0
        const those = [...members]
        members.clear()
        for (const member of those) member.onReset(reason)
      },
    })
    // No such topic: who catches up is told.
    if (attachment === null) return
    if (isClosed) return attachment.detach()
    head = Math.max(head, attachment.head)
    if (topic.passing?.isWanted === true && flushed === 0) heedPassing(true)
  }

  return {
    topic,
    opened: open(),
    resets,
    join(member) {
      if (attachment === null || isClosed || member.at < flushed) return false
      members.add(member)
      const payload = passingFor(member.at)
      if (payload !== undefined) member.outlet.write(createBatch([payload]), member.stamp)
      return true
    },
    leave: (member) => void members.delete(member),
    render(followed) {
      const key: object = followed.is === 'event' ? followed.event : (followed.state as object)
      const reason = followed.is === 'event' ? '' : followed.reason
      const known = rendered.get(key) ?? []
      const same = known.find((one) => one.render === render && one.reason === reason)
      if (same !== undefined) return same.payload
      const payload = render(topic.createReader().read(followed))
      rendered.set(key, [...known, { render, reason, payload }])
      return payload
    },
    close() {
      isClosed = true
      heedPassing(false)
      attachment?.detach()
    },
  }
}

function beginDelivery(tracing: Tracing, { topic, seq, type, trace }: LogEvent): Span | undefined {
  const facts = { 'tidings.topic': topic, 'tidings.seq': seq, 'tidings.event': type }
  return tracing.begin('deliver', { role: 'consumer', parent: trace, facts })
}

/** What `run` returns, or a rejection of what it throws. */
function attempt(run: () => Buffer | Promise<Buffer>): Buffer | Promise<Buffer> {
  try {
    return run()
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
}
