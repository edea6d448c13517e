import { withTimeout } from '../../async/timeout.ts'

/**
 * Batches the values of a source: all that arrive within `everyMs` are yielded together, the first
 * immediately. No value is held back longer, even while the source is silent.
 */
export async function* inBursts<T>(source: AsyncIterable<T>, everyMs: number): AsyncGenerator<T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let waiting: T[] = []
  let lastAt = Number.NEGATIVE_INFINITY
  let next = iterator.next()
  try {
    for (;;) {
      const leftMs = Math.max(0, lastAt + everyMs - performance.now())
      const isThere = waiting.length === 0 || (await withTimeout(leftMs, next))
      const step = isThere ? await next : undefined
      if (step?.done === true) break
      if (step !== undefined) {
        waiting.push(step.value)
        next = iterator.next()
        // Avoids an unhandled rejection when an earlier failure comes first: the error is thrown
        // when it is this promise's turn.
        next.catch(() => undefined)
      }
      if (performance.now() - lastAt < everyMs) continue
      const burst = waiting
      waiting = []
      lastAt = performance.now()
      yield burst
    }
    if (waiting.length > 0) yield waiting
  } finally {
    // Immediately, even while waiting for the next value.
    await iterator.return?.()
  }
}
