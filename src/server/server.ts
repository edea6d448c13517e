import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { GraphQLSchema } from 'graphql'
import type { Admin } from '../audit/admin.ts'
import type { Config } from '../config.ts'
import type { Live } from '../live/live.ts'
import { type Logger, withLogFields } from '../logger.ts'
import type { RateLimits } from '../rate-limits/rate-limits.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { attachListeners } from './attach.ts'
import { type ClosableServer, createCloser, keptOpen } from './close-server.ts'
import { createBudgets } from './connections/budgets.ts'
import { type Connections, createConnections } from './connections/connections.ts'
import { createPollers } from './connections/pollers.ts'
import { createServerMetrics, type ServerMetrics } from './connections/server-metrics.ts'
import { limitConnections } from './connections/tcp-limit.ts'
import { createWork } from './connections/work.ts'
import { type Api, type ApiOptions, type CreateContext, createApi, endpoint, type TeamContext } from './http/api.ts'
import type { BodyPace } from './http/body.ts'
import { createTeamApi, type TeamPlugin, type TeamYoga } from './http/team-api.ts'
import { collectStatistics } from './monitoring/collect-statistics.ts'
import { createDatabaseWatch } from './monitoring/database-watch.ts'
import { createReadiness, type HealthSources } from './monitoring/health.ts'
import { mayReadMetrics } from './monitoring/health-server.ts'
import { measureLoopLag } from './monitoring/loop-lag.ts'
import type { MetricsPage } from './monitoring/prometheus/page.ts'
import { createGraphiql, type ReadTabs, serveFavicon } from './pages/graphiql.ts'
import { type Authenticator, createAuthenticator } from './request/authenticate.ts'
import { readClientInfo, readRequestId } from './request/client-address.ts'
import type { WriteAudit } from './request/context.ts'
import { drainRequestBody } from './request/drain-request-body.ts'
import { readExposure } from './request/exposure.ts'
import { createSecurityHeaders, refuseRepeatedHeader } from './request/headers.ts'
import { hostInUrl, listen } from './request/listen.ts'
import { createMaskError } from './request/mask.ts'
import { createOriginPolicy } from './request/origin.ts'
import { answerJson, refuse } from './request/refuse.ts'
import { createSocketProtocol } from './websocket/protocol.ts'
import { createUpgrade } from './websocket/upgrade.ts'
import { createWebSockets } from './websocket/websocket.ts'

/**
 * Responds with a page or file of the application at a path that the engine does not use.
 * @returns false when the application has nothing at this path; nothing has been sent then
 */
type ServePage = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>

/** The options of {@link startServer}. */
export interface ServerOptions {
  readonly config: Config
  readonly schema: GraphQLSchema
  /** Creates the context of resolvers; called for each operation. */
  readonly createContext: CreateContext
  /** The context of the resolvers of a team in the same schema; they have none by default. */
  readonly teamContext?: TeamContext | undefined
  /** Executes and delivers all subscriptions. */
  readonly live: Live
  /** The budgets of operations and connections; nothing is limited by default. */
  readonly rateLimits?: RateLimits | undefined
  /** Traces operations; off by default. */
  readonly tracing?: Tracing | undefined
  readonly health: HealthSources
  /** Authenticates callers; by default by the tokens that the settings describe. */
  readonly authenticator?: Authenticator | undefined
  /**
   * A server of the application, which receives the requests for other paths, and which the application listens with and closes.
   * By default a server of its own listens on `HOST` and `PORT`.
   */
  readonly attachTo?: Server | undefined
  /** Receives the connection statistics and the refusals of this server; none by default. */
  readonly admin?: Admin | undefined
  readonly logger: Logger
  /** Prepared operations for GraphiQL, read for each page view. None by default. */
  readonly graphiqlTabs?: ReadTabs | undefined
  /** Serves the pages of the application. Without it `/` redirects to GraphiQL. */
  readonly servePage?: ServePage | undefined
  /**
   * The URL of this server in browsers. With `https:` every response makes them use HTTPS only. By
   * default only requests that a proxy received over HTTPS do.
   */
  readonly siteUrl?: string | undefined
  /** The counters of the server; creates its own by default. */
  readonly metrics?: ServerMetrics | undefined
  /** The page served at `/metrics`; without it the path does not exist. */
  readonly metricsPage?: MetricsPage | undefined
  /** Time between pings on sockets and comments on event streams; default 12 s. */
  readonly keepAliveMs?: number
  /**
   * Time until the second comment on an event stream, which confirms the transport to the client;
   * default 1 s.
   */
  readonly confirmMs?: number
  /** Longest wait for `connection_init`; default 10 s. */
  readonly initMs?: number
  /** Time after which a WebSocket without a token is closed, when tokens are required; default 60 s. */
  readonly anonymousMs?: number
  /** Time after which a WebSocket that continuously exceeds its limit of work is closed; default 10 s. */
  readonly floodMs?: number
  /** The minimum pace of request bodies; see `defaultPace`. */
  readonly bodyPace?: BodyPace
}

/**
 * A server that is listening. Disposing closes it at once; see {@link RunningServer.close} for a
 * graceful shutdown.
 */
export interface RunningServer extends AsyncDisposable {
  readonly port: number
  /** The base URL, without a trailing slash: `http://127.0.0.1:4000`. */
  readonly url: string
  /** The endpoint for WebSockets: `ws://127.0.0.1:4000/graphql`. */
  readonly wsUrl: string
  readonly metrics: ServerMetrics
  readonly connections: Connections
  /**
   * Makes `/health/ready` respond with 503 and refuses new connections; open connections are still
   * served.
   */
  beginDraining(): void
  /**
   * Calls {@link RunningServer.beginDraining}, asks clients to reconnect, spread over `spreadMs`,
   * and cuts the remaining connections.
   */
  close(options: { readonly spreadMs: number }): Promise<void>
}

/** The time over which clients are asked to reconnect when the database becomes unavailable. */
const awaySpreadMs = 1_000

/** The parts of a server that do not depend on what receives its requests. */
function createParts<A extends Omit<Api, 'serve'>>(
  options: ServerOptions,
  endpoint: string,
  createApiWith: (shared: ApiOptions & { readonly isDraining: () => boolean }) => A,
) {
  const { config, createContext, live, tracing, logger, admin } = options
  const { keepAliveMs = 12_000, confirmMs = 1_000, initMs = 10_000, anonymousMs = 60_000, floodMs = 10_000 } = options
  const metrics = options.metrics ?? createServerMetrics()
  const connections = createConnections(config, metrics)
  const pollers = createPollers()
  const note: WriteAudit = (event, viewer, from, about) =>
    admin?.audit.note(event, { userId: viewer?.userId ?? null, ...from }, about)
  const tokens = options.authenticator ?? createAuthenticator(config, logger)
  const origins = createOriginPolicy(config, { onlyLoopback: !tokens.areRequired })
  const exposure = readExposure(config)
  const maskError = createMaskError(logger, exposure)
  const readReadiness = createReadiness(options.health)
  const loopLag = measureLoopLag({ maxMs: config.MAX_LOOP_LAG_MS, onMeasured: metrics.lagged })
  const { isOverloaded } = loopLag
  let isDraining = false
  const record = createDatabaseWatch({
    readReadiness,
    onAway: () => {
      logger.warn('lost the database; asking subscribers to reconnect later')
      void connections.moveAll(awaySpreadMs, 'away')
    },
  })
  const budgets = createBudgets({ rateLimits: options.rateLimits, metrics, note })
  const work = createWork(config, metrics, connections)
  const door = { connections, budgets, work, metrics, note }
  const api = createApiWith({
    ...door,
    config,
    createContext,
    live,
    tracing,
    tokens,
    origins,
    pollers,
    maskError,
    keepAliveMs,
    confirmMs,
    exposure,
    isOverloaded,
    isDraining: () => isDraining,
  })
  const protocol = createSocketProtocol({
    ...door,
    api,
    tokens,
    maskError,
    maxSubscriptions: config.MAX_SUBSCRIPTIONS_PER_SOCKET,
    isAway: record.isAway,
  })
  const sockets = createWebSockets({
    ...door,
    limits: config,
    protocol,
    live,
    logger,
    keepAliveMs,
    initMs,
    floodMs,
    anonymousMs: tokens.areRequired ? anonymousMs : Number.POSITIVE_INFINITY,
  })
  const onUpgrade = createUpgrade({
    ...door,
    config,
    endpoint,
    sockets,
    origins,
    logger,
    isDraining: () => isDraining,
    isOverloaded,
  })

  /**
   * Announces the server to others, and closes it in order.
   * @param detach - called when its connections are closed
   */
  const run = (server: ClosableServer, port: number, detach: () => void) => {
    const closer = createCloser({ server, connections, sockets, api })
    const announcement = admin?.serverStatistics.announce({
      name: `${hostname()}:${port === 0 ? process.pid : port}`,
      source: () => collectStatistics({ connections, pollers, metrics, live, auditedAt: admin.audit.writtenAt }),
    })
    const beginDraining = (): void => {
      isDraining = true
      record[Symbol.dispose]()
      closer.stopAccepting()
    }
    const close = async (spreadMs: number): Promise<void> => {
      beginDraining()
      await closer.close(spreadMs)
      detach()
      loopLag[Symbol.dispose]()
      await announcement?.[Symbol.asyncDispose]()
    }
    return {
      metrics,
      connections,
      beginDraining,
      close: ({ spreadMs }: { readonly spreadMs: number }) => close(spreadMs),
      [Symbol.asyncDispose]: () => close(0),
    }
  }

  return {
    ...{ api, metrics, note, tokens, origins, exposure, readReadiness, onUpgrade, run },
    isDraining: () => isDraining,
  }
}

/**
 * Starts the HTTP server: the API for queries, mutations, uploads and event streams on `/graphql`,
 * WebSockets on the same path, GraphiQL for browsers that navigate there, and `/health/live` and
 * `/health/ready`.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen on `HOST` and `PORT`
 *
 * @example
 * const live = createLiveDelivery({ schema, services, config, logger })
 * const health = { database, bus: engine.bus }
 * const createOwnContext = (viewer, options) => createContext(services, viewer, options)
 * await using server = await startServer({ config, schema, live, health, logger, createContext: createOwnContext })
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, schema, logger, metricsPage, bodyPace } = options
  const securityHeaders = createSecurityHeaders({ siteUrl: options.siteUrl, trustProxy: config.TRUST_PROXY })
  const parts = createParts(options, endpoint, (shared) =>
    createApi({
      ...shared,
      schema,
      teamContext: options.teamContext,
      bodyPace,
      servePage: shared.exposure.hasGraphiql
        ? (response) => graphiql.servePage(response)
        : (response) =>
            refuse(response, 404, 'NOT_FOUND', 'There is no page here; GRAPHIQL=true on the server adds it'),
    }),
  )
  const { api, metrics, note, tokens, origins, exposure, readReadiness, onUpgrade, run, isDraining } = parts
  const graphiql = createGraphiql({
    endpoint,
    tabs: async () => options.graphiqlTabs?.(await tokens.read(undefined)) ?? [],
    tokensAreRequired: tokens.areRequired,
  })

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (isDraining()) response.setHeader('connection', 'close')
    drainRequestBody(request, response)
    for (const [name, value] of Object.entries(securityHeaders(request))) response.setHeader(name, value)
    const headerRefusal = refuseRepeatedHeader(request)
    if (headerRefusal !== null) return refuse(response, 400, 'BAD_INPUT', headerRefusal)
    const [path = '/'] = (request.url ?? '/').split('?')
    if (path === '/health/live') return answerJson(response, 200, { status: 'alive' })
    if (path === '/health/ready') {
      const readiness = await readReadiness(isDraining())
      return answerJson(response, readiness.status === 'ready' ? 200 : 503, readiness)
    }
    const refusal = origins.refuse(request.headers)
    if (refusal !== null) {
      const { reason, message } = refusal
      metrics.refused(reason)
      note('REFUSED', null, readClientInfo(request, config), { reason, subject: 'http', detail: message })
      return refuse(response, 403, 'FORBIDDEN', message)
    }
    if (path === '/metrics' && metricsPage !== undefined && mayReadMetrics(config, request))
      return void response.writeHead(200, { 'content-type': metricsPage.type }).end(await metricsPage.render())
    if (path === endpoint) return api.serve(request, response)
    if ((await options.servePage?.(request, response, path)) === true) return
    if (path === '/' && exposure.hasGraphiql) return void response.writeHead(302, { location: endpoint }).end()
    if (path === '/favicon.svg' || path === '/favicon.ico') return serveFavicon(response)
    if (exposure.hasGraphiql && (await graphiql.serveAsset(request, response, path))) return
    refuse(response, 404, 'NOT_FOUND', `There is nothing at "${path}"; the API is at ${endpoint}`)
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const requestId = readRequestId(request)
    response.setHeader('x-request-id', requestId)
    const completion = withLogFields({ requestId }, () => serve(request, response))
    completion.catch((error: unknown) => {
      logger.error({ err: error, requestId, path: request.url }, 'failed to answer a request')
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'INTERNAL', 'Something went wrong on the server')
    })
  }
  const { attachTo } = options
  const listening = attachTo === undefined ? await startListening(config, metrics, onRequest, onUpgrade) : null
  const attached =
    attachTo === undefined ? null : attachListeners(attachTo, isOwnPath, { request: onRequest, upgrade: onUpgrade })
  const { HOST: host } = config
  const port = listening?.port ?? 0
  return {
    port,
    url: `http://${hostInUrl(host)}:${port}`,
    wsUrl: `ws://${hostInUrl(host)}:${port}${endpoint}`,
    ...run(listening?.server ?? keptOpen, port, () => attached?.[Symbol.dispose]()),
  }
}

/** The parts of a server of a team that Tidings adds: a plugin for its Yoga, and WebSockets. */
export interface TeamServer extends Pick<RunningServer, 'beginDraining' | 'close' | 'connections'> {
  readonly plugin: TeamPlugin
  /** Accepts WebSockets on the path of the Yoga; all others stay with the listeners that the server has. */
  attach(server: Server): void
}

/** Creates what a Yoga server of a team needs to serve the API. */
export function createTeamServer(
  options: Omit<ServerOptions, 'attachTo' | 'schema' | 'teamContext'>,
  yoga: TeamYoga,
): TeamServer {
  const { graphqlEndpoint, schema } = yoga
  const { api, onUpgrade, run } = createParts({ ...options, schema }, graphqlEndpoint, (shared) =>
    createTeamApi({ ...shared, yoga }),
  )
  const attached: Disposable[] = []
  const { beginDraining, close, connections } = run(keptOpen, 0, () => {
    for (const listeners of attached) listeners[Symbol.dispose]()
  })
  return {
    plugin: api.plugin,
    attach: (server) =>
      void attached.push(attachListeners(server, (path) => path === graphqlEndpoint, { upgrade: onUpgrade })),
    beginDraining,
    close,
    connections,
  }
}

/** Whether a server of the application leaves the requests for a path to this one. */
function isOwnPath(path: string): boolean {
  return path === endpoint || path.startsWith(`${endpoint}/`)
}

async function startListening(
  config: Config,
  metrics: ServerMetrics,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  onUpgrade: ReturnType<typeof createUpgrade>,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(
    {
      // A request must arrive in time, even byte by byte; a response has no time limit. For bodies
      // see body.ts; this is the last resort, and long enough for the largest file over a slow
      // connection.
      headersTimeout: 15_000,
      requestTimeout: 1_800_000,
      connectionsCheckingInterval: 5_000,
      // Longer than the minute after which load balancers close idle connections: the server must
      // not close them first.
      keepAliveTimeout: 65_000,
    },
    onRequest,
  )
  server.on('upgrade', onUpgrade)
  limitConnections(server, config, metrics)
  const { HOST: host, PORT } = config
  const port = await listen(server, { host, port: PORT, setting: 'PORT', failure: 'The server cannot listen' })
  return { server, port }
}
