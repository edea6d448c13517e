import { type IncomingMessage, ServerResponse } from 'node:http'
import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { TidingsError } from '../../errors.ts'
import { ownContextOf, withOwnContext } from '../../live/execute/own-context.ts'
import { followsTopic } from '../../live/execute/plan.ts'
import { createPolicy } from '../operations/policy.ts'
import { type ReadViewer, toViewer } from '../request/authenticate.ts'
import { readClientInfo } from '../request/client-address.ts'
import { type Enveloped, type OperationContext, type ServerContext, wantsCatchUp } from '../request/context.ts'
import { causeOf, codeOf } from '../request/mask.ts'
import { graphqlResponseType } from '../request/refuse.ts'
import { createEventStreamPlugin, streamLimitsOf } from '../sse/sse.ts'
import { createAdmission, createServerContext, type Refusal } from './admission.ts'
import { type Api, type ApiOptions, createUnavailablePlugin } from './api.ts'

/** A Yoga server of a team, as far as it is used. */
export interface TeamYoga {
  readonly schema: GraphQLSchema
  /** Its path, for WebSockets. */
  readonly graphqlEndpoint: string
  /** Returns the functions that execute an operation, with all plugins of the team. */
  getEnveloped(context: object): unknown
  readonly viewer?: ReadViewer | undefined
  /** Whether unexpected errors of the team's resolvers are masked, too. */
  readonly masksAll: boolean
}

/** The API in the Yoga server of a team: it serves HTTP itself, with a plugin. */
export interface TeamApi extends Omit<Api, 'serve'> {
  readonly plugin: TeamPlugin
}

/** The hooks of the plugin. */
export type TeamPlugin = Required<
  Pick<
    Plugin<object, TeamServerContext>,
    'onContextBuilding' | 'onExecute' | 'onParams' | 'onRequestParse' | 'onResultProcess' | 'onSubscribe'
  >
>

/**
 * Creates the API in the Yoga server of a team. Queries and mutations stay with that server: its parser, its validation, its limits
 * and its execution. Subscriptions to topics are executed by live delivery and sent by the event streams of `createApi`; over
 * WebSockets, they do not pass through the layers of Yoga, which would remain for the lifetime of each.
 */
export function createTeamApi(
  options: ApiOptions & { readonly yoga: TeamYoga; readonly isDraining: () => boolean },
): TeamApi {
  const { config, createContext, tokens, origins, note, metrics, maskError, yoga, isDraining } = options
  const { schema } = yoga
  const admit = createAdmission(options)
  const policy = createPolicy({ ...options, schema, limits: config })
  /** The requests of the streams with several operations, which the context of a team may read. */
  const requests = new WeakMap<object, Request>()

  const envelop = (own: object, context: object): Enveloped =>
    yoga.getEnveloped({ ...withOwnContext({}, own), ...context }) as Enveloped
  const mask = (error: GraphQLError): GraphQLError => {
    // As in every Yoga: a resolver that throws a GraphQLError shows it to the client.
    if (causeOf(error) instanceof GraphQLError) return error
    return yoga.masksAll || codeOf(error) !== 'INTERNAL' ? maskError(error) : error
  }
  const maskResult = (result: ExecutionResult): ExecutionResult =>
    result.errors === undefined ? result : { ...result, errors: result.errors.map(mask) }
  const eventStreams = createEventStreamPlugin({
    ...options,
    ...streamLimitsOf(config),
    onlyTopics: true,
    envelop: (context) => {
      const own = context as OperationContext
      const request = own.req === undefined ? undefined : requests.get(own.req)
      return envelop(own, { params: own.params, ...(request === undefined ? {} : { request }) })
    },
  })
  const unavailable = createUnavailablePlugin()

  const plugin: TeamPlugin = {
    async onRequestParse({ request, serverContext, endResponse }) {
      const { req = withoutNode(request), res } = readNodeParts(serverContext)
      const from = readClientInfo(req, config)
      // Which pages may call it is the team's decision, except where every caller is the local developer.
      const refusal = tokens.areRequired ? null : origins.refuse(req.headers)
      if (refusal !== null) {
        metrics.refused(refusal.reason)
        note('REFUSED', null, from, { reason: refusal.reason, subject: 'http', detail: refusal.message })
        return endResponse(toResponse({ status: 403, code: 'FORBIDDEN', message: refusal.message }))
      }
      const admission = await admit(req.headers, from, false)
      if ('refusal' in admission) return endResponse(toResponse(admission.refusal))
      requests.set(req, request)
      const own = createServerContext({ req, res: res as ServerResponse, viewer: admission.viewer, from }, note)
      Object.assign(serverContext, withOwnContext({}, own))
    },
    onParams: (payload) => eventStreams.onParams?.(payload as never),
    async onContextBuilding({ context, extendContext }) {
      const parts = ownContextOf<OperationContext>(context)
      const { request } = context
      // A copy: the policy drops from it what a subscription does not declare.
      const params = { ...context.params }
      const viewer = yoga.viewer === undefined ? parts.viewer : toViewer(yoga.viewer(context))
      const own = await createContext(viewer, { catchUp: wantsCatchUp({ ...parts, params }), from: parts.from })
      extendContext(withOwnContext({}, { ...parts, params, request, ...own }) as never)
    },
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (!isAsyncIterable(result)) setResult(maskResult(result as ExecutionResult))
      },
    }),
    async onSubscribe(payload) {
      if (!followsTopic(schema, payload.args as unknown as ExecutionArgs)) return undefined
      const after = await policy.plugin.onSubscribe?.(payload as never)
      // Follows the policy, which resets the variables to those that the operation declares.
      await eventStreams.onSubscribe?.(payload as never)
      if (isDraining()) {
        const error = new TidingsError('SHUTTING_DOWN', 'This server is shutting down; connect again')
        payload.setResultAndStopExecution({ errors: [maskError(error)] })
      }
      return {
        onSubscribeResult(done) {
          after?.onSubscribeResult?.(done as never)
          if (!isAsyncIterable(done.result)) done.setResult(maskResult(done.result as ExecutionResult))
        },
        onSubscribeError: ({ error, setError }) => setError(maskError(error)),
      }
    },
    async onResultProcess(payload) {
      const { res } = ownContextOf<Partial<ServerContext>>(payload.serverContext)
      // Without Node's response, Yoga sends the results.
      if (res instanceof ServerResponse) await eventStreams.onResultProcess?.(payload as never)
      await unavailable.onResultProcess?.(payload as never)
    },
  }

  return {
    plugin,
    envelop: (own) => envelop(own, { params: own.params }),
    async subscribe({ viewer, from, socketId, sinkOperation }, args) {
      const params = { query: '', variables: args.variableValues, operationName: args.operationName }
      const own: object = {
        ...{ viewer, from, socketId, sinkOperation },
        subscribeOther: (other: ExecutionArgs) => enveloped.subscribe(other),
      }
      const enveloped = envelop(own, { params })
      return policy.subscribe({ ...args, contextValue: await enveloped.contextFactory() })
    },
    charsOf: (document) => document.loc?.source.body.length ?? 0,
    dispose: () => undefined,
  }
}

/** A request or a response of Node, or one of Fastify, which has it as `raw`. */
type NodePart<T> = T & { readonly raw?: T }

/** The server context of a team, as far as it is read: `{ req, res }` of Node, or `{ req, reply }` of Fastify. */
interface TeamServerContext {
  req?: NodePart<IncomingMessage>
  res?: NodePart<ServerResponse>
  reply?: NodePart<ServerResponse>
}

function readNodeParts({ req, reply, res = reply }: TeamServerContext) {
  return { req: req?.raw ?? req, res: res?.raw ?? res }
}

/** Returns the parts that are read of a request on servers that have none of Node. */
function withoutNode({ headers }: Request): IncomingMessage {
  return { headers: Object.fromEntries(headers), socket: {} } as IncomingMessage
}

function toResponse({ status, code, message, retryAfterMs, headers = {} }: Refusal): Response {
  return new Response(JSON.stringify({ errors: [{ message, extensions: { code } }] }), {
    status,
    headers: {
      'content-type': graphqlResponseType,
      'cache-control': 'no-store',
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      ...headers,
    },
  })
}
