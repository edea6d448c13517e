import { TidingsError } from '../errors.ts'

/**
 * What is known after a statement that appends has failed.
 *
 * - `undone`: nothing was written, and the same may succeed when it is tried again
 * - `unknown`: the connection was lost on the way, so it may or may not have been written
 * - `refused`: nothing was written, and one of its units is why
 */
export type AppendFailure = 'undone' | 'unknown' | 'refused'

/** @param wasSent - false when the connection for it was not even had */
export function classifyFailure(error: unknown, wasSent: boolean): AppendFailure {
  if (isConnectionLoss(error)) return wasSent ? 'unknown' : 'undone'
  // Deadlock (with somebody else's transaction, as appends have an order) and serialization failure.
  return /^40/.test(codeOf(error)) ? 'undone' : 'refused'
}

/** What the writer of a unit is told. */
export function toAppendError(topic: string, error: unknown): unknown {
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  // Class 22 (data exception), such as the character U+0000 or half a surrogate pair, which jsonb cannot hold.
  if (/^22/.test(code))
    return new TidingsError(
      'BAD_INPUT',
      `An event for "${topic}" cannot be written: ${message}; take out what the message names`,
      {},
      { cause: error },
    )
  // 57014: somebody held its rows for longer than a statement may wait.
  if (isConnectionLoss(error) || /^(40|57014)/.test(code))
    return new TidingsError(
      'UNAVAILABLE',
      `The database did not take an append to "${topic}": ${message}`,
      {},
      { cause: error },
    )
  return error
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Whether the connection, and not the statement, is what failed. */
export function isConnectionLoss(error: unknown): boolean {
  // Class 08 (connection exception), 53300 (too many), 57P01–57P05 (ended by the server), and what node says of sockets.
  return (
    /^(08|53300|57P0|E[A-Z_]+$)/.test(codeOf(error)) ||
    (error instanceof Error &&
      /connection (terminated|error)|timeout (exceeded|expired)|read timeout|not queryable/i.test(error.message))
  )
}
