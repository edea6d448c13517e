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
  const waiting = new Map<number, LogEvent>()
  let head = 0
  let repeated = 0
  const keep = (event: LogEvent): void => {
    if (waiting.size < maxWaiting) waiting.set(event.seq, event)
  }
  const dropKnown = (): void => {
    for (const seq of waiting.keys()) if (seq <= head) waiting.delete(seq)
  }
  return {
    get head() {
      return head
    },
    get waiting() {
      return [...waiting.keys()]
    },
    get repeated() {
      return repeated
    },
    take(events) {
      const due: LogEvent[] = []
      const handOut = (event: LogEvent): void => {
        due.push(event)
        head = event.seq
      }
      const release = (): void => {
        for (let next = waiting.get(head + 1); next !== undefined; next = waiting.get(head + 1)) {
          waiting.delete(next.seq)
          handOut(next)
        }
      }
      release()
      for (const event of events) {
        if (event.seq <= head) repeated++
        else if (event.seq > head + 1) keep(event)
        else {
          handOut(event)
          release()
        }
      }
      dropKnown()
      return due
    },
    keep(events) {
      for (const event of events) keep(event)
    },
    forget: (seqs) => seqs.filter((seq) => waiting.delete(seq)).length,
    jump(to) {
      head = to
      dropKnown()
    },
  }
}
