import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import { MessageType, makeServer, type Server, type SubscribePayload } from 'graphql-ws'
import { type GraphQLParams, isAsyncIterable } from 'graphql-yoga'
import type { WebSocket } from 'ws'
import { isTidingsError, TidingsError } from '../../errors.ts'
import type { Live } from '../../live/live.ts'
import { closeCodes } from '../../protocol.ts'
import { keyOfToken } from '../../rate-limits/rate-limits.ts'
import { type Budgets, countFailedToken } from '../connections/budgets.ts'
import type { Connections } from '../connections/connections.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import { type Work, type WorkRefusal, workOf } from '../connections/work.ts'
import type { Api } from '../http/api.ts'
import { type Authenticator, isExpired, onExpiry } from '../request/authenticate.ts'
import type { Destination, Enveloped, WriteAudit } from '../request/context.ts'
import { declaredParams, isRecord, tooMuchRetained } from '../request/declared-params.ts'
import { formatError, formatResult, isUnavailable, type MaskError } from '../request/mask.ts'
import { closeSocket, type ServedSocket, unavailableMessage } from './socket.ts'

/** The graphql-ws protocol on the sockets of this server. */
export interface SocketProtocol extends Pick<Server<ServedSocket>, 'opened'> {
  /**
   * Returns the error that a client receives when its subscription fails; null when its socket
   * closes instead.
   */
  refineFailure(socket: WebSocket, error: unknown): GraphQLError | null
  /**
   * Handles a parsed message that does not need graphql-ws: a ping, a pong, the end of an operation
   * that has ended, and an operation beyond a limit.
   * @param limit - why new operations are refused; null when they are not
   * @returns false for all other messages, malformed ones included
   */
  answer(socket: ServedSocket, message: object, limit: WorkRefusal | null): boolean
}

/**
 * The arguments of a query or mutation; a subscription has a {@link Destination} instead. What executes it is not the value of
 * a `WeakMap`: V8 would keep it until it collects the whole heap (decision 349).
 */
interface PreparedArgs extends ExecutionArgs {
  readonly envelope: Enveloped
}

/**
 * Creates the graphql-ws protocol handler: authenticates clients, executes operations, and decides
 * which part of a failure reaches which client.
 *
 * A failure of one operation does not affect the other operations of the same socket. The socket as
 * a whole closes when its token expires and when the database is unavailable, so that all its
 * subscriptions resume.
 */
export function createSocketProtocol(options: {
  readonly maxSubscriptions: number
  readonly api: Pick<Api, 'envelop' | 'subscribe' | 'charsOf'>
  readonly tokens: Authenticator
  readonly connections: Connections
  readonly budgets: Budgets
  readonly work: Work
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly maskError: MaskError
  /** Whether the server cannot serve any client. */
  readonly isAway: () => boolean
}): SocketProtocol {
  const { maxSubscriptions, api, tokens, connections, budgets, work, metrics, note, maskError } = options
  let operations = 0
  const tooManyMessage = `At most ${maxSubscriptions} operations may be under way on one socket (MAX_SUBSCRIPTIONS_PER_SOCKET)`
  const tooMany = { message: tooManyMessage, extensions: { code: 'RATE_LIMITED', retryable: true } }

  const prepare = async (
    socket: ServedSocket,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | GraphQLError[]> => {
    const { viewer, sink, socketId, connection } = socket
    const { from } = connection
    // Assigned before any await: numbers follow the order in which the client started the
    // operations.
    const number = ++operations
    const { query, operationName } = payload
    const params: GraphQLParams = operationName ? { query, operationName } : { query }
    const envelope = api.envelop({ viewer, from, params, socketId })
    const document = envelope.parse(query)
    const errors = envelope.validate(envelope.schema, document)
    if (errors.length > 0) return [...errors]
    const operation = getOperationAST(document, operationName)
    if (!operation) return [unknownOperation(operationName)]
    // graphql-ws retains this object, and yoga the parameters, for the lifetime of the operation:
    // they contain nothing that is not read again, and nothing that the operation does not declare.
    const retainedPayload = { query: '', ...declaredParams(operation, payload) }
    Object.assign(payload, { extensions: undefined, variables: undefined, ...retainedPayload })
    Object.assign(params, retainedPayload)
    const { variables } = retainedPayload
    if (!socket.retained.add(id, { document, documentChars: api.charsOf(document), variables })) {
      metrics.refused('retained')
      const error = tooMuchRetained('socket')
      socket.noteLimit('retained', error.message)
      return [error]
    }
    const baseArgs = {
      schema: envelope.schema,
      document,
      ...(operationName ? { operationName } : {}),
      ...(variables ? { variableValues: variables } : {}),
    }
    if (operation.operation === OperationTypeNode.SUBSCRIPTION) {
      const destination: Destination = {
        viewer,
        from,
        socketId,
        sinkOperation: { sink, operationId: operationIdOf(id), number },
      }
      return { ...baseArgs, contextValue: destination }
    }
    const args: PreparedArgs = { ...baseArgs, contextValue: await envelope.contextFactory(), envelope }
    return args
  }

  /**
   * Closes the socket when this server temporarily cannot serve it, so that all its subscriptions
   * resume.
   */
  const leaveIfAway = (socket: WebSocket, errors: readonly GraphQLError[] | undefined): boolean => {
    if (!isUnavailable({ errors })) return false
    closeSocket(socket, closeCodes.tryAgainLater, errors?.[0]?.message ?? 'Try again later')
    return true
  }
  /**
   * Returns the error that a client receives when its subscription fails; null when its socket
   * closes instead.
   */
  const refineFailure = (socket: WebSocket, error: unknown): GraphQLError | null => {
    const maskedError = maskError(error)
    return leaveIfAway(socket, [maskedError]) ? null : maskedError
  }
  const subscribe = async (args: ExecutionArgs): ReturnType<Live['subscribe']> => {
    try {
      const result = await api.subscribe(args.contextValue as Destination, args)
      if (isAsyncIterable(result) || result.errors === undefined) return result
      return { ...result, errors: result.errors.map(maskError) }
    } catch (error) {
      return { errors: [maskError(error)] }
    }
  }

  const protocol = makeServer<Record<string, unknown>, ServedSocket>({
    // A timer per socket would stay in memory after it has fired: `createWebSockets` enforces the
    // limit.
    connectionInitWaitTimeout: 0,
    execute: (args: ExecutionArgs) => (args as PreparedArgs).envelope.execute(args),
    // `return()` passes through every layer; graphql-ws requires nothing else of a generator.
    subscribe: (args: ExecutionArgs) => subscribe(args) as ReturnType<typeof import('graphql').subscribe>,

    async onConnect(context) {
      const { extra, connectionParams, subscriptions } = context
      // graphql-ws would retain them as long as the socket.
      delete (context as { connectionParams?: unknown }).connectionParams
      const { socket, connection } = extra
      const { headers = {} } = extra
      // They would be retained as long as the socket.
      extra.headers = undefined
      const { from } = connection
      extra.hasBegun = true
      extra.operations = subscriptions
      if (options.isAway()) {
        closeSocket(socket, closeCodes.tryAgainLater, unavailableMessage)
        return false
      }
      let credentials: string | undefined
      try {
        credentials = readCredentials(connectionParams) ?? headers.authorization
        extra.viewer = await tokens.read(credentials, { headers, connectionParams })
      } catch (error) {
        metrics.refused('token')
        const { message } = maskError(error)
        const isRefused = isTidingsError(error, 'UNAUTHENTICATED')
        if (isRefused) work.record(extra, workOf.operation)
        if (isRefused) note('REFUSED', null, from, { reason: 'token', subject: 'ws', detail: message })
        if (!isRefused) closeSocket(socket, closeCodes.tryAgainLater, message)
        else {
          // A client with a wrong token stays away after 4401, so the limit only slows down a client
          // that tries further tokens.
          const limit = isExpired(error) ? null : await countFailedToken(budgets, credentials, from, 'ws')
          if (limit !== null) closeSocket(socket, closeCodes.tryAgainLater, limit.message)
          else closeSocket(socket, isExpired(error) ? closeCodes.expired : closeCodes.unauthorized, message)
        }
        return false
      }
      if (extra.viewer !== null && credentials !== undefined) {
        const key = keyOfToken(credentials)
        const limit = await budgets.use('connections', {
          key,
          from,
          isAddressUsed: false,
          viewer: extra.viewer,
          subject: 'ws',
        })
        if (limit !== null) {
          closeSocket(socket, closeCodes.tryAgainLater, limit.message)
          return false
        }
      }
      // The socket closed while its token was being verified: nothing would cancel the timer below.
      if (socket.readyState !== socket.OPEN) return false
      if (!connections.identify(connection, extra.viewer?.userId ?? null)) {
        metrics.refused('viewer')
        const message = 'Too many connections of one viewer are open; try again later'
        note('LIMITED', extra.viewer, from, { reason: 'viewer', subject: 'ws', detail: message })
        closeSocket(socket, closeCodes.tryAgainLater, message)
        return false
      }
      note('CONNECTED', extra.viewer, from, { subject: 'ws' })
      const stopTimer = onExpiry(extra.viewer, () =>
        closeSocket(socket, closeCodes.expired, 'The token has expired; connect again with a new one'),
      )
      if (stopTimer !== undefined) socket.on('close', stopTimer)
      return true
    },

    async onSubscribe({ extra }, id, payload) {
      // An error thrown here would close the socket with a code after which clients do not
      // reconnect.
      try {
        return await prepare(extra, id, payload)
      } catch (error) {
        return [maskError(error)]
      }
    },

    async onOperation({ extra, subscriptions }, id, _payload, args, outcome) {
      const { socket } = extra
      const { document, operationName } = args
      // graphql-ws has awaited the value, although its type does not show that.
      const result = outcome as AsyncIterable<ExecutionResult> | ExecutionResult
      // The sink refines the failures of its operations.
      if (isAsyncIterable(result)) return undefined
      const isSubscription = getOperationAST(document, operationName)?.operation === 'subscription'
      if (isSubscription && leaveIfAway(socket, result.errors)) return undefined
      // A result without data is a refusal of the request. graphql-ws itself would send it as
      // `next`, then `complete`; for an id that is not in `subscriptions` it sends nothing.
      if (result.errors !== undefined && result.data === undefined && id in subscriptions) {
        delete subscriptions[id]
        await extra.send(JSON.stringify({ id, type: MessageType.Error, payload: result.errors.map(formatError) }))
      }
      return undefined
    },

    onNext: (_context, _id, _payload, _args, result) =>
      result.errors === undefined ? undefined : formatResult(result),
    onError: (_context, _id, _payload, errors) =>
      errors.map((error) => formatError(error instanceof GraphQLError ? error : maskError(error))),
  })

  const answer: SocketProtocol['answer'] = (servedSocket, message, limit) => {
    const { type, id, payload } = message as {
      readonly type?: unknown
      readonly id?: unknown
      readonly payload?: unknown
    }
    if (type === MessageType.Ping || type === MessageType.Pong) {
      if (payload !== undefined && !isRecord(payload)) return false
      if (type === MessageType.Ping)
        void servedSocket.send(
          JSON.stringify({ type: MessageType.Pong, ...(payload === undefined ? {} : { payload }) }),
        )
      return true
    }
    if (typeof id !== 'string') return false
    if (type === MessageType.Complete) return !(id in servedSocket.operations)
    // An id in use is a defect of the client, and closes the socket.
    if (type !== MessageType.Subscribe || id in servedSocket.operations) return false
    const isTooMany = servedSocket.subscriptions() >= maxSubscriptions
    if (!isTooMany && limit === null) return false
    const reason = isTooMany ? 'subscriptions' : 'work'
    const error = isTooMany || limit === null ? tooMany : tooMuchWork(limit)
    metrics.refused(reason)
    servedSocket.noteLimit(reason, error.message)
    void servedSocket.send(JSON.stringify({ id, type: MessageType.Error, payload: [error] }))
    return true
  }

  return { opened: protocol.opened, refineFailure, answer }
}

function tooMuchWork({ message, retryAfterMs }: WorkRefusal) {
  return { message, extensions: { code: 'RATE_LIMITED', retryable: true, retryAfterMs } }
}

/** Encodes an operation id as it appears in the frames of its events. */
function operationIdOf(id: string): Buffer {
  return Buffer.from(JSON.stringify(id))
}

/**
 * Reads `authorization` (or `Authorization`), formatted as in the header, or the bare `token`.
 *
 * @returns undefined when all are missing or null
 * @throws TidingsError `UNAUTHENTICATED` for a value of another type: serving its sender without a
 * viewer would hide the mistake
 */
function readCredentials(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  for (const name of ['authorization', 'Authorization', 'token']) {
    const value = params?.[name] ?? undefined
    if (value === undefined) continue
    if (typeof value !== 'string')
      throw new TidingsError('UNAUTHENTICATED', `"${name}" of connection_init is not a string`)
    return name === 'token' ? `Bearer ${value}` : value
  }
  return undefined
}

function unknownOperation(name: string | null | undefined): GraphQLError {
  return new GraphQLError(
    name ? `There is no operation named "${name}" in the document` : 'Name the operation: the document has several',
    { extensions: { code: 'BAD_INPUT' } },
  )
}
