import type { PayloadBatch } from './frames.ts'

/**
 * Writes payloads to one client connection: a socket with all its operations, or one event stream.
 * A writer checks {@link Sink.isFull} first; if it is full, the writer waits for
 * {@link Sink.drained} and reads the missed events from the log. The log is the backlog, so a
 * stalled connection costs no more than the budget.
 */
export interface Sink {
  /**
   * Whether that many more bytes would exceed the budget. Always false if nothing is buffered,
   * whatever the size.
   */
  isFull(bytes: number): boolean
  /**
   * Writes payloads in order. Does nothing after closing.
   *
   * @param operationId - the operation id, as JSON; ignored if the connection has only one operation
   */
  write(batch: PayloadBatch, operationId: Buffer): void
  /**
   * Calls `listener` when the client has read everything buffered. If that takes too long, the sink
   * asks the client to reconnect and closes, and `listener` is never called; nor is it called if
   * the connection closes.
   */
  drained(listener: () => void): void
  /**
   * Called when a subscription has written everything the log had; the following events are live.
   * Called again after each later catch-up.
   */
  caughtUp?(): void
  /**
   * Converts a failure into the error reported to the client; null if the transport has handled it,
   * and the subscription just ends.
   */
  refine(error: unknown): unknown
  /**
   * Registers an operation. If its client has used the same id for several consecutive operations,
   * only the last one is served: `leave()` is called on the others, and on all operations when the
   * sink closes.
   *
   * @returns the later operation if one is already served: graphql-ws associates the id with the
   * operation that it received last, so a request to end this operation must end the later one
   */
  opened(served: ServedOperation): ServedOperation | undefined
  closed(served: ServedOperation): void
}

/** The connection between an operation and its sink. */
export interface SinkOperation {
  readonly sink: Sink
  /** The operation id, as JSON. */
  readonly operationId: Buffer
  /**
   * Sequence number of the operation on its sink, in the order in which the client started them.
   */
  readonly number: number
}

/** An operation that is being served. */
export interface ServedOperation extends SinkOperation {
  /** Ends the operation without notifying the client. */
  leave(): void
}

/**
 * Number of payloads and bytes written since the start. One object for all sinks of a transport,
 * updated in place.
 */
export interface Sent {
  payloads: number
  bytes: number
}

/**
 * The share of the budget that may be buffered, so that the total memory per connection stays
 * within the budget.
 */
const budgetShare = 1 / 8

/** Returns the number of bytes that may be buffered for a connection with this budget. */
export function waitingLimit(budgetBytes: number): number {
  return Math.floor(budgetBytes * budgetShare)
}
