/**
 * The one helper for iterables over quiet sources: runs an async generator so that `return()` takes effect at once, even
 * before the first `next()` and even while the generator waits.
 *
 * A bare `async function*` cannot do that: its `return()` is queued behind the pending `next()`, so a subscriber that leaves
 * a topic in which nothing happens would never be let go.
 *
 * @param run - the generator; it must let go of what it waits for when `signal` aborts. It is not started before the first
 * `next()`. Its `finally` blocks run after an abort; what they throw goes to `onLateError`.
 * @returns an iterator whose pending `next()` resolves as done when `return()` is called
 */
export function interruptible<T>(
  run: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  onLateError: (error: unknown) => void = () => undefined,
): AsyncIterableIterator<T, undefined> & AsyncDisposable {
  const controller = new AbortController()
  let generator: AsyncGenerator<T, void, undefined> | undefined
  /** Ends what is waited for. Not `Promise.race`, which would hold on to every event until the end of the iteration. */
  const pending = new Set<() => void>()
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

  const leave = (): void => {
    if (controller.signal.aborted) return
    controller.abort()
    for (const end of pending) end()
    pending.clear()
    // Queued behind the pending next(), if any; runs the generator's finally blocks.
    generator?.return().catch(onLateError)
  }

  const iterator: AsyncIterableIterator<T, undefined> & AsyncDisposable = {
    next() {
      if (controller.signal.aborted) return Promise.resolve(done)
      generator ??= run(controller.signal)
      const step = generator.next()
      return new Promise((resolve, reject) => {
        const end = (): void => resolve(done)
        pending.add(end)
        step.then(
          (result) => {
            pending.delete(end)
            resolve(result.done ? done : result)
          },
          (error: unknown) => {
            // After leaving, the generator's own end or failure is of no interest to the one who left.
            if (!pending.delete(end)) return onLateError(error)
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

/**
 * Ends an iterable with an error when `guard` calls back, even while it waits; `guard` begins with the first `next()` and is stopped when
 * the iteration ends, whoever ends it.
 */
export function guardIterable<T>(
  source: AsyncIterableIterator<T, undefined>,
  guard: (revoke: (error: Error) => void) => () => void,
): AsyncIterableIterator<T, undefined> {
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  let revoked: Error | undefined
  let stop: (() => void) | undefined
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    stop?.()
  }
  const guarded: AsyncIterableIterator<T, undefined> = {
    async next() {
      if (isOver) return done
      stop ??= guard((error) => {
        revoked = error
        // What waits for the next value is told that there is none.
        void source.return?.()
      })
      try {
        const result = await source.next()
        // Left, or failed for another who waited.
        if (isOver) return done
        if (revoked !== undefined) throw revoked
        if (result.done) end()
        return result
      } catch (error) {
        // Whoever is told of a failure does not call `return()`, and may well ask again.
        end()
        throw error
      }
    },
    async return() {
      end()
      await source.return?.()
      return done
    },
    [Symbol.asyncIterator]: () => guarded,
  }
  return guarded
}

/** Maps an iterable without getting in the way of its `return()`. */
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
