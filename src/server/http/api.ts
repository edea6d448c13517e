import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DocumentNode, ExecutionArgs, ExecutionResult, GraphQLSchema } from 'graphql'
import { createYoga, isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Config } from '../../config.ts'
import { ownContextOf, withOwnContext } from '../../live/execute/own-context.ts'
import type { Live } from '../../live/live.ts'
import type { Viewer } from '../../tasks/model/viewer.ts'
import type { Tracing } from '../../tracing/tracing.ts'
import type { Budgets } from '../connections/budgets.ts'
import type { Connections } from '../connections/connections.ts'
import type { Pollers } from '../connections/pollers.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import type { Work } from '../connections/work.ts'
import { createPolicy } from '../operations/policy.ts'
import { type Authenticator, type ReadViewer, toViewer } from '../request/authenticate.ts'
import { type ClientInfo, readClientInfo } from '../request/client-address.ts'
import {
  type Destination,
  type Enveloped,
  type OperationContext,
  type ServerContext,
  type WriteAudit,
  wantsCatchUp,
} from '../request/context.ts'
import type { Exposure } from '../request/exposure.ts'
import { isUnavailable, type MaskError } from '../request/mask.ts'
import type { OriginPolicy } from '../request/origin.ts'
import { refuse } from '../request/refuse.ts'
import { createEventStreamPlugin, readAccept, streamLimitsOf } from '../sse/sse.ts'
import { createAdmission, createServerContext } from './admission.ts'
import { type BodyPace, createBodyLimitPlugin } from './body.ts'

/** Creates the context of resolvers; called for each operation. */
export type CreateContext = (
  viewer: Viewer | null,
  options: { readonly catchUp: boolean; readonly from: ClientInfo },
) => object | Promise<object>

/** The context of a team's resolvers. */
export interface TeamContext {
  /** Called for each operation. @param viewer - null for an anonymous caller */
  readonly create: (viewer: Viewer | null) => object | Promise<object>
  readonly viewer?: ReadViewer | undefined
}

/** The API: executes operations, and serves those that arrive over HTTP. */
export interface Api {
  /** Serves a query, a mutation, an upload or a request for an event stream. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Returns the functions that execute an operation of another transport. */
  envelop(context: Omit<OperationContext, 'req'>): Enveloped
  /** Executes a subscription with a destination, on any transport: see `Policy.subscribe`. */
  subscribe(place: Destination, args: ExecutionArgs): ReturnType<Live['subscribe']>
  /** Returns the length of the text of a document that was parsed by {@link Api.envelop}. */
  charsOf(document: DocumentNode): number
  dispose(): void | Promise<void>
}

/** The path of the API, for all transports. */
export const endpoint = '/graphql'
const postTypes = ['application/json', 'application/graphql+json', 'application/graphql', 'multipart/form-data']

/** The options that the API of a server has in common with the one in the Yoga server of a team. */
export interface ApiOptions {
  readonly config: Config
  readonly createContext: CreateContext
  readonly live: Live
  readonly tracing: Tracing | undefined
  readonly tokens: Authenticator
  readonly origins: OriginPolicy
  readonly connections: Connections
  readonly budgets: Budgets
  readonly pollers: Pollers
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly work: Work
  readonly maskError: MaskError
  /** Time between comments on event streams. */
  readonly keepAliveMs: number
  readonly confirmMs: number
  /** Whether the server has more work than it can do: it refuses new requests then. */
  readonly isOverloaded: () => boolean
  readonly exposure: Exposure
}

/** Creates the API of a server. */
export function createApi(
  options: ApiOptions & {
    readonly schema: GraphQLSchema
    /** The context of the resolvers of a team in the same schema; they have none by default. */
    readonly teamContext?: TeamContext | undefined
    readonly bodyPace: BodyPace | undefined
    /** Serves the page to browsers that navigate to the endpoint. */
    readonly servePage: (response: ServerResponse) => void | Promise<void>
  },
): Api {
  const {
    config,
    schema,
    createContext,
    teamContext,
    live,
    tracing,
    origins,
    budgets,
    work,
    metrics,
    note,
    maskError,
  } = options
  const admit = createAdmission(options)
  const policy = createPolicy({
    schema,
    limits: config,
    exposure: options.exposure,
    budgets,
    work,
    metrics,
    note,
    live,
    tracing,
  })
  /** Puts the context of the team's resolvers around the one of Tidings, which then has the parts that the transport set. */
  const addTeamContext = async (viewer: Viewer | null, parts: object, about: Parameters<CreateContext>[1]) => {
    if (teamContext === undefined) return createContext(viewer, about)
    const context = await teamContext.create(viewer)
    const owner = teamContext.viewer === undefined ? viewer : toViewer(teamContext.viewer(context))
    return withOwnContext(context, { ...parts, ...(await createContext(owner, about)) })
  }
  const yoga = createYoga<ServerContext, object>({
    schema,
    graphqlEndpoint: endpoint,
    context: (initial) => {
      const { params, request } = initial
      const parts = { ...ownContextOf<OperationContext>(initial), params, request }
      return addTeamContext(parts.viewer, parts, { catchUp: wantsCatchUp(parts), from: parts.from })
    },
    plugins: [
      policy.plugin,
      createBodyLimitPlugin({ limits: config, metrics, note, work, pace: options.bodyPace }),
      createEventStreamPlugin({
        ...options,
        ...streamLimitsOf(config),
        envelop: (operationContext): Enveloped => yoga.getEnveloped(operationContext) as unknown as Enveloped,
      }),
      createUnavailablePlugin(),
    ],
    maskedErrors: { maskError: (error) => maskError(error) },
    // This server does each of these itself, the same for all transports.
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    healthCheckEndpoint: '/health/live',
    parserAndValidationCache: false,
    maxRequestBodySize: false,
    batching: false,
  })

  return {
    async serve(request, response) {
      const { headers, method } = request
      const from = readClientInfo(request, config)
      for (const [name, value] of Object.entries(origins.corsHeaders(headers))) response.setHeader(name, value)
      response.setHeader('cache-control', 'no-store')
      if (method === 'OPTIONS') return void response.writeHead(204).end()
      if (method === 'GET' && headers.accept?.includes('text/html') === true) return options.servePage(response)
      if (method !== 'GET' && method !== 'POST') {
        response.setHeader('allow', 'GET, POST, OPTIONS')
        return refuse(response, 405, 'BAD_INPUT', `${method ?? ''} is not used here; use POST`)
      }
      const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
      // HTML forms of other sites can send any other content type without a CORS preflight.
      if (method === 'POST' && !postTypes.includes(type))
        return refuse(response, 415, 'BAD_INPUT', `The content type "${type}" is not understood; use application/json`)
      // Media types are case-insensitive, but yoga compares them exactly.
      if (type !== '') headers['content-type'] = headers['content-type']?.replace(/^[^;]*/, type)
      const admission = await admit(headers, from, type === 'multipart/form-data')
      if ('refusal' in admission) {
        const { status, code, message, retryAfterMs, headers: refusalHeaders = {} } = admission.refusal
        for (const [name, value] of Object.entries(refusalHeaders)) response.setHeader(name, value)
        return refuse(response, status, code, message, retryAfterMs)
      }
      const context = createServerContext({ req: request, res: response, viewer: admission.viewer, from }, note)
      // Names in the context of a team must not replace those of this server, which yoga merges into one object.
      await yoga(
        request,
        response,
        (teamContext === undefined ? context : withOwnContext({}, context)) as ServerContext,
      )
    },
    envelop: (context): Enveloped => yoga.getEnveloped({ ...context }) as unknown as Enveloped,
    async subscribe({ viewer, from, socketId, sinkOperation }, args) {
      const parts = { from, socketId, sinkOperation }
      const context = await addTeamContext(viewer, parts, { catchUp: false, from })
      return policy.subscribe({
        ...args,
        contextValue: teamContext === undefined ? { ...context, ...parts } : context,
      })
    },
    charsOf: policy.charsOf,
    dispose: () => yoga.dispose(),
  }
}

/**
 * Responds with status 503 or 429 and `Retry-After` when no part of an operation could be executed
 * because the server is unavailable or a limit is reached: load balancers and generic clients read these, and not
 * `errors[].extensions`. A partial response keeps its status.
 */
export function createUnavailablePlugin(): Plugin {
  return {
    onResultProcess({ request, result, setResult }) {
      if (Array.isArray(result) || isAsyncIterable(result)) return
      const { stream, json } = readAccept(request.headers.get('accept'))
      // The status of an event stream is always 200.
      if (stream && !json) return
      const executionResult = result as ExecutionResult
      const isLimited = executionResult.errors?.some(({ extensions }) => extensions['code'] === 'RATE_LIMITED') === true
      if (
        !(isUnavailable(executionResult) || isLimited) ||
        Object.values(executionResult.data ?? {}).some((value) => value !== null)
      )
        return
      const waits = (executionResult.errors ?? []).map(({ extensions }) => Number(extensions['retryAfterMs'] ?? 0))
      const seconds = Math.max(1, Math.ceil(Math.max(...waits) / 1_000))
      const http = { status: isLimited ? 429 : 503, headers: { 'retry-after': String(seconds) } }
      setResult({ ...executionResult, extensions: { ...executionResult.extensions, http } })
    },
  }
}
