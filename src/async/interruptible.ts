/**
 * Runs an async generator over an idle source so that `return()` takes effect at once, even before
 * the first `next()` and while the generator waits. The only helper for such iterables.
 *
 * A plain `async function*` cannot do that: its `return()` is queued behind the pending `next()`,
 * so a subscriber that leaves an idle topic would never be released.
 *
 * @param run - the generator; it must stop waiting when `signal` aborts. It is not started before
 * the first `next()`. Its `finally` blocks run after an abort; errors thrown by them are passed to
 * `onLateError`.
 * @returns an iterator whose pending `next()` resolves as done when `return()` is called
 *
 * @example
 * const pieces = interruptible(async function* (signal) {
 *   const response = await fetch(url, { signal })
 *   for await (const piece of response.body ?? []) yield piece
 * })
 */
export function interruptible<T>(
  run: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  onLateError: (error: unknown) => void = () => undefined,
): AsyncIterableIterator<T, undefined> & AsyncDisposable {
  const controller = new AbortController()
  let generator: AsyncGenerator<T, void, undefined> | undefined
  /**
   * Resolvers of the pending `next()` calls, which the generator answers in their order. Not `Promise.race`, which would
   * retain every event until the end of the iteration.
   */
  let pending: (() => void)[] = []
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

  const leave = (): void => {
    if (controller.signal.aborted) return
    controller.abort()
    for (const end of pending) end()
    pending = []
    // Queued behind the pending next(), if any; runs the generator's finally blocks.
    generator?.return().catch(onLateError)
  }

  const iterator: AsyncIterableIterator<T, undefined> & AsyncDisposable = {
    next() {
      if (controller.signal.aborted) return Promise.resolve(done)
      generator ??= run(controller.signal)
      const step = generator.next()
      return new Promise((resolve, reject) => {
        pending.push(() => resolve(done))
        step.then(
          (result) => {
            pending.shift()
            resolve(result.done ? done : result)
          },
          (error: unknown) => {
            // After return(), the generator's end or failure no longer concerns the consumer.
            if (pending.shift() === undefined) return onLateError(error)
            reject(error)
          },
        )
      })
    },
    return() {
      leave()
      return Promise.resolve(done)
    },
    throw(error: unknown) {
      leave()
      return Promise.reject(error)
    },
    [Symbol.asyncIterator]() {
      return iterator
    },
    [Symbol.asyncDispose]() {
      leave()
      return Promise.resolve()
    },
  }
  return iterator
}

/**
 * Creates a latch that wakes one waiter: `set()` is remembered until the next `wait()`, which also
 * ends when `signal` aborts.
 */
export function createWakeUp(signal: AbortSignal): { set(): void; wait(): Promise<void> } {
  let isSet = false
  let wake: (() => void) | undefined
  const set = (): void => {
    isSet = true
    wake?.()
  }
  signal.addEventListener('abort', set, { once: true })
  return {
    set,
    wait: async () => {
      if (!isSet && !signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      wake = undefined
      isSet = false
    },
  }
}

/** Maps an iterable without delaying its `return()`. */
export function mapIterable<T, U>(
  source: AsyncIterableIterator<T, undefined>,
  map: (value: T) => U,
): AsyncIterableIterator<U, undefined> {
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  const mapped: AsyncIterableIterator<U, undefined> = {
    async next() {
      const result = await source.next()
      return result.done ? done : { done: false, value: map(result.value) }
    },
    async return() {
      await source.return?.()
      return done
    },
    [Symbol.asyncIterator]: () => mapped,
  }
  return mapped
}
