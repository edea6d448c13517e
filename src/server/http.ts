import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import type { GraphQLSchema } from 'graphql'
import { createYoga } from 'graphql-yoga'
import type { Admin } from '../admin/admin.ts'
import type { Config } from '../config.ts'
import { TidingsError } from '../errors.ts'
import type { Live } from '../live/shared.ts'
import { createTurnstile } from '../live/turnstile.ts'
import { type Logger, withLogFields } from '../logger.ts'
import type { Viewer } from '../tasks/viewer.ts'
import type { Tracing } from '../tracing.ts'
import { readRequestId, readWhence, type Whence } from './address.ts'
import { type BodyPace, createBodyLimitPlugin } from './body.ts'
import { takeCensus } from './census.ts'
import { type Connections, createConnections } from './connections.ts'
import { type Note, type OperationContext, type ServerContext, wantsCatchUp } from './context.ts'
import { createGraphiql, type GraphiqlTab, serveFavicon } from './graphiql.ts'
import { createReadiness, type HealthSources } from './health.ts'
import { mayReadMetrics } from './health-server.ts'
import { lingerForBody } from './linger.ts'
import { createMaskError } from './mask.ts'
import { createServerMetrics, type ServerMetrics } from './metrics.ts'
import { createOriginPolicy } from './origin.ts'
import { createPolicy } from './policy.ts'
import { createPollers } from './pollers.ts'
import type { MetricsPage } from './prometheus.ts'
import { createRecordWatch } from './record-watch.ts'
import { answerJson, refuse, refuseUpgrade } from './refuse.ts'
import { createCloser } from './shutdown.ts'
import { createEventStreamPlugin } from './sse.ts'
import { type BuiltStudio, createStudioPage } from './studio-page.ts'
import { createTokens } from './viewer.ts'
import { createWebSockets, type Enveloped } from './websocket.ts'

/** What the server serves, and how. */
export interface ServerOptions {
  readonly config: Config
  readonly schema: GraphQLSchema
  /** What resolvers are given; called for each operation. */
  readonly createContext: (
    viewer: Viewer | null,
    options: { readonly catchUp: boolean; readonly from: Whence },
  ) => object | Promise<object>
  /** Live delivery of the fields that share their executions; without it every subscriber has its own. */
  readonly live?: Live | undefined
  /** Follows operations; off by default. */
  readonly tracing?: Tracing | undefined
  readonly health: HealthSources
  /** Where it tells who is connected, and what it refuses; nowhere by default. */
  readonly admin?: Admin | undefined
  readonly logger: Logger
  /** Prepared operations for GraphiQL, read for each visit. None by default. */
  readonly graphiqlTabs?: (() => Promise<readonly GraphiqlTab[]>) | undefined
  /** Finds the Studio that is served at `/`, and builds it where necessary. Without it `/` leads to GraphiQL. */
  readonly loadStudio?: (() => Promise<BuiltStudio>) | undefined
  /** Where previews of projects are served, which the Studio shows in frames; null, the default, for nowhere. */
  readonly previewUrl?: string | null | undefined
  /** What the server counts in; counters of its own by default. */
  readonly metrics?: ServerMetrics | undefined
  /** What is shown at `/metrics`; without it there is nothing. */
  readonly metricsPage?: MetricsPage | undefined
  /** Time between pings on sockets and comments on event streams; default 12 s. */
  readonly keepAliveMs?: number
  /** Longest wait for `connection_init`; default 10 s. */
  readonly initMs?: number
  /** How slowly bodies may come; see `defaultPace`. */
  readonly bodyPace?: BodyPace
}

/** A server that is listening. Disposing closes it at once; see {@link RunningServer.close} for the orderly way. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number
  /** Where it is, without a slash at the end: `http://127.0.0.1:4000`. */
  readonly url: string
  /** The endpoint for WebSockets: `ws://127.0.0.1:4000/graphql`. */
  readonly wsUrl: string
  readonly metrics: ServerMetrics
  readonly connections: Connections
  /** From now on `/health/ready` says 503 and no new connections are taken; those that are open are served still. */
  beginDraining(): void
  /** {@link RunningServer.beginDraining}, asks open connections to move, spread over `spreadMs`, and cuts what remains. */
  close(options: { readonly spreadMs: number }): Promise<void>
}

/** Over which time clients are sent away while the database is. */
const awaySpreadMs = 1_000
/** Spent on new sockets in one turn of the event loop: a crowd that reconnects must not hold up those who are here. */
const upgradeMs = 5
/** The path of the API, for all transports. */
const endpoint = '/graphql'
const postTypes = ['application/json', 'application/graphql+json', 'application/graphql', 'multipart/form-data']

/**
 * Starts the HTTP server: the API for queries, mutations, uploads and event streams on `/graphql`, WebSockets on the same
 * path, GraphiQL for browsers that go there, and `/health/live` and `/health/ready`.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen on `HOST` and `PORT`
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, schema, createContext, logger, health, admin, keepAliveMs = 12_000, initMs = 10_000 } = options
  const metrics = options.metrics ?? createServerMetrics()
  const connections = createConnections(config, metrics)
  const pollers = createPollers()
  const note: Note = (event, viewer, from, about) =>
    admin?.audit.note(event, { userId: viewer?.userId ?? null, ...from }, about)
  const tokens = createTokens(config, logger)
  const origins = createOriginPolicy(config, { onlyLoopback: !tokens.areRequired })
  const maskError = createMaskError(logger)
  const readReadiness = createReadiness(health)
  let isDraining = false
  const record = createRecordWatch({
    readReadiness,
    onAway: () => {
      logger.warn('the database cannot be reached; those who watch are asked to come back')
      void connections.moveAll(awaySpreadMs, 'away')
    },
  })

  const crowd = createTurnstile({ maxMs: upgradeMs })
  const policy = createPolicy({ schema, limits: config, metrics, note, live: options.live, tracing: options.tracing })
  const yoga = createYoga<ServerContext, object>({
    schema,
    graphqlEndpoint: endpoint,
    context: (initial) => {
      const context = initial as unknown as OperationContext
      return createContext(context.viewer, { catchUp: wantsCatchUp(context), from: context.from })
    },
    plugins: [
      policy.plugin,
      createBodyLimitPlugin(config, metrics, note, options.bodyPace),
      createEventStreamPlugin({
        connections,
        pollers,
        metrics,
        note,
        keepAliveMs,
        maxStreamMs: config.MAX_STREAM_MS,
      }),
    ],
    maskedErrors: { maskError: (error) => maskError(error) },
    // Each of these is done by this server itself, for all transports alike.
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    healthCheckEndpoint: '/health/live',
    parserAndValidationCache: false,
    maxRequestBodySize: false,
    batching: false,
  })
  const sockets = createWebSockets({
    limits: config,
    tokens,
    connections,
    metrics,
    note,
    live: options.live,
    subscribeShared: async ({ viewer, from, seat }, args) => {
      const contextValue = { ...(await createContext(viewer, { catchUp: false, from })), from, seat }
      return policy.subscribeShared({ ...args, contextValue })
    },
    envelop: (context) => yoga.getEnveloped({ ...context }) as unknown as Enveloped,
    maskError,
    logger,
    keepAliveMs,
    initMs,
    isAway: record.isAway,
  })
  const graphiql = createGraphiql({
    endpoint,
    tabs: options.graphiqlTabs ?? (() => Promise.resolve([])),
    tokensAreRequired: tokens.areRequired,
  })

  const { metricsPage } = options
  const studio =
    options.loadStudio === undefined
      ? null
      : createStudioPage({ load: options.loadStudio, logger, previewUrl: options.previewUrl ?? null })

  const serveApi = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { headers, method } = request
    const from = readWhence(request, config)
    for (const [name, value] of Object.entries(origins.corsHeaders(headers))) response.setHeader(name, value)
    response.setHeader('cache-control', 'no-store')
    if (method === 'OPTIONS') return void response.writeHead(204).end()
    if (method === 'GET' && headers.accept?.includes('text/html') === true) return graphiql.servePage(response)
    if (method !== 'GET' && method !== 'POST') {
      response.setHeader('allow', 'GET, POST, OPTIONS')
      return refuse(response, 405, 'BAD_INPUT', `${method ?? ''} is not used here; use POST`)
    }
    const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
    // Forms of other sites can send every other type without asking first.
    if (method === 'POST' && !postTypes.includes(type))
      return refuse(response, 415, 'BAD_INPUT', `The content type "${type}" is not understood; use application/json`)
    let viewer: Viewer | null
    try {
      viewer = await tokens.read(headers.authorization)
      if (viewer === null && type === 'multipart/form-data')
        throw new TidingsError('UNAUTHENTICATED', 'Files are taken only with a token')
    } catch (error) {
      metrics.refused('token')
      const { message, extensions } = maskError(error)
      const isRefused = extensions['code'] === 'UNAUTHENTICATED'
      if (isRefused) {
        response.setHeader('www-authenticate', 'Bearer')
        note('REFUSED', null, from, { reason: 'token', subject: 'http', detail: message })
      }
      return refuse(response, isRefused ? 401 : 503, String(extensions['code']), message)
    }
    let unreadBytes = (): number => 0
    const context: ServerContext = {
      req: request,
      res: response,
      viewer,
      from,
      cut() {
        note('LIMITED', viewer, from, { reason: 'slow', subject: 'sse', detail: 'Nothing was read for SLOW_READER_MS' })
        response.destroy()
      },
      onStream: (read) => {
        unreadBytes = read
      },
      unreadBytes: () => unreadBytes(),
    }
    await yoga(request, response, context)
  }

  const noteRefusal = (from: Whence, refusal: { reason: string; message: string }, subject: string): void =>
    note('REFUSED', null, from, { reason: refusal.reason, subject, detail: refusal.message })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (isDraining) response.setHeader('connection', 'close')
    lingerForBody(request, response)
    const [path = '/'] = (request.url ?? '/').split('?')
    if (path === '/health/live') return answerJson(response, 200, { status: 'alive' })
    if (path === '/health/ready') {
      const readiness = await readReadiness(isDraining)
      return answerJson(response, readiness.status === 'ready' ? 200 : 503, readiness)
    }
    if (path === '/metrics' && metricsPage !== undefined && mayReadMetrics(config, request))
      return void response.writeHead(200, { 'content-type': metricsPage.type }).end(await metricsPage.render())
    const refusal = origins.refuse(request.headers)
    if (refusal !== null) {
      metrics.refused(refusal.reason)
      noteRefusal(readWhence(request, config), refusal, 'http')
      return refuse(response, 403, 'FORBIDDEN', refusal.message)
    }
    if (path === endpoint) return serveApi(request, response)
    if (studio !== null && (await studio.serve(request, response, path))) return
    if (path === '/') return void response.writeHead(302, { location: endpoint }).end()
    if (path === '/favicon.svg' || path === '/favicon.ico') return serveFavicon(response)
    if (await graphiql.serveAsset(request, response, path)) return
    refuse(response, 404, 'NOT_FOUND', `There is nothing at "${path}"; the API is at ${endpoint}`)
  }

  const refuseSocket = (request: IncomingMessage, from: Whence): readonly [status: number, message: string] | null => {
    const [path] = (request.url ?? '').split('?')
    if (path !== endpoint) return [404, `There are no WebSockets here; they are at ${endpoint}`]
    const refusal = origins.refuse(request.headers)
    if (refusal !== null) {
      metrics.refused(refusal.reason)
      noteRefusal(from, refusal, 'ws')
      return [403, refusal.message]
    }
    if (isDraining) return [503, 'This server is shutting down; connect again']
    if (connections.mayOpen(from.address)) return null
    metrics.refused('address')
    const message = 'Too many connections of this address are open; try again later'
    note('LIMITED', null, from, { reason: 'address', subject: 'ws', detail: message })
    return [429, message]
  }
  // Not made for each socket: it stays as long as the socket, and would keep the request with it.
  const onSocketError = (error: unknown): void => logger.debug({ err: error }, 'a socket failed')
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', onSocketError)
    crowd.pass(() => {
      const from = readWhence(request, config)
      const refusal = refuseSocket(request, from)
      if (refusal === null) sockets.upgrade(request, socket, head, from)
      else refuseUpgrade(socket, ...refusal)
    })
  }

  const server = createServer(
    {
      // A request must arrive in time, also byte by byte; an answer may take as long as it wants. For bodies see body.ts; this
      // is the last resort, and long enough for the largest file over a slow line.
      headersTimeout: 15_000,
      requestTimeout: 1_800_000,
      connectionsCheckingInterval: 5_000,
      // Longer than the minute after which balancers close theirs: the server must not be the first.
      keepAliveTimeout: 65_000,
    },
    (request, response) => {
      const requestId = readRequestId(request)
      response.setHeader('x-request-id', requestId)
      const served = withLogFields({ requestId }, () => serve(request, response))
      served.catch((error: unknown) => {
        logger.error({ err: error, requestId, path: request.url }, 'a request could not be answered')
        if (response.headersSent) response.destroy()
        else refuse(response, 500, 'INTERNAL', 'Something went wrong on the server')
      })
    },
  )
  server.on('upgrade', upgrade)
  const port = await listen(server, config)
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST

  const closer = createCloser({ server, connections, sockets, yoga })
  const beginDraining = (): void => {
    isDraining = true
    record[Symbol.dispose]()
    closer.stopAccepting()
  }
  const announcement = admin?.census.announce({
    name: `${hostname()}:${port}`,
    source: () => takeCensus({ connections, pollers, metrics, live: options.live, auditedAt: admin.audit.writtenAt }),
  })
  const close = async (spreadMs: number): Promise<void> => {
    beginDraining()
    await closer.close(spreadMs)
    await announcement?.[Symbol.asyncDispose]()
  }
  return {
    port,
    url: `http://${host}:${port}`,
    wsUrl: `ws://${host}:${port}${endpoint}`,
    metrics,
    connections,
    beginDraining,
    close: ({ spreadMs }) => close(spreadMs),
    [Symbol.asyncDispose]: () => close(0),
  }
}

async function listen(server: Server, { HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): Promise<number> {
  server.listen(PORT, HOST)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE'
        ? `the port ${PORT} is in use; end what uses it, or set PORT to another one (0 takes a free one)`
        : code === 'EACCES'
          ? `the port ${PORT} may not be used by this user; set PORT to one above 1023`
          : `${(error as Error).message}; correct HOST or PORT`
    throw new TidingsError('BAD_CONFIGURATION', `The server cannot listen on ${HOST}: ${why}`, {}, { cause: error })
  }
  return (server.address() as AddressInfo).port
}
