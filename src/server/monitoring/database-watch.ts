import type { ReadReadiness } from './health.ts'

/** Whether the database can be reached, as far as this server knows. Disposing stops the checks. */
interface DatabaseWatch extends Disposable {
  /** Whether the database has not answered for some seconds. */
  isAway(): boolean
}

/** Consecutive failed checks, one per second, before subscribers are asked to reconnect. */
const maxMisses = 3

/**
 * Monitors the database on behalf of subscribers. While it is unavailable their subscriptions do
 * not fail, but receive no events either: a page would continue to claim that it is live. So their
 * connections are closed with a code that makes them retry, and refused until the database is
 * available again. A restart of the database that takes less than a few seconds goes unnoticed.
 *
 * @param options.onAway - called when the database has become unavailable
 * @param options.everyMs - time between checks; default 1 s
 */
export function createDatabaseWatch(options: {
  readonly readReadiness: ReadReadiness
  readonly onAway: () => void
  readonly everyMs?: number
}): DatabaseWatch {
  const { readReadiness, onAway, everyMs = 1_000 } = options
  let misses = 0
  let isLooking = false
  const look = async (): Promise<void> => {
    isLooking = true
    const { database } = await readReadiness(false)
    isLooking = false
    misses = database === 'up' ? 0 : misses + 1
    if (misses === maxMisses) onAway()
  }
  const timer = setInterval(() => {
    if (!isLooking) void look()
  }, everyMs).unref()
  return {
    isAway: () => misses >= maxMisses,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
