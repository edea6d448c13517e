import type { Logger } from '../logger.ts'

/** The end of a process. */
export interface Ending {
  /** Whether it has been asked for. */
  isAsked(): boolean
  /** Ends now, as if it had been asked for. */
  done(): Promise<void>
}

/**
 * A second signal this soon is the same one: npm passes a terminal's Ctrl-C on to a process that has had it already.
 */
const sameSignalMs = 500
const lookAtParentMs = 250

/**
 * Ends the process in order on SIGINT and SIGTERM with code 0, and with code 1 on an error that nobody caught. A second signal
 * ends it at once.
 *
 * @param options.shutDown - what an orderly end consists of
 * @param options.deadlineMs - how long that may take
 * @param options.withParent - true ends it also when the process that started it is gone: npm passes SIGTERM on to a shell,
 * and that to nobody
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
    // What is not closed by now would keep the process for no reason.
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
