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
 * @param options.now - the clock, in milliseconds
 */
export function createTurnstile(options: { readonly maxMs: number; readonly now?: () => number }): Turnstile {
  const { maxMs, now = () => performance.now() } = options
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
    const startedAt = now()
    try {
      work()
    } finally {
      spentMs += now() - startedAt
    }
  }
  const turn = (): void => {
    isOpen = false
    spentMs = 0
    do {
      const work = queue[next]
      if (work === undefined) break
      next++
      run(work)
    } while (spentMs < maxMs)
    if (next === queue.length) {
      queue.length = 0
      next = 0
    }
    // What was spent in this turn is forgiven in the next.
    if (next < queue.length || spentMs > 0) open()
  }
  return {
    pass(work) {
      if (queue.length > 0 || spentMs >= maxMs) {
        queue.push(work)
        open()
        return
      }
      run(work)
      open()
    },
  }
}
