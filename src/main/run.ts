import { createLogger, endInOrder, isTidingsError } from '../environment.ts'
import { parseStudioConfig, type StudioConfig } from '../studio/config.ts'
import type { App } from './app.ts'
import { describeUsage, readArguments } from './arguments.ts'
import { describeStart } from './banner.ts'

/** The options of {@link run}. */
interface RunOptions {
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The command as shown in help and messages: `npm start`. */
  readonly command: string
}

/**
 * Runs Tidings until the process receives a signal: parses settings, starts all parts, prints the
 * addresses, and shuts down gracefully.
 *
 * Exit codes: 0 after a graceful shutdown, 1 when it could not start or failed.
 */
export async function run({ args, environment, command }: RunOptions): Promise<void> {
  const startedAt = performance.now()
  const request = readArguments(args, command)
  if (request.is === 'help') return void process.stdout.write(describeUsage(command))
  if (request.is === 'refused') return fail(request.message)
  let config: StudioConfig
  try {
    config = parseStudioConfig(environment)
  } catch (error) {
    if (!isTidingsError(error)) throw error
    return fail(`${error.message}\nAll settings: ${command} -- --help`)
  }
  const isProduction = config.NODE_ENV === 'production'
  const logger = createLogger({ level: config.LOG_LEVEL, production: isProduction })

  let app: App | undefined
  const ending = endInOrder({
    logger,
    // The limit of a graceful shutdown; the next start cleans up after one that exceeds it.
    deadlineMs: config.DRAIN_MS + 2_000,
    shutDown: async () => app?.shutDown(),
    withParent: environment['npm_lifecycle_event'] !== undefined,
  })
  try {
    // Imported late: help and refused arguments need none of it.
    const { createTabs, startApp } = await import('./app.ts')
    const healthPort = config.ROLE === 'worker' && environment['PORT'] ? config.PORT : undefined
    app = await startApp({ config, logger, healthPort, createTabs })
  } catch (error) {
    if (!isTidingsError(error)) logger.error({ err: error }, 'failed to start')
    return fail(isTidingsError(error) ? error.message : `Tidings could not start: ${(error as Error).message}`)
  }
  if (ending.isAsked()) return void (await ending.done())
  const tookMs = performance.now() - startedAt
  if (isProduction) logger.info({ url: app.server?.url, tookMs: Math.round(tookMs) }, 'started Tidings')
  else process.stdout.write(describeStart(app, config, tookMs))
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}
