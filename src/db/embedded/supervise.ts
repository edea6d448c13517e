import type { Logger } from '../../logger.ts'
import type { Postmaster } from './postmaster.ts'

/** A server that ends more often would only go on doing so. */
const maxRestartsPerMinute = 3

/**
 * Keeps a server running: one that ends without being told to, as when the system kills it for its memory, is started
 * again. The statements under way fail; those that come later find it at the same address.
 *
 * @param start - resolves with a server that answers
 * @returns `stop`, which ends it for good
 * @throws what the first `start` throws
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
