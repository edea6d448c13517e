import type { Server } from 'node:http'
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'
import type { z } from 'zod'
import { createContext } from '../../schema/kit/context.ts'
import type { Services } from '../../schema/kit/services.ts'
import { once } from '../async/once.ts'
import { connectDatabase, type Database } from '../db/connect.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { migrate } from '../db/migrate.ts'
import { toUnavailable } from '../db/retry.ts'
import type { JsonObject } from '../db/tables.ts'
import type { Transaction } from '../db/transaction.ts'
import { TidingsError } from '../errors.ts'
import { isOwnField } from '../live/execute/topic-field.ts'
import { createCommittedEvents } from '../log/committed-events.ts'
import type { Pruner } from '../log/event-retention.ts'
import { createLogger } from '../logger.ts'
import type { RateLimits } from '../rate-limits/rate-limits.ts'
import { createServerMetrics } from '../server/connections/server-metrics.ts'
import type { TeamYoga } from '../server/http/team-api.ts'
import { type HealthServer, startHealthServer } from '../server/monitoring/health-server.ts'
import { createMetricsPage } from '../server/monitoring/prometheus/page.ts'
import { createLiveDelivery, createUnknownResultLog, openRateLimits, startPruning } from '../server/parts.ts'
import { createViewerReader } from '../server/request/authenticate.ts'
import {
  createTeamServer,
  type RunningServer,
  type ServerOptions,
  startServer,
  type TeamServer,
} from '../server/server.ts'
import { type Engine, startEngine } from '../tasks/engine.ts'
import { priorityBoostMs } from '../tasks/queue/priority-boost.ts'
import { startWithin } from '../tasks/start/start-within.ts'
import { openTracing } from '../tracing/open.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { writeClientModule } from './client-module.ts'
import type { InputOf, TaskKind } from './define-task.ts'
import {
  type EventSchemas,
  type EventsOf,
  endsTopic,
  ephemeralChannel,
  type TopicKind,
  toLogged,
  topicOf,
} from './define-topic.ts'
import { toEngineDefinition } from './engine-definition.ts'
import { registerHost } from './host.ts'
import { writeOperations } from './operations.ts'
import {
  type ListenOptions,
  namingOptions,
  readOptions,
  type ServeOptions,
  type TidingsOptions,
  type WorkerOptions,
} from './options.ts'
import { publish, publishWithin } from './publish.ts'
import { checkOwnSchema, checkTeamSchema, createTeamSchema } from './team-schema.ts'

/** A task that was started. */
export interface StartedTask {
  /** Begins with `task_`. */
  readonly id: string
  /** False when the idempotency key belongs to a task that exists already. */
  readonly isNew: boolean
}

/** The options of {@link Tidings.start}. */
export interface StartOptions {
  /** The user that owns the task: the `userId` of the viewer that may see it. */
  readonly owner: string
  /** At most 255 characters. The same key with the same input returns the same task, for `idempotencyHours`. Default none. */
  readonly idempotencyKey?: string
  /**
   * The application's open transaction on the same database: rolled back, the task never existed; committed, workers start it at once
   * (behind a pooler of transactions without `databaseDirectUrl`, within `sweepMs`). Default none.
   *
   * Until the commit, a subscription to the task is refused with `NOT_FOUND`, and a start with the same `idempotencyKey` waits. The
   * task is in the queue from the time of this call. `maxStartsPerMinute` counts what this transaction can see, not the tasks of
   * others that are open. No connection is opened, so the tables have to exist already.
   */
  readonly transaction?: Transaction
}

/** The options of {@link Tidings.publish}. */
export interface PublishOptions {
  /**
   * The application's open transaction on the same database: rolled back, the events never existed; committed, subscribers receive
   * them at once (behind a pooler of transactions without `databaseDirectUrl`, within `checkMs`). Default none.
   *
   * Until its end, others that publish to the same topic wait. No connection is opened, so the tables have to exist already.
   */
  readonly transaction?: Transaction
}

/** A server that accepts requests. */
export interface Listening {
  /** The port that was selected. */
  readonly port: number
  /** The base URL, without a trailing slash: `http://127.0.0.1:4000`. */
  readonly url: string
  /** The endpoint for WebSockets: `ws://127.0.0.1:4000/graphql`. */
  readonly wsUrl: string
}

/**
 * Tidings in a team's process. Nothing is opened before a method needs it. Disposing shuts down in order: running tasks are handed
 * over to other workers, clients are asked to reconnect, connections are closed.
 */
export interface Tidings extends AsyncDisposable {
  /** The schema: the types of the engine and those of the kinds. */
  readonly schema: GraphQLSchema
  /** Returns the schema as text. */
  printSchema(): string
  /**
   * Serves the API at `/graphql` (HTTP, event streams, WebSockets; GraphiQL for browsers), `/health/live`, `/health/ready` and
   * `/metrics`, and runs tasks.
   * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen, or for an option that is refused
   */
  listen(options?: ListenOptions): Promise<Listening>
  /**
   * Serves `/graphql` with a server of the team: its requests and WebSockets. Other paths go to the listeners that the server has at
   * this moment. The team listens with it and closes it, after disposing this. Runs no tasks: see {@link Tidings.worker}.
   *
   * With `useTidings` among the plugins of the team's Yoga, that one serves requests, and this adds WebSockets on its path.
   * @throws TidingsError `BAD_CONFIGURATION` for a schema without the subscriptions of Tidings
   */
  attach(server: Server, options?: ServeOptions): Promise<void>
  /**
   * Runs tasks in this process until it is disposed.
   * @returns the port for the health checks; null without one
   * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen
   */
  worker(options?: WorkerOptions): Promise<{ readonly port: number | null }>
  /**
   * Starts a task.
   * @throws TidingsError `BAD_INPUT`, `RATE_LIMITED`, `IDEMPOTENCY_KEY_REUSED`; `UNAVAILABLE` while the database cannot be reached:
   * repeat it with the same `idempotencyKey`, as the task may have been started. With a `transaction`, these errors leave it usable,
   * a kind with `begin` is refused with `BAD_INPUT`, and errors of its statement are those of its library
   * @example
   * await client.query('begin')
   * await client.query('insert into report (id, owner) values ($1, $2)', [reportId, userId])
   * const { id } = await tidings.start(exportReport, { reportId }, { owner: userId, transaction: client })
   * await client.query('commit')
   */
  start<T extends TaskKind>(task: T, input: InputOf<T>, options: StartOptions): Promise<StartedTask>
  /**
   * Appends events to the topic of an object, and delivers them to its subscribers. The topic begins with its first event.
   *
   * @param events - by name; several are appended together, in this order
   * @returns the seq of the last of them
   * @throws TidingsError `BAD_INPUT` for an event that does not fit; `CONFLICT` after one of `last`; `UNAVAILABLE` while the database
   * cannot be reached: the events may have been appended
   * @example
   * await tidings.publish(order, '42', { statusChanged: { status: 'shipped' } })
   */
  publish<S extends z.ZodObject | undefined, E extends EventSchemas, P extends EventSchemas>(
    topic: TopicKind<S, E, P>,
    id: string,
    events: EventsOf<E>,
    options?: PublishOptions,
  ): Promise<{ readonly seq: number }>
  /**
   * Sends ephemeral events to the subscribers that are connected now. They are not stored, and may be lost.
   *
   * @throws TidingsError `BAD_INPUT` for an event that does not fit
   * @example
   * await tidings.emit(order, '42', { courierMoved: { latitude: 48.2, longitude: 16.4 } })
   */
  emit<S extends z.ZodObject | undefined, E extends EventSchemas, P extends EventSchemas>(
    topic: TopicKind<S, E, P>,
    id: string,
    events: EventsOf<P>,
  ): Promise<void>
  /** Creates or upgrades the tables: forward only, one process at a time. @returns the names of the migrations that it applied */
  migrate(): Promise<readonly string[]>
  /**
   * Writes the module with which a page starts and watches these tasks and topics, such as `tidings.gen.ts`, for the hooks of
   * `tidings/react`: a value per kind, typed with its input, result and error details, and a value per topic, typed with its events.
   * Needs no database. A file that is up to date is not written. Values of a team's own scalars are `unknown` unless these have
   * `extensions: { jsonSchema: { type: 'string' } }`, as those of graphql-scalars do.
   * @param options.schema - the schema that is served, when it contains the one of Tidings. Defaults to `tidings.schema`
   * @returns whether the file was written
   * @throws TypeError when the events of a topic cannot be selected together
   * @example
   * if (process.env.NODE_ENV !== 'production') await tidings.writeClient(new URL('page/tidings.gen.ts', import.meta.url))
   */
  writeClient(path: string | URL, options?: Pick<ServeOptions, 'schema'>): Promise<boolean>
}

/** The parts that the first server, worker or started task of this process opens. */
interface Opened {
  readonly database: Database
  readonly engine: Engine
  readonly tracing: Tracing
}

/** The time over which the clients of a server that is disposed are asked to reconnect, in milliseconds. */
const spreadMs = 500

/**
 * Creates Tidings with a team's kinds of tasks.
 *
 * @throws TypeError when the kinds do not fit GraphQL or each other; TidingsError `BAD_CONFIGURATION` for an option that is refused
 * @example
 * const tidings = createTidings({ tasks: [exportReport], databaseUrl: 'postgres://localhost/app' })
 * await tidings.listen({ port: 4000 })
 */
export function createTidings(options: TidingsOptions): Tidings {
  const { tasks, topics = [], context = {}, authenticate } = options
  const config = readOptions(options)
  const logger =
    options.logger ?? createLogger({ level: config.LOG_LEVEL, production: config.NODE_ENV === 'production' })
  const schema = createTeamSchema(options)
  const definitions = tasks.map((task) => toEngineDefinition(task, context))
  const resources = new AsyncDisposableStack()
  const healthServers: HealthServer[] = []
  const servers: Pick<RunningServer, 'beginDraining' | 'close' | 'connections'>[] = []

  const connect = once(async (): Promise<Database> => {
    if (resources.disposed) throw new TidingsError('SHUTTING_DOWN', 'This instance of Tidings was disposed')
    const { DATABASE_URL, DATA_DIR: dataDir } = config
    const url = DATABASE_URL ?? resources.use(await namingOptions(startEmbeddedPostgres({ dataDir, logger }))).url
    return resources.use(
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
  })
  const migrateOnce = once(async () => namingOptions(migrate(await connect(), logger)))
  const open = once(async (): Promise<Opened> => {
    const database = await connect()
    if (options.migrateAtStart !== false) await migrateOnce()
    const tracing = resources.use(await openTracing(config, logger))
    const engine = resources.use(
      await namingOptions(startEngine({ config, database, definitions, logger, tracing, isWorkerDeferred: true })),
    )
    return { database, engine, tracing }
  })
  const checkTopic = (topic: { readonly name: string }): void => {
    if (!topics.some(({ name }) => name === topic.name))
      throw new TidingsError('BAD_INPUT', `The topic ${topic.name} is not among the topics of createTidings; add it`)
  }
  const followCommits = once(async (): Promise<void> => {
    const { database, engine } = await open()
    if (topics.length > 0) resources.use(createCommittedEvents({ database, feeds: engine.feeds, logger }))
  })
  const work = once(async (): Promise<Pruner> => {
    const { database, engine } = await open()
    await engine.startWorker()
    return resources.use(startPruning(database, config, logger, tasks))
  })
  const limitRates = once(async (database: Database): Promise<RateLimits | undefined> => {
    // Without tokens there is one user, on this machine.
    if (authenticate === undefined && config.JWT_SECRET === undefined && config.JWKS_URL === undefined) return undefined
    return resources.use(await openRateLimits(database, config, logger))
  })

  /** Opens what servers need that serve a schema. */
  const prepareServer = async (served: GraphQLSchema, address: Pick<ListenOptions, 'host' | 'port'>) => {
    if (served === schema) checkOwnSchema(served)
    else checkTeamSchema(served)
    const serverConfig = readOptions(options, address)
    const { database, engine, tracing } = await open()
    await followCommits()
    const metrics = createServerMetrics()
    // The services of an application in the same program belong to the type, but not to this schema.
    const services = {
      engine,
      rateLimits: await limitRates(database),
      noteFailure: metrics.failed,
      noteUnknownResult: createUnknownResultLog(logger),
      limits: { headStartMs: (plan: string | null) => priorityBoostMs(config.HEAD_STARTS, plan) },
    } as Services
    const live = createLiveDelivery({ schema: served, services, config, logger, tracing, isOwnField })
    return {
      config: serverConfig,
      schema: served,
      tracing,
      live,
      createContext: (viewer, contextOptions) => createContext(services, viewer, contextOptions),
      authenticator: authenticate === undefined ? undefined : createViewerReader(authenticate),
      health: { database, bus: engine.bus },
      admin: engine.admin,
      rateLimits: services.rateLimits,
      logger,
      graphiqlTabs: () => Promise.resolve(writeOperations(served)),
      metrics,
      metricsPage: createMetricsPage({ engine, live, metrics }),
    } satisfies ServerOptions
  }
  const serve = async (
    { schema: served = schema, context, viewer, ...address }: Omit<ListenOptions, 'worker'>,
    attachTo?: Server,
  ): Promise<RunningServer> => {
    const teamContext = served === schema ? undefined : { create: context ?? (() => ({})), viewer }
    const prepared = await prepareServer(served, address)
    const server = await namingOptions(startServer({ ...prepared, teamContext, attachTo }))
    servers.push(server)
    return server
  }
  const serveYoga = async (yoga: TeamYoga): Promise<TeamServer> => {
    const server = createTeamServer(await prepareServer(yoga.schema, {}), yoga)
    servers.push(server)
    return server
  }
  const openYogas: (() => Promise<TeamServer>)[] = []
  let isServing = false

  const shutDown = once(async (): Promise<void> => {
    // Includes parts that are still being opened.
    const opened = await open.started()?.catch(() => undefined)
    for (const server of [...servers, ...healthServers]) server.beginDraining()
    await opened?.engine.worker?.drain()
    await Promise.all(servers.map((server) => server.close({ spreadMs })))
    await resources.disposeAsync()
  })

  const tidings: Tidings = {
    schema,
    printSchema: () => `${printSchema(lexicographicSortSchema(schema))}\n`,
    async listen({ worker = true, ...address } = {}) {
      if (worker) await work()
      const { port, url, wsUrl } = await serve(address)
      return { port, url, wsUrl }
    },
    async attach(server, served = {}) {
      if (openYogas.length > 0 && served.schema === undefined) {
        for (const openYoga of openYogas) (await openYoga()).attach(server)
        return
      }
      isServing ||= served.schema === undefined
      await serve(served, server)
    },
    async worker({ port, host = '127.0.0.1' } = {}) {
      await work()
      if (port === undefined) return { port: null }
      const { database, engine } = await open()
      const health = { database, bus: engine.bus }
      const healthServer = resources.use(await namingOptions(startHealthServer({ health, host, port })))
      healthServers.push(healthServer)
      return { port: healthServer.port }
    },
    async start(task, input, { owner, idempotencyKey, transaction }) {
      const definition = definitions[tasks.indexOf(task)]
      if (definition === undefined)
        throw new TidingsError('BAD_INPUT', `The kind ${task.kind} is not among the tasks of createTidings; add it`)
      const request = { kind: task.kind, input: input as JsonObject, owner, idempotencyKey }
      if (transaction !== undefined)
        return await startWithin(transaction, request, {
          definition,
          maxStartsPerMinute: config.MAX_STARTS_PER_MINUTE,
          idempotencyHours: config.IDEMPOTENCY_HOURS,
          schema: config.DATABASE_SCHEMA,
        })
      const { engine } = await open()
      try {
        const started = await engine.tasks.start(request)
        return { id: started.task.id, isNew: started.isNew }
      } catch (error) {
        throw toUnavailable(error)
      }
    },
    async publish(topic, id, events, { transaction } = {}) {
      checkTopic(topic)
      const logged = toLogged(topic, topic.events, events)
      const request = { topic: topicOf(topic, id), events: logged, close: endsTopic(topic, logged) }
      return transaction === undefined
        ? await publish((await open()).engine, request)
        : await publishWithin(transaction, request, config.DATABASE_SCHEMA)
    },
    async emit(topic, id, events) {
      checkTopic(topic)
      const { engine } = await open()
      const channel = ephemeralChannel(topicOf(topic, id))
      for (const event of toLogged(topic, topic.ephemeral ?? {}, events)) engine.bus.publish(channel, event)
    },
    migrate: () => migrateOnce(),
    writeClient: (path, { schema: served = schema } = {}) => writeClientModule(served, path),
    [Symbol.asyncDispose]: shutDown,
  }
  registerHost(tidings, {
    serveYoga,
    joined(openServer) {
      if (isServing) throw new TypeError('Create the Yoga with useTidings before you call attach, which serves it then')
      openYogas.push(openServer)
    },
    openEngine: async () => (await open()).engine,
    prune: async () => (await work()).run(),
    get connections() {
      return servers.map(({ connections }) => connections)
    },
  })
  return tidings
}
