import type { Services } from '../../schema/index.ts'
import { readExamples } from '../../schema/studio/examples/examples.ts'
import { createContext, schema } from '../../schema/studio/index.ts'
import { createPeriodic } from '../async/index.ts'
import {
  connectDatabase,
  type Logger,
  localDeveloper,
  migrate,
  openTracing,
  priorityBoostMs,
  startEmbeddedPostgres,
  startEngine,
  type Tracing,
} from '../engine.ts'
import type { Config } from '../environment.ts'
import {
  createLiveDelivery as createDelivery,
  createMetricsPage,
  createServerMetrics,
  createUnknownResultLog,
  type HealthServer,
  type Live,
  openRateLimits,
  type ReadTabs,
  type RunningServer,
  startHealthServer,
  startPruning,
  startServer,
} from '../server/index.ts'
import { isCounted } from '../studio/analytics/fold.ts'
import { createProjector } from '../studio/analytics/projector.ts'
import { createApplications } from '../studio/applications.ts'
import type { StudioConfig } from '../studio/config.ts'
import { createTaskDefinitions } from '../studio/definitions.ts'
import { prepareFirstRun } from '../studio/first-run.ts'
import { studioMigrations } from '../studio/migrations.ts'
import { createNotifications } from '../studio/notifications/notifications.ts'
import { createEndNotices } from '../studio/notifications/task-ends.ts'
import { typeOf } from '../studio/projects/file-names.ts'
import { createPreviewKeeper } from '../studio/projects/preview/preview-keeper.ts'
import { startPreviewServer } from '../studio/projects/preview/preview-server.ts'
import { warnOfMissingIsolation } from '../studio/sandbox/isolation.ts'
import { ensureStudioBuilt } from './studio-build.ts'
import { createStudioPage } from './studio-page.ts'

/** All parts of Tidings in this process. Disposing calls {@link App.shutDown}. */
export interface App extends AsyncDisposable {
  /** The services of the API. */
  readonly services: Services
  /** null in a worker process. */
  readonly server: RunningServer | null
  /** The health server of a worker process; null when no port was given. */
  readonly healthServer: HealthServer | null
  /** The data directory of the embedded PostgreSQL; null with an external one. */
  readonly dataDir: string | null
  /**
   * Shuts down gracefully, within `DRAIN_MS` plus the time for closing: reports not ready and
   * refuses new connections, hands running tasks over to other workers, asks clients to reconnect,
   * and closes the engine, the database and the embedded PostgreSQL. Idempotent.
   */
  shutDown(): Promise<void>
}

/** Interval for flushing changes of users' lists that the process which made them has not flushed. */
const flushMs = 2_000
/** Maximum delay before an expired notification is removed from live inboxes. */
const expiryMs = 2_000
/** Interval for reading the counted events that other processes append. */
const countMs = 1_000
const longestSpreadMs = 2_000
const spreadMsPerConnection = 5

/**
 * Starts Tidings: the database (embedded unless `DATABASE_URL` is set), the engine, the
 * applications, and depending on `ROLE` the API.
 *
 * @param options.healthPort - the port of the health server of a worker process; none by default
 * @param options.createTabs - creates the initial operations of GraphiQL
 * @throws TidingsError `BAD_CONFIGURATION` or `UNAVAILABLE`, with the way out; nothing is left
 * running then
 */
export async function startApp(options: {
  readonly config: StudioConfig
  readonly logger: Logger
  readonly healthPort?: number | undefined
  readonly createTabs?: (services: Services) => ReadTabs
}): Promise<App> {
  const { config, logger, healthPort, createTabs } = options
  await using stack = new AsyncDisposableStack()

  const embeddedDatabase =
    config.DATABASE_URL === undefined
      ? stack.use(await startEmbeddedPostgres({ dataDir: config.DATA_DIR, logger }))
      : null
  const url = config.DATABASE_URL ?? embeddedDatabase?.url ?? ''
  const database = stack.use(
    await connectDatabase({
      url,
      directUrl: config.DATABASE_DIRECT_URL,
      replicaUrl: config.DATABASE_REPLICA_URL,
      schema: config.DATABASE_SCHEMA,
      maxConnections: config.DATABASE_POOL,
      statementMs: config.DATABASE_STATEMENT_MS,
      logger,
    }),
  )
  await migrate(database, logger)
  await migrate(database, logger, studioMigrations)
  const tracing = stack.use(await openTracing(config, logger))
  const keptDays = config.NOTIFICATION_DAYS
  const engine = stack.use(
    await startEngine({
      config,
      database,
      definitions: (log) => createTaskDefinitions(config, { ...log, logger }),
      logger,
      tracing,
      createAtEnd: ({ presence, ...log }) =>
        createEndNotices({ notifications: createNotifications({ ...log, keptDays }), presence, logger }),
    }),
  )
  // A process that only serves starts no sandboxed processes.
  if (config.ROLE !== 'server') void warnOfMissingIsolation(logger)
  const metrics = createServerMetrics()
  const applications = createApplications(engine, { notificationDays: keptDays, quotas: config.QUOTAS })
  const { previews } = applications.projects
  const previewServer =
    config.ROLE === 'worker'
      ? null
      : stack.use(
          await startPreviewServer({
            config,
            logger,
            readFile: async (key, path) => {
              const file = await previews.readFile(key, path)
              return file === null ? null : { ...file, type: typeOf(path) ?? 'text/plain' }
            },
          }),
        )
  const hasTokens = config.JWT_SECRET !== undefined || config.JWKS_URL !== undefined
  // Without tokens there is one user, on this machine.
  const rateLimits =
    config.ROLE === 'worker' || !hasTokens ? undefined : stack.use(await openRateLimits(database, config, logger))
  const services: Services = {
    engine,
    rateLimits,
    noteFailure: metrics.failed,
    noteUnknownResult: createUnknownResultLog(logger),
    ...applications,
    previewUrl: previewServer?.url ?? null,
    limits: {
      maxUploadBytes: config.MAX_UPLOAD_BYTES,
      headStartMs: (plan) => priorityBoostMs(config.HEAD_STARTS, plan),
    },
  }
  const health = { database, bus: engine.bus }
  const live = config.ROLE === 'worker' ? null : createLiveDelivery(services, config, logger, tracing)
  const metricsPage = createMetricsPage({ engine, live, metrics: live === null ? null : metrics })
  const server =
    live === null
      ? null
      : stack.use(
          await startServer({
            config,
            schema,
            tracing,
            live,
            createContext: (viewer, contextOptions) => createContext(services, viewer, contextOptions),
            health,
            admin: engine.admin,
            rateLimits,
            logger,
            graphiqlTabs: createTabs?.(services),
            metrics,
            metricsPage,
            servePage: createStudioPage({
              load: ensureStudioBuilt,
              logger,
              previewUrl: previewServer?.url ?? null,
              liveUpdates: config.LIVE_UPDATES,
            }).serve,
            siteUrl: config.STUDIO_URL,
          }),
        )
  if (server !== null) {
    previewServer?.serveFor(server.port)
    stack.use(createPreviewKeeper({ previews, idleMs: config.PREVIEW_IDLE_MS, logger }))
  }
  const healthServer =
    server !== null || healthPort === undefined
      ? null
      : stack.use(
          await startHealthServer({
            health,
            host: config.HOST,
            port: healthPort,
            metrics: { page: metricsPage, config },
          }),
        )

  if (config.ROLE !== 'server') {
    const { appender } = engine
    const projector = stack.use(createProjector({ database, appender, logger, everyMs: countMs }))
    stack.defer(
      engine.onAppended((_, events) => {
        if (events.some(isCounted)) projector.wake()
      }),
    )
    stack.use(startPruning(database, config, logger))
    stack.use(
      createPeriodic({
        run: () => services.notifications.prune(),
        everyMs: expiryMs,
        logger,
        failure: 'failed to remove expired notifications',
      }),
    )
    stack.use(
      createPeriodic({
        run: () => services.viewerUpdates.flush(),
        everyMs: flushMs,
        logger,
        failure: 'failed to publish changes of lists',
      }),
    )
  }

  const firstRun = new AbortController()
  stack.defer(() => firstRun.abort())
  // Without tokens there is one user, and example content is created for that user; the start does
  // not wait for it.
  if (config.FIRST_RUN && server !== null && !hasTokens)
    prepareFirstRun({
      engine,
      applications: services,
      owner: localDeveloper.userId,
      logger,
      signal: firstRun.signal,
    }).catch((error: unknown) => logger.warn({ err: error }, 'failed to prepare the first roadmap'))

  const resources = stack.move()
  const shutDownInOrder = async (): Promise<void> => {
    firstRun.abort()
    server?.beginDraining()
    healthServer?.beginDraining()
    const connections = server?.connections.size ?? 0
    const spreadMs = Math.min(longestSpreadMs, config.DRAIN_MS / 4, connections * spreadMsPerConnection)
    await engine.worker?.drain()
    await server?.close({ spreadMs })
    await resources.disposeAsync()
  }
  let shuttingDown: Promise<void> | undefined
  const shutDown = (): Promise<void> => {
    shuttingDown ??= shutDownInOrder()
    return shuttingDown
  }
  return {
    services,
    server,
    healthServer,
    dataDir: embeddedDatabase?.dataDir ?? null,
    shutDown,
    [Symbol.asyncDispose]: shutDown,
  }
}

/** Creates the live delivery of the Studio's API. */
export function createLiveDelivery(services: Services, config: Config, logger: Logger, tracing?: Tracing): Live {
  return createDelivery({ schema, services, config, logger, tracing })
}

/**
 * Creates the initial operations of GraphiQL: they use the visitor's own data, so that they run
 * unchanged.
 */
export function createTabs(services: Services): ReadTabs {
  return (viewer) => readExamples(services, viewer?.userId ?? null)
}
