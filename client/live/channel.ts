/** The end of a channel that is written to. */
export interface ChannelWriter<T> {
  push(value: T): void
  /** Nothing follows; what is buffered is read still. */
  end(): void
  /** The reader is thrown this, after what is buffered. */
  fail(error: unknown): void
}

/**
 * An iterable over what a source pushes. `return()` takes effect at once, also while waiting.
 *
 * A reader that is slower than the source costs at most `maxBuffered` values: then the source is closed, and opened again
 * when all have been read. So the source must be able to go on where it was.
 *
 * @param open - starts the source, at the first `next()`. @returns what closes it
 */
export function createChannel<T>(
  open: (writer: ChannelWriter<T>) => () => void,
  maxBuffered = 1_000,
): AsyncIterableIterator<T, undefined> & AsyncDisposable {
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  let buffer: T[] = []
  let ending: { readonly error?: unknown } | undefined
  let waiting: { resolve(step: IteratorResult<T, undefined>): void; reject(error: unknown): void }[] = []
  let close: (() => void) | undefined
  /** Tells what an earlier opening still says from what the present one says. */
  let opening = 0

  const shut = (): void => {
    opening += 1
    close?.()
    close = undefined
  }
  const finish = (how: { readonly error?: unknown }): void => {
    if (ending !== undefined) return
    ending = how
    shut()
    const readers = waiting
    waiting = []
    for (const { resolve, reject } of readers) 'error' in how ? reject(how.error) : resolve(done)
  }
  const start = (): void => {
    opening += 1
    const mine = opening
    const isMine = (): boolean => mine === opening
    close = () => undefined
    const opened = open({
      push(value) {
        if (!isMine() || ending !== undefined) return
        const reader = waiting.shift()
        if (reader !== undefined) return reader.resolve({ done: false, value })
        buffer.push(value)
        if (buffer.length >= maxBuffered) shut()
      },
      end: () => (isMine() ? finish({}) : undefined),
      fail: (error) => (isMine() ? finish({ error }) : undefined),
    })
    // It may have come to its end while it was opened.
    if (isMine() && ending === undefined) close = opened
    else opened()
  }

  return {
    next() {
      const value = buffer.shift()
      if (value !== undefined) return Promise.resolve({ done: false, value })
      if (ending !== undefined) {
        const { error } = ending
        const isFailed = 'error' in ending
        // Thrown once; who asks again is told that it is over.
        ending = {}
        return isFailed ? Promise.reject(error) : Promise.resolve(done)
      }
      const step = new Promise<IteratorResult<T, undefined>>((resolve, reject) => waiting.push({ resolve, reject }))
      if (close === undefined) start()
      return step
    },
    return() {
      buffer = []
      finish({})
      return Promise.resolve(done)
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await this.return?.()
    },
  }
}
