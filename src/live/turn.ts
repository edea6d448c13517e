/**
 * The end of the present turn of the event loop: what was scheduled runs once all input that has arrived is dealt with, so
 * that everything it caused leaves together.
 */
export interface Turn {
  /** Runs `flush` at the end of this turn. */
  schedule(flush: () => void): void
  /** Runs `last` after everything that was scheduled: only to be called by what the end of the turn runs. */
  finally(last: () => void): void
}

/** Creates the turns of one process. What throws keeps nothing else from running. */
export function createTurn(onError: (error: unknown) => void): Turn {
  let scheduled: (() => void)[] = []
  let lasts: (() => void)[] = []
  const attempt = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      onError(error)
    }
  }
  const end = (): void => {
    const now = scheduled
    scheduled = []
    for (const flush of now) attempt(flush)
    const after = lasts
    lasts = []
    for (const last of after) attempt(last)
  }
  return {
    schedule(flush) {
      if (scheduled.push(flush) === 1) setImmediate(end)
    },
    finally(last) {
      lasts.push(last)
    },
  }
}
