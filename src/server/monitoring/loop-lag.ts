/** Measures the lag of the event loop: how late its timers fire. Disposing stops the measurement. */
interface LoopLag extends Disposable {
  /**
   * Whether the event loop has lagged more than the limit for {@link sustainedMs}: the server has
   * more work than it can do. A single stall, however long, is not an overload.
   */
  isOverloaded(): boolean
}

const measureMs = 100
/** Duration of the lag that counts as an overload. */
const sustainedMs = 2_000

/**
 * Starts the measurement.
 *
 * @param options.maxMs - the lag above which the loop counts as lagging, in milliseconds
 * @param options.onMeasured - receives each measurement, in milliseconds
 */
export function measureLoopLag({
  maxMs,
  onMeasured,
}: {
  readonly maxMs: number
  readonly onMeasured?: (lagMs: number) => void
}): LoopLag {
  let measuredAt = performance.now()
  /** The start of the consecutive measurements above the limit. */
  let laggingSince = measuredAt
  let lagging = 0
  const timer = setInterval(() => {
    const now = performance.now()
    const lagMs = Math.max(0, now - measuredAt - measureMs)
    onMeasured?.(lagMs)
    if (lagMs <= maxMs) {
      lagging = 0
      laggingSince = now
    } else lagging++
    measuredAt = now
  }, measureMs).unref()
  return {
    isOverloaded: () => lagging > 1 && measuredAt - laggingSince >= sustainedMs,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

const timeoutTicks = 10

/**
 * Starts a timeout that excludes the lag of the event loop: an answer that has arrived during a
 * stall is read before the timeout expires. An interval fires once after a stall, and input is
 * processed between two of its ticks.
 *
 * @param ms - in milliseconds
 * @returns a function that cancels the timeout
 */
export function startTimeoutWithoutLag(ms: number, onTimeout: () => void): () => void {
  let ticks = timeoutTicks
  const timer = setInterval(() => {
    ticks--
    if (ticks > 0) return
    clearInterval(timer)
    onTimeout()
  }, ms / timeoutTicks)
  return () => clearInterval(timer)
}
