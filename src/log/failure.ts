import { classifyDatabaseError } from '../db/failure.ts'
import { TidingsError } from '../errors.ts'

/**
 * What is known after a statement that appends has failed.
 *
 * - `undone`: nothing was written, and the same may succeed when it is tried again
 * - `blocked`: the same, as a lock was not had in time or the statement took too long; one of its units may be why
 * - `unknown`: the connection was lost on the way, so it may or may not have been written
 * - `refused`: nothing was written, and one of its units is why
 */
export type AppendFailure = 'undone' | 'blocked' | 'unknown' | 'refused'

/** @param wasSent - false when the connection for it was not even had */
export function classifyFailure(error: unknown, wasSent: boolean): AppendFailure {
  const failure = classifyDatabaseError(error)
  if (failure === null) return 'refused'
  if (failure.cause === 'statement_timeout' || failure.cause === 'lock_not_available') return 'blocked'
  return failure.isUndone || !wasSent ? 'undone' : 'unknown'
}

/** What the writer of a unit is told. */
export function toAppendError(topic: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : String(error)
  // Class 22 (data exception), such as the character U+0000 or half a surrogate pair, which jsonb cannot hold.
  if (/^22/.test(code))
    return new TidingsError(
      'BAD_INPUT',
      `An event for "${topic}" cannot be written: ${message}; take out what the message names`,
      {},
      { cause: error },
    )
  if (classifyDatabaseError(error) !== null)
    return new TidingsError(
      'UNAVAILABLE',
      `The database did not take an append to "${topic}": ${message}`,
      {},
      { cause: error },
    )
  return error
}
