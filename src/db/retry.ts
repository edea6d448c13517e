import { setTimeout as delay } from 'node:timers/promises'
import { TidingsError } from '../errors.ts'
import { classifyDatabaseError } from './failure.ts'

const firstPauseMs = 20
const longestPauseMs = 500

/**
 * Retries work that changes nothing while the database fails with transient errors.
 *
 * @param retryMs - time after which no further try begins; milliseconds
 * @throws TidingsError `UNAVAILABLE` when that time is over; any other error of `work` immediately
 */
export async function retryTransient<T>(retryMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + retryMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      if (classifyDatabaseError(error) === null) throw error
      if (Date.now() + pauseMs > deadline) throw toUnavailable(error)
    }
    await delay(pauseMs)
  }
}

/** Returns the TidingsError `UNAVAILABLE` for a transient failure of the database, and any other error unchanged. */
export function toUnavailable(error: unknown): unknown {
  const failure = classifyDatabaseError(error)
  if (failure === null) return error
  return new TidingsError('UNAVAILABLE', `The database cannot be reached (${failure.cause})`, {}, { cause: error })
}
