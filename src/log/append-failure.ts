import { classifyDatabaseError } from '../db/failure.ts'
import { TidingsError } from '../errors.ts'

/**
 * The possible outcomes of a failed append statement.
 *
 * - `undone`: nothing was written, and a retry may succeed
 * - `blocked`: like `undone`, because a lock was not acquired in time or the statement took too
 *   long; one of its requests may be the cause
 * - `unknown`: the connection was lost in transit, so it may or may not have been written
 * - `refused`: nothing was written, and one of its requests is the cause
 */
type AppendFailure = 'undone' | 'blocked' | 'unknown' | 'refused'

/**
 * Classifies the failure of an append statement.
 *
 * @param wasSent - false if no connection for it was acquired
 */
export function classifyFailure(error: unknown, wasSent: boolean): AppendFailure {
  const failure = classifyDatabaseError(error)
  if (failure === null) return 'refused'
  if (failure.cause === 'statement_timeout' || failure.cause === 'lock_not_available') return 'blocked'
  return failure.isUndone || !wasSent ? 'undone' : 'unknown'
}

/** Converts a failure into the error that the caller of the append receives. */
export function toAppendError(topic: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : String(error)
  // Class 22 (data exception), such as the character U+0000 or an unpaired surrogate, which jsonb
  // cannot store.
  if (/^22/.test(code))
    return new TidingsError(
      'BAD_INPUT',
      `An event for "${topic}" cannot be written: ${message}; remove the text that the message names`,
      {},
      { cause: error },
    )
  if (classifyDatabaseError(error) !== null)
    return new TidingsError(
      'UNAVAILABLE',
      `The database did not accept an append to "${topic}": ${message}`,
      {},
      { cause: error },
    )
  return error
}
