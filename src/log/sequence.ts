import type { LogEvent } from './event.ts'

/**
 * Brings the events of one topic, which may come late, twice, or not at all, into their one order. Bookkeeping alone: what is
 * missing is for its owner to get.
 */
export interface Sequence {
  /** Everything up to here was handed out. */
  readonly head: number
  /** The seqs of events that wait behind a hole. */
  readonly waiting: readonly number[]
  /** Of how many events was heard that were known already. */
  readonly repeated: number
  /** Takes events in, in any order, and hands out those that are due now. */
  take(events: readonly LogEvent[]): readonly LogEvent[]
  /** Takes events in without handing any out, as long as the head is not known. */
  keep(events: readonly LogEvent[]): void
  /** Drops events that wait; returns how many of `seqs` did. */
  forget(seqs: readonly number[]): number
  /** Goes on from another head. */
  jump(head: number): void
}

/** Most events kept beyond a hole: past that the log is read anyway, so they are not worth the memory. */
const maxWaiting = 1_000

/** Creates the sequence of a topic whose head is 0. */
export function createSequence(): Sequence {
  return new TopicSequence()
}

const none: ReadonlyMap<number, LogEvent> = new Map()

/**
 * A class, against the custom of the house: there is one for each followed topic, most of which sleep, and functions and
 * accessors of each one's own weigh more than a kilobyte.
 */
class TopicSequence implements Sequence {
  #head = 0
  #repeated = 0
  /** Made when the first event has to wait, which hardly ever happens. */
  #waiting: Map<number, LogEvent> | undefined

  get head(): number {
    return this.#head
  }

  get repeated(): number {
    return this.#repeated
  }

  get waiting(): readonly number[] {
    return [...(this.#waiting ?? none).keys()]
  }

  take(events: readonly LogEvent[]): readonly LogEvent[] {
    // As nearly always: nothing waits, and all of it is due.
    if (this.#waiting === undefined && events.every(({ seq }, index) => seq === this.#head + 1 + index)) {
      this.#head += events.length
      return events
    }
    const due: LogEvent[] = []
    this.#release(due)
    for (const event of events) {
      if (event.seq <= this.#head) this.#repeated++
      else if (event.seq > this.#head + 1) this.#keep(event)
      else {
        this.#handOut(event, due)
        this.#release(due)
      }
    }
    this.#dropKnown()
    return due
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

  #handOut(event: LogEvent, due: LogEvent[]): void {
    due.push(event)
    this.#head = event.seq
  }

  #release(due: LogEvent[]): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    for (let next = waiting.get(this.#head + 1); next !== undefined; next = waiting.get(this.#head + 1)) {
      waiting.delete(next.seq)
      this.#handOut(next, due)
    }
  }

  #dropKnown(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    for (const seq of waiting.keys()) if (seq <= this.#head) waiting.delete(seq)
    if (waiting.size === 0) this.#waiting = undefined
  }
}
