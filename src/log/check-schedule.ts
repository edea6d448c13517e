import type { Bus } from '../bus/bus.ts'
import type { Logger } from '../logger.ts'

/** The schedule on which the feeds of a process are compared with the log. */
interface CheckSchedule extends AsyncDisposable {
  /**
   * Compares now, or as soon as the comparison in progress has finished. Never rejects; a failure
   * is logged.
   */
  check(isGap: boolean): Promise<void>
}

/** While the bus is down, the minimum ratio of the pause after a comparison to its duration. */
const restFactor = 9
/**
 * Number of times per the shorter of the two intervals that the schedule checks whether a
 * comparison is due.
 */
const looks = 5

/**
 * Creates the schedule: compares periodically and after each gap of the bus; one comparison at a
 * time.
 *
 * @param options.compare - `isGap`: whether messages are known to have been missed
 * @param options.checkMs - time between comparisons while the bus is connected
 * @param options.awayCheckMs - the same, from start to start, while the bus is down and nothing
 * else brings news. Extended after a slow comparison, up to `checkMs`, so that comparisons take
 * about a tenth of the time at most
 */
export function createCheckSchedule(options: {
  readonly compare: (isGap: boolean) => Promise<void>
  readonly bus: Bus
  readonly logger: Logger
  readonly checkMs: number
  readonly awayCheckMs: number
}): CheckSchedule {
  const { compare, bus, logger, checkMs, awayCheckMs } = options
  let checking: Promise<void> | undefined
  /** The comparison that has not begun, and whether messages were missed before it. */
  let waiting: { readonly settled: Promise<void>; isGap: boolean } | undefined
  const check = (isGap: boolean): Promise<void> => {
    if (waiting !== undefined) {
      waiting.isGap ||= isGap
      return waiting.settled
    }
    const previousCheck = (checking ?? Promise.resolve())
      .then(() => {
        const isAfterGap = waiting?.isGap ?? isGap
        waiting = undefined
        return compare(isAfterGap)
      })
      .catch((error: unknown) => logger.warn({ err: error }, 'failed to compare feeds with the log'))
    checking = previousCheck
    waiting = { settled: previousCheck, isGap }
    void previousCheck.then(() => {
      if (checking === previousCheck) checking = undefined
    })
    return previousCheck
  }
  let checkedAt = performance.now()
  let tookMs = 0
  const isDue = (): boolean => {
    const restMs = bus.isConnected() ? checkMs : Math.min(checkMs, Math.max(awayCheckMs - tookMs, tookMs * restFactor))
    return checking === undefined && performance.now() - checkedAt >= restMs
  }
  // Checked more often than a comparison is due: the bus may disconnect at any time, and a
  // comparison that becomes due just after a check waits for the next one.
  const timer = setInterval(() => {
    if (!isDue()) return
    const beganAt = performance.now()
    void check(!bus.isConnected()).then(() => {
      checkedAt = performance.now()
      tookMs = checkedAt - beganAt
    })
  }, Math.min(checkMs, awayCheckMs) / looks).unref()
  const stopGap = bus.onGap(() => void check(true))
  return {
    check,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      stopGap()
      await checking
    },
  }
}
