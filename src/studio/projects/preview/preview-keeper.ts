import { createSingleFlight } from '../../../async/index.ts'
import type { Logger } from '../../../engine.ts'
import type { Previews } from './previews.ts'

/** Periodically stops idle previews. Several processes may do so concurrently. */
interface PreviewKeeper extends AsyncDisposable {
  /** Runs a check now, or joins the current one. Never rejects. */
  look(): Promise<void>
}

const shortestLookMs = 200
const longestLookMs = 30_000

/** Creates the keeper. @param options.idleMs - see `Previews.stopIdle` */
export function createPreviewKeeper(options: {
  readonly previews: Pick<Previews, 'stopIdle'>
  readonly idleMs: number
  readonly logger: Logger
}): PreviewKeeper {
  const { previews, idleMs, logger } = options
  const look = createSingleFlight(() =>
    previews.stopIdle(idleMs).then(
      (count) => {
        if (count > 0) logger.info({ count }, 'stopped idle previews')
      },
      (error: unknown) => logger.warn({ err: error }, 'failed to find idle previews; retrying at the next check'),
    ),
  )
  const timer = setInterval(() => void look(), Math.min(longestLookMs, Math.max(shortestLookMs, idleMs / 4))).unref()
  return {
    look,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await look.pending()
    },
  }
}
