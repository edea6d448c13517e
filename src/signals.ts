import type { Logger } from './logger.ts'

/** Controls the end of the process. */
export interface Ending {
  /** Whether a shutdown has been requested. */
  isAsked(): boolean
  /** Shuts down now, as if it had been requested. */
  done(): Promise<void>
}

/**
 * A second signal within this time counts as the first one: npm forwards Ctrl-C of a terminal to a
 * process that has already received it.
 */
const sameSignalMs = 500
const lookAtParentMs = 250

/**
 * Shuts the process down gracefully on SIGINT and SIGTERM with code 0, and with code 1 on an
 * uncaught error. A second signal ends it at once.
 *
 * @param options.shutDown - performs the graceful shutdown
 * @param options.deadlineMs - the time limit of the shutdown
 * @param options.withParent - true also shuts down when the parent process has ended: npm forwards
 * SIGTERM to a shell, and the shell does not forward it
 */
export function endInOrder(options: {
  readonly logger: Logger
  readonly deadlineMs: number
  readonly shutDown: () => Promise<unknown>
  readonly withParent: boolean
}): Ending {
  const { logger, deadlineMs, shutDown, withParent } = options
  let askedAt: number | undefined
  let ending: Promise<void> | undefined

  const end = async (code: number): Promise<void> => {
    process.exitCode = code
    const deadline = setTimeout(() => {
      logger.error({ afterMs: deadlineMs }, 'failed to shut down in time; exiting')
      process.exit(1)
    }, deadlineMs)
    deadline.unref()
    try {
      await shutDown()
      logger.info('shut down')
    } catch (error) {
      logger.error({ err: error }, 'failed to shut down')
      process.exitCode = 1
    }
    // Handles that are still open would keep the process alive for no reason.
    process.exit()
  }
  const ask = (code: number): Promise<void> => {
    ending ??= end(code)
    return ending
  }

  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (askedAt === undefined) {
      askedAt = now
      logger.info({ signal }, 'shutting down; the same signal again exits at once')
      void ask(0)
    } else if (now - askedAt > sameSignalMs) {
      logger.warn({ signal }, 'exiting at once')
      process.exit(1)
    }
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const onDefect = (error: unknown): void => {
    logger.fatal({ err: error }, 'shutting down after an uncaught error')
    void ask(1)
  }
  process.on('uncaughtException', onDefect)
  process.on('unhandledRejection', onDefect)
  const parent = process.ppid
  const looks = setInterval(() => {
    if (!withParent || process.ppid === parent) return
    clearInterval(looks)
    logger.info('shutting down: the parent process has exited')
    void ask(0)
  }, lookAtParentMs).unref()
  return { isAsked: () => ending !== undefined, done: () => ask(0) }
}
