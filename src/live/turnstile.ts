/** Lets work through at a pace at which everything else goes on. */
export interface Turnstile {
  /** Runs `work` now, or in one of the next turns of the event loop, in the order of asking. */
  pass(work: () => void): void
}

/**
 * Creates a turnstile for work that comes in crowds. A crowd that connects at once would otherwise be dealt with in one turn
 * of the event loop, in which nobody else is served, nor any timer run.
 *
 * @param options.maxMs - spent on it in one turn; at least one piece of work passes in each
 */
export function createTurnstile({ maxMs }: { readonly maxMs: number }): Turnstile {
  const queue: (() => void)[] = []
  let next = 0
  let spentMs = 0
  let isOpen = false

  const open = (): void => {
    if (isOpen) return
    isOpen = true
    setImmediate(turn)
  }
  const run = (work: () => void): void => {
    const startedAt = performance.now()
    try {
      work()
    } finally {
      spentMs += performance.now() - startedAt
    }
  }
  const turn = (): void => {
    isOpen = false
    spentMs = 0
    do {
      const work = queue[next++]
      if (work === undefined) break
      run(work)
    } while (spentMs < maxMs)
    if (next < queue.length) {
      open()
      return
    }
    queue.length = 0
    next = 0
  }
  return {
    pass(work) {
      if (queue.length > 0 || spentMs >= maxMs) {
        queue.push(work)
        open()
        return
      }
      run(work)
      // What was spent in this turn is forgiven in the next.
      open()
    },
  }
}
