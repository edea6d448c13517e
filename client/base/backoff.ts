/**
 * Returns the pause before the next attempt: exponential, capped, with full jitter, so that clients
 * that lost the same server do not all reconnect at the same moment.
 *
 * @param attempt - 1 for the first
 * @param random - 0 to 1
 * @returns milliseconds between 0 and `baseMs * 2^(attempt-1)`, at most `maxMs`
 */
export function backoff(attempt: number, baseMs: number, maxMs: number, random: number): number {
  // 2^30 is beyond every cap; a larger exponent would exceed the safe integers.
  return Math.round(random * Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(attempt, 1) - 1, 30)))
}

/**
 * Reads the time that the server asks a client to wait when a limit is reached.
 *
 * @param ms - as received; anything but a positive number is ignored
 * @param maxMs - the longest time that the client waits for it
 * @returns milliseconds, 0 without one
 */
export function readRetryAfter(ms: unknown, maxMs: number): number {
  return typeof ms === 'number' && ms > 0 ? Math.min(ms, maxMs) : 0
}
