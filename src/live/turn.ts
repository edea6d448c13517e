/**
 * The end of the present turn of the event loop: what was scheduled runs once all input that has arrived is dealt with, so
 * that everything it caused leaves together.
 */
export interface Turn {
  /** Runs `flush` at the end of this turn. */
  schedule(flush: () => void): void
}

/** Creates the turns of one process. What throws keeps nothing else from running. */
export function createTurn(onError: (error: unknown) => void): Turn {
  let scheduled: (() => void)[] = []
  const end = (): void => {
    const now = scheduled
    scheduled = []
    for (const flush of now)
      try {
        flush()
      } catch (error) {
        onError(error)
      }
  }
  return {
    schedule(flush) {
      if (scheduled.push(flush) === 1) setImmediate(end)
    },
  }
}
