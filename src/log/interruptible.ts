/**
 * The one helper for iterables over quiet sources: runs an async generator so that `return()` takes effect at once, even
 * before the first `next()` and even while the generator waits.
 *
 * A bare `async function*` cannot do that: its `return()` is queued behind the pending `next()`, so a subscriber that leaves
 * a topic in which nothing happens would never be let go.
 *
 * @param run - the generator; it must let go of what it waits for when `signal` aborts. It is not started before the first
 * `next()`. Its `finally` blocks run after an abort; what they throw goes to `onLateError`.
 * @returns an iterator whose pending `next()` resolves as done when `return()` is called; one `next()` at a time
 */
export function interruptible<T>(
  run: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  onLateError: (error: unknown) => void = () => undefined,
): AsyncIterableIterator<T, undefined> & AsyncDisposable {
  const controller = new AbortController()
  let generator: AsyncGenerator<T, void, undefined> | undefined
  const left = Promise.withResolvers<IteratorReturnResult<undefined>>()
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

  const leave = (): void => {
    if (controller.signal.aborted) return
    controller.abort()
    left.resolve(done)
    // Queued behind the pending next(), if any; runs the generator's finally blocks.
    generator?.return().catch(onLateError)
  }

  const iterator: AsyncIterableIterator<T, undefined> & AsyncDisposable = {
    async next() {
      if (controller.signal.aborted) return done
      generator ??= run(controller.signal)
      const step = generator.next()
      // After leaving, the generator's own end or failure is of no interest to the one who left.
      step.catch((error: unknown) => {
        if (controller.signal.aborted) onLateError(error)
      })
      const result = await Promise.race([step, left.promise])
      return result.done ? done : result
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

/** A latch that wakes one waiter: `set()` is remembered until the next `wait()`, which also ends when `signal` aborts. */
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
