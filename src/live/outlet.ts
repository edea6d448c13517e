import type { Batch } from './frames.ts'

/**
 * What carries payloads to one reader: a socket with all its operations, or one event stream. Whoever writes asks
 * {@link Outlet.isFull} first, and when it is, waits for {@link Outlet.drained} and reads what it missed from the log: the log
 * is the backlog, so a reader that stopped costs the budget and no more.
 */
export interface Outlet {
  /** Whether so many bytes more would exceed the budget. Never when nothing waits, however many they are. */
  isFull(bytes: number): boolean
  /**
   * Writes payloads in order. Does nothing once it is closed.
   * @param stamp - the operation's id, as JSON; ignored where there is only one
   */
  write(batch: Batch, stamp: Buffer): void
  /**
   * Calls back when the reader has read what waited. Not at all when it does not in time: then the outlet asks the client to
   * come back, and closes. Not either when it is closed.
   */
  drained(listener: () => void): void
  /** A subscription has written everything that the log had; what follows is live. Called again when it has caught up again. */
  caughtUp?(): void
  /** What of a failure the client is told; null when the transport has dealt with it, and the subscription just ends. */
  refine(error: unknown): unknown
  /**
   * An operation begins to be served. When its client has used the same id for several, one after the other, only the last
   * is: the others are told to leave, as are all when the outlet closes.
   * @returns the later one, when one is served already: graphql-ws takes whichever has come last for the one that has the id, so that
   * whoever ends this one ends that one
   */
  opened(served: Served): Served | undefined
  closed(served: Served): void
}

/** One operation's place on an outlet. */
export interface Seat {
  readonly outlet: Outlet
  /** Its id, as JSON. */
  readonly stamp: Buffer
  /** Counts the operations of an outlet in the order in which their clients began them. */
  readonly number: number
}

/** An operation that is served on its seat. */
export interface Served extends Seat {
  /** Ends it, without a word to the client. */
  leave(): void
}

/** What outlets have taken, since the start. One object for all outlets of a transport, counted up in place. */
export interface Sent {
  payloads: number
  bytes: number
}

/** The share of the budget that may wait, so that with all that surrounds it a reader stays within. */
const budgetShare = 1 / 8

/** How many bytes may wait for a reader with this budget. */
export function waitingLimit(budgetBytes: number): number {
  return Math.floor(budgetBytes * budgetShare)
}
