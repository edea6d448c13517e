import type { Logger } from '../logger.ts'
import type { Bus } from './bus.ts'

/** When the feeds of a process are compared with the log. */
export interface CheckSchedule extends AsyncDisposable {
  /** Compares now, or as soon as a comparison that is under way is over. Never rejected; a failure is logged. */
  check(isGap: boolean): Promise<void>
}

/** How much longer the rest after a comparison is than the comparison, at least, while the bus is away. */
const restFactor = 9
/** How often it is looked, in the shorter of the two times, whether a comparison is due. */
const looks = 5

/**
 * Creates the schedule: every so often, and after each gap of the bus; one comparison at a time.
 *
 * @param options.compare - `isGap` says whether it is known that messages were missed
 * @param options.checkMs - time between comparisons while the bus is connected
 * @param options.awayCheckMs - the same while it is away, when nothing else brings news, from beginning to beginning. After one that
 * took long it is longer, up to `checkMs`, so that comparing takes about a tenth of the time at most
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
  const check = (isGap: boolean): Promise<void> => {
    const settled = (checking ?? Promise.resolve())
      .then(() => compare(isGap))
      .catch((error: unknown) => logger.warn({ err: error }, 'failed to compare feeds with the log'))
    checking = settled
    void settled.then(() => {
      if (checking === settled) checking = undefined
    })
    return settled
  }
  let checkedAt = performance.now()
  let tookMs = 0
  const isDue = (): boolean => {
    const restMs = bus.isConnected() ? checkMs : Math.min(checkMs, Math.max(awayCheckMs - tookMs, tookMs * restFactor))
    return checking === undefined && performance.now() - checkedAt >= restMs
  }
  // Looked at more often than it is done: the bus may go at any time, and what is due a moment after a look waits for the next.
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
