/**
 * Forwards the values of `source` and calls `listener` once when the iteration finishes, fails or
 * is returned. `return()` takes effect on the source at once.
 */
export function onEnd<T>(source: AsyncIterable<T>, listener: () => void): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    listener()
  }
  const outer: AsyncGenerator<T, void, undefined> = {
    async next() {
      try {
        const step = await iterator.next()
        if (step.done !== true) return step
        end()
        return done
      } catch (error) {
        end()
        throw error
      }
    },
    async return() {
      end()
      await iterator.return?.()
      return done
    },
    async throw(error: unknown) {
      end()
      await iterator.return?.()
      throw error
    },
    [Symbol.asyncIterator]: () => outer,
    [Symbol.asyncDispose]: async () => {
      await outer.return()
    },
  }
  return outer
}
