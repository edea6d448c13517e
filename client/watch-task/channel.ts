/** The writing end of a channel. */
export interface ChannelWriter<T> {
  push(value: T): void
  /** Ends the channel. Buffered values can still be read. */
  end(): void
  /** Makes the reader throw `error`, after the buffered values. */
  fail(error: unknown): void
}

/**
 * Creates an iterable over the values that a source pushes. `return()` takes effect at once, also
 * while waiting.
 *
 * A reader that is slower than the source buffers at most `maxBuffered` values. The source is then
 * closed, and opened again when all of them have been read. So the source must be able to resume
 * where it was closed.
 *
 * @param open - starts the source, at the first `next()`. @returns a function that closes it
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
  /** Separates values of an earlier opening from those of the current one. */
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
    const ownOpening = opening
    const isMine = (): boolean => ownOpening === opening
    close = () => undefined
    const closeSource = open({
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
    // The source may have ended while it was being opened.
    if (isMine() && ending === undefined) close = closeSource
    else closeSource()
  }

  return {
    next() {
      const value = buffer.shift()
      if (value !== undefined) return Promise.resolve({ done: false, value })
      if (ending !== undefined) {
        const { error } = ending
        const isFailed = 'error' in ending
        // Thrown once; later reads report that the channel is done.
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
