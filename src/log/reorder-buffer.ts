import type { LogEvent } from './event.ts'

/**
 * A reorder buffer: orders and deduplicates the events of one topic, which may arrive late, twice
 * or not at all. It performs no I/O: its owner must fetch missing events.
 */
export interface ReorderBuffer {
  /** The seq up to which all events have been released. */
  readonly head: number
  /** The seqs of events that wait behind a gap. */
  readonly waiting: readonly number[]
  /** Number of events received that were already known. */
  readonly repeated: number
  /** Adds events in any order and returns those that are due. */
  take(events: readonly LogEvent[]): readonly LogEvent[]
  /** Adds events without releasing any, while the head is unknown. */
  keep(events: readonly LogEvent[]): void
  /** Drops waiting events; returns how many of `seqs` were waiting. */
  forget(seqs: readonly number[]): number
  /** Continues from another head. */
  jump(head: number): void
}

/**
 * Maximum number of events kept behind a gap: beyond that the log is read anyway, so they are not
 * worth the memory.
 */
const maxWaiting = 1_000

/** Creates the reorder buffer of a topic whose head is 0. */
export function createReorderBuffer(): ReorderBuffer {
  return new TopicSequence()
}

const noEvents: ReadonlyMap<number, LogEvent> = new Map()

/**
 * A class rather than a closure: there is one instance per followed topic, most of them idle, and
 * functions and accessors per instance would take more than 1 KB.
 */
class TopicSequence implements ReorderBuffer {
  #head = 0
  #repeated = 0
  /** Created when the first event has to wait, which is rare. */
  #waiting: Map<number, LogEvent> | undefined

  get head(): number {
    return this.#head
  }

  get repeated(): number {
    return this.#repeated
  }

  get waiting(): readonly number[] {
    return [...(this.#waiting ?? noEvents).keys()]
  }

  take(events: readonly LogEvent[]): readonly LogEvent[] {
    // The common case: no event waits, and all new events are due.
    if (this.#waiting === undefined && events.every(({ seq }, index) => seq === this.#head + 1 + index)) {
      this.#head += events.length
      return events
    }
    const dueEvents: LogEvent[] = []
    this.#release(dueEvents)
    for (const event of events) {
      if (event.seq <= this.#head) this.#repeated++
      else if (event.seq > this.#head + 1) this.#keep(event)
      else {
        this.#handOut(event, dueEvents)
        this.#release(dueEvents)
      }
    }
    this.#dropKnown()
    return dueEvents
  }

  keep(events: readonly LogEvent[]): void {
    for (const event of events) this.#keep(event)
  }

  forget(seqs: readonly number[]): number {
    return seqs.filter((seq) => this.#waiting?.delete(seq) === true).length
  }

  jump(head: number): void {
    this.#head = head
    this.#dropKnown()
  }

  #keep(event: LogEvent): void {
    this.#waiting ??= new Map()
    if (this.#waiting.size < maxWaiting) this.#waiting.set(event.seq, event)
  }

  #handOut(event: LogEvent, dueEvents: LogEvent[]): void {
    dueEvents.push(event)
    this.#head = event.seq
  }

  #release(dueEvents: LogEvent[]): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    for (let next = waiting.get(this.#head + 1); next !== undefined; next = waiting.get(this.#head + 1)) {
      waiting.delete(next.seq)
      this.#handOut(next, dueEvents)
    }
  }

  #dropKnown(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    for (const seq of waiting.keys()) if (seq <= this.#head) waiting.delete(seq)
    if (waiting.size === 0) this.#waiting = undefined
  }
}
