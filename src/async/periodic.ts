import type { Logger } from '../logger.ts'
import { createSingleFlight } from './single-flight.ts'

/**
 * Runs work periodically, one run at a time. A failure is logged once per outage, as the next run follows soon. Disposing waits
 * for the current run and stops.
 *
 * @param options.everyMs - interval between runs
 * @param options.failure - the log message for a failed run
 */
export function createPeriodic(options: {
  readonly run: () => Promise<unknown>
  readonly everyMs: number
  readonly logger: Logger
  readonly failure: string
}): AsyncDisposable {
  const { everyMs, logger, failure } = options
  let isFailing = false
  const run = createSingleFlight(async () => {
    try {
      await options.run()
      isFailing = false
    } catch (error) {
      if (!isFailing) logger.warn({ err: error }, failure)
      isFailing = true
    }
  })
  const timer = setInterval(() => void run(), everyMs).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await run.pending()
    },
  }
}
