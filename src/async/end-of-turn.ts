/**
 * The end of the current turn of the event loop. Scheduled functions run once all pending input has
 * been processed, so that all resulting output is sent together.
 */
export interface EndOfTurn {
  /** Runs `flush` at the end of this turn. */
  schedule(flush: () => void): void
}

/**
 * Creates the scheduler of one process. A function that throws does not prevent the others from
 * running.
 */
export function createEndOfTurn(onError: (error: unknown) => void): EndOfTurn {
  let callbacks: (() => void)[] = []
  const end = (): void => {
    const now = callbacks
    callbacks = []
    for (const flush of now)
      try {
        flush()
      } catch (error) {
        onError(error)
      }
  }
  return {
    schedule(flush) {
      if (callbacks.push(flush) === 1) setImmediate(end)
    },
  }
}
