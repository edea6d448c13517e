/** A throttle: limits how much work runs per turn, so that other work is not blocked. */
interface Throttle {
  /** Runs `work` now, or in one of the next turns of the event loop, in call order. */
  pass(work: () => void): void
}

/**
 * Creates a throttle for bursts of work. Without it, many clients that connect at once would be
 * processed in a single turn of the event loop, which would block other clients and all timers.
 *
 * @param options.maxMs - maximum time per turn; at least one function runs in each
 * @param options.now - the clock, in milliseconds
 */
export function createThrottle(options: { readonly maxMs: number; readonly now?: () => number }): Throttle {
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
    // The time spent in this turn does not count in the next.
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
