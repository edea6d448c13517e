import type { Logger } from '../../logger.ts'
import type { Postmaster } from './postmaster.ts'

/** A server that exits more often would most likely keep doing so. */
const maxRestartsPerMinute = 3

/**
 * Keeps a server running: one that exits without having been stopped, for example killed by the
 * system for its memory use, is restarted. Running statements fail; later ones find it at the same
 * address.
 *
 * @param start - resolves with a server that answers
 * @returns `stop`, which stops the server permanently
 * @throws any error of the first `start`
 */
export async function keepRunning(
  start: () => Promise<Postmaster>,
  logger: Logger,
): Promise<{ stop: () => Promise<void> }> {
  let current = await start()
  let isStopping = false
  let restarting = Promise.resolve()

  const restartedAt: number[] = []
  const watch = () => {
    void current.ended.then((how) => {
      if (!isStopping) restarting = restart(how)
    })
  }
  const restart = async (how: string) => {
    const now = performance.now()
    if (restartedAt.filter((at) => now - at < 60_000).length >= maxRestartsPerMinute) {
      logger.error({ reason: how }, 'lost PostgreSQL again; not restarting it, restart this process')
      return
    }
    restartedAt.push(now)
    logger.error({ reason: how }, 'lost PostgreSQL; restarting it')
    try {
      current = await start()
      watch()
      logger.info('restarted PostgreSQL')
    } catch (error) {
      logger.error({ err: error }, 'failed to restart PostgreSQL; restart this process')
    }
  }
  watch()
  return {
    stop: async () => {
      isStopping = true
      await restarting
      await current.stop()
    },
  }
}
