/**
 * Hands on what a source yields in bursts: all that came within `everyMs` together, the first at once. What waits is never kept back
 * longer than that, also while the source is silent.
 */
export async function* inBursts<T>(source: AsyncIterable<T>, everyMs: number): AsyncGenerator<T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  let waiting: T[] = []
  let lastAt = Number.NEGATIVE_INFINITY
  let next = iterator.next()
  try {
    for (;;) {
      const step = waiting.length === 0 ? await next : await orAfter(next, lastAt + everyMs - performance.now())
      if (step?.done === true) break
      if (step !== undefined) {
        waiting.push(step.value)
        next = iterator.next()
        // Not asked for in time after a failure that comes before: it is thrown when its turn comes.
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
    // At once, also while it waits for what comes next.
    await iterator.return?.()
  }
}

/** What a promise gives; undefined when it takes longer. */
async function orAfter<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
