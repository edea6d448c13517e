import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLSchema, getOperationAST } from 'graphql'
import { handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import { type GraphQLParams, isAsyncIterable, type PromiseOrValue } from 'graphql-yoga'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../config.ts'
import { isTidingsError } from '../errors.ts'
import type { Outlet, Seat } from '../live/outlet.ts'
import type { Live } from '../live/shared.ts'
import type { Logger } from '../logger.ts'
import { closeCodes } from '../protocol.ts'
import type { Viewer } from '../tasks/viewer.ts'
import type { Whence } from './address.ts'
import type { Connection, Connections } from './connections.ts'
import type { Note } from './context.ts'
import { onFailure } from './iterables.ts'
import { formatError, formatResult, isAway, type MaskError } from './mask.ts'
import type { ServerMetrics } from './metrics.ts'
import { closeSocket, createSocketPort } from './socket-port.ts'
import { isExpired, onExpiry, type Tokens } from './viewer.ts'

/** The functions that one operation is carried out with; yoga's `getEnveloped`. */
export interface Enveloped {
  readonly schema: GraphQLSchema
  readonly parse: (text: string) => ExecutionArgs['document']
  readonly validate: (schema: GraphQLSchema, document: ExecutionArgs['document']) => readonly GraphQLError[]
  readonly contextFactory: () => PromiseOrValue<unknown>
  readonly execute: (args: ExecutionArgs) => PromiseOrValue<ExecutionResult>
  readonly subscribe: (args: ExecutionArgs) => PromiseOrValue<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** The WebSockets of the server. */
export interface WebSockets extends AsyncDisposable {
  /** Takes an upgrade over that was found acceptable. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, from: Whence): void
}

const away = 'The database cannot be reached; connect again'

/** What is known of a socket. */
interface Extra {
  readonly socket: WebSocket
  /** Of the upgrade. The request itself is not kept, as its headers weigh more than the socket. */
  readonly authorization: string | undefined
  readonly connection: Connection
  /** Where live delivery writes. */
  readonly outlet: Outlet | undefined
  viewer: Viewer | null
  /** Of graphql-ws, by id. */
  operations: Readonly<Record<string, unknown>>
}

/** Whose a shared subscription is, and where its payloads go. */
export interface Place {
  readonly viewer: Viewer | null
  readonly from: Whence
  readonly seat: Seat
}

/** The settings that sockets are limited by. */
export type WebSocketLimits = Pick<
  Config,
  'MAX_MESSAGE_BYTES' | 'MAX_SOCKET_BUFFER_BYTES' | 'MAX_SUBSCRIPTIONS_PER_SOCKET'
>

/**
 * Creates the WebSocket side of the server: graphql-ws's protocol over ws.
 *
 * Nothing that goes wrong with one operation reaches its neighbours on the same socket. The socket as a whole closes when
 * its token expires, when the server restarts, and when the record is away, so that everyone on it resumes.
 *
 * @param options.keepAliveMs - time between pings; a socket that did not answer the last one is cut
 * @param options.initMs - longest wait for `connection_init`
 */
export function createWebSockets(options: {
  readonly limits: WebSocketLimits
  readonly tokens: Tokens
  readonly connections: Connections
  readonly metrics: ServerMetrics
  readonly note: Note
  /** Carries out what is shared, through an outlet for each socket. */
  readonly live?: Live | undefined
  readonly envelop: (context: { viewer: Viewer | null; from: Whence; params: GraphQLParams }) => Enveloped
  readonly subscribeShared: (place: Place, args: ExecutionArgs) => ReturnType<Live['subscribe']>
  readonly maskError: MaskError
  readonly logger: Logger
  readonly keepAliveMs: number
  readonly initMs: number
  /** Whether nobody can be served now. */
  readonly isAway: () => boolean
}): WebSockets {
  const {
    limits,
    tokens,
    connections,
    metrics,
    note,
    live,
    envelop,
    subscribeShared,
    maskError,
    logger,
    keepAliveMs,
    initMs,
  } = options
  const envelopeds = new WeakMap<object, Enveloped>()
  const places = new WeakMap<object, Place>()
  let seats = 0
  const envelopedOf = (args: ExecutionArgs): Enveloped => {
    const enveloped = envelopeds.get(args)
    if (enveloped === undefined) throw new Error('This operation was not prepared')
    return enveloped
  }

  const prepare = async (
    { viewer, outlet, connection: { from } }: Extra,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | GraphQLError[]> => {
    const { query, operationName, variables, extensions } = payload
    const params = {
      query,
      ...(operationName ? { operationName } : {}),
      ...(variables ? { variables } : {}),
      ...(extensions ? { extensions } : {}),
    }
    const enveloped = envelop({ viewer, from, params })
    const document = enveloped.parse(query)
    const errors = enveloped.validate(enveloped.schema, document)
    if (errors.length > 0) return [...errors]
    if (!getOperationAST(document, operationName)) return [unknownOperation(operationName)]
    const given = {
      schema: enveloped.schema,
      document,
      ...(operationName ? { operationName } : {}),
      ...(variables ? { variableValues: variables } : {}),
    }
    if (outlet !== undefined && live?.shares(document, operationName) === true) {
      // graphql-ws holds on to this, and to the request, for as long as the subscription lasts: nothing is in them that could be made
      // again, and the text, which is the same for all, only once.
      Object.assign(payload, { query: document.loc?.source.body ?? query })
      const place: Place = { viewer, from, seat: { outlet, stamp: Buffer.from(JSON.stringify(id)), number: ++seats } }
      const args: ExecutionArgs = { ...given, contextValue: place }
      places.set(args, place)
      return args
    }
    const args: ExecutionArgs = { ...given, contextValue: await enveloped.contextFactory() }
    envelopeds.set(args, enveloped)
    return args
  }

  /** Closes the socket when this server cannot serve now, so that everyone on it resumes. */
  const leaveIfAway = (socket: WebSocket, errors: readonly GraphQLError[] | undefined): boolean => {
    if (!isAway({ errors })) return false
    closeSocket(socket, closeCodes.tryAgainLater, errors?.[0]?.message ?? 'Try again later')
    return true
  }
  /** What a client is told of the failure of its subscription; null when its socket closes instead. */
  const refineFailure = (socket: WebSocket, error: unknown): GraphQLError | null => {
    const masked = maskError(error)
    return leaveIfAway(socket, [masked]) ? null : masked
  }
  const share = async (args: ExecutionArgs, place: Place): ReturnType<Live['subscribe']> => {
    try {
      const result = await subscribeShared(place, args)
      if (isAsyncIterable(result) || result.errors === undefined) return result
      return { ...result, errors: result.errors.map(maskError) }
    } catch (error) {
      return { errors: [maskError(error)] }
    }
  }

  const protocol = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: initMs,
    execute: (args: ExecutionArgs) => envelopedOf(args).execute(args),
    // Its `return()` is reached through every layer, which is all that graphql-ws asks of a generator.
    subscribe: (args: ExecutionArgs) => {
      const place = places.get(args)
      const result = place === undefined ? envelopedOf(args).subscribe(args) : share(args, place)
      return result as ReturnType<typeof import('graphql').subscribe>
    },

    async onConnect({ extra, connectionParams, subscriptions }) {
      const { socket, authorization, connection } = extra
      const { from } = connection
      extra.operations = subscriptions
      if (options.isAway()) {
        closeSocket(socket, closeCodes.tryAgainLater, away)
        return false
      }
      try {
        extra.viewer = await tokens.read(readCredentials(connectionParams) ?? authorization)
      } catch (error) {
        metrics.refused('token')
        const { message } = maskError(error)
        const isRefused = isTidingsError(error, 'UNAUTHENTICATED')
        if (isRefused) note('REFUSED', null, from, { reason: 'token', subject: 'ws', detail: message })
        if (!isRefused) closeSocket(socket, closeCodes.tryAgainLater, message)
        else closeSocket(socket, isExpired(error) ? closeCodes.expired : closeCodes.unauthorized, message)
        return false
      }
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

    async onSubscribe({ extra, subscriptions }, id, payload) {
      // Whatever is thrown here would close the socket with a code after which clients do not come back.
      try {
        if (Object.keys(subscriptions).length > limits.MAX_SUBSCRIPTIONS_PER_SOCKET) {
          metrics.refused('subscriptions')
          const error = tooManySubscriptions(limits.MAX_SUBSCRIPTIONS_PER_SOCKET)
          note('LIMITED', extra.viewer, extra.connection.from, { reason: 'subscriptions', detail: error.message })
          return [error]
        }
        return await prepare(extra, id, payload)
      } catch (error) {
        return [maskError(error)]
      }
    },

    onOperation({ extra: { socket } }, _id, _payload, args, outcome) {
      const { document, operationName } = args
      // graphql-ws has awaited it, though its type does not say so.
      const result = outcome as AsyncIterable<ExecutionResult> | ExecutionResult
      if (isAsyncIterable(result)) {
        // What is shared asks its outlet; a wrapper more would stay as long as the subscription.
        if (places.has(args)) return undefined
        return onFailure(result, (error) => {
          const refined = refineFailure(socket, error)
          if (refined !== null) throw refined
        })
      }
      if (getOperationAST(document, operationName)?.operation === 'subscription') leaveIfAway(socket, result.errors)
      return undefined
    },

    onNext: (_context, _id, _payload, _args, result) =>
      result.errors === undefined ? undefined : formatResult(result),
    onError: (_context, _id, _payload, errors) =>
      errors.map((error) => formatError(error instanceof GraphQLError ? error : maskError(error))),
  })

  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.MAX_MESSAGE_BYTES,
    // Costs tens of kilobytes a socket, and these messages are small.
    perMessageDeflate: false,
    handleProtocols,
  })
  const unanswered = new WeakSet<WebSocket>()
  const pings = setInterval(() => {
    for (const socket of server.clients) {
      if (unanswered.has(socket)) socket.terminate()
      else if (socket.readyState === socket.OPEN) {
        unanswered.add(socket)
        socket.ping()
      }
    }
  }, keepAliveMs).unref()

  const open = (socket: WebSocket, tcp: Duplex, authorization: string | undefined, from: Whence): void => {
    const connection = connections.open('ws', from, {
      move: (why) =>
        why === 'away'
          ? closeSocket(socket, closeCodes.tryAgainLater, away)
          : closeSocket(socket, closeCodes.restart, 'This server is restarting; connect again'),
      terminate: () => socket.terminate(),
      unreadBytes: () => socket.bufferedAmount,
      subscriptions: () => Object.keys(extra.operations).length,
    })
    const noteLimit = (reason: string, detail: string): void =>
      note('LIMITED', extra.viewer, from, { reason, subject: 'ws', detail })
    const outlet = live?.openSocket({
      webSocket: socket,
      socket: tcp,
      giveUp() {
        noteLimit('slow', 'Nothing was read for SLOW_READER_MS')
        closeSocket(socket, closeCodes.tryAgainLater, 'Nothing was read for too long; connect again and resume')
      },
      refine: (error) => refineFailure(socket, error),
    })
    const port = createSocketPort(socket, { maxBufferBytes: limits.MAX_SOCKET_BUFFER_BYTES, logger })
    const extra: Extra = { socket, authorization, connection, outlet, viewer: null, operations: {} }
    const closed = protocol.opened(port, extra)
    socket.on('pong', () => unanswered.delete(socket))
    // Of frames that break the protocol or are too large: ws closes the socket itself, with the right code.
    socket.on('error', (error) => {
      if ((error as NodeJS.ErrnoException).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
        noteLimit('message', `A message was larger than ${limits.MAX_MESSAGE_BYTES} bytes (MAX_MESSAGE_BYTES)`)
      logger.debug({ err: error }, 'a WebSocket failed')
    })
    socket.on('close', (code, reason) => {
      connections.close(connection)
      closed(code, String(reason)).catch((error: unknown) => logger.error({ err: error }, 'leaving a socket failed'))
    })
  }

  return {
    upgrade: (request, socket, head, from) =>
      server.handleUpgrade(request, socket, head, (opened) =>
        open(opened, socket, request.headers.authorization, from),
      ),
    [Symbol.asyncDispose]: async () => {
      clearInterval(pings)
      for (const socket of server.clients) socket.terminate()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** `authorization` (or `Authorization`) as in the header, or the bare `token`. */
function readCredentials(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const authorization = params?.['authorization'] ?? params?.['Authorization']
  if (typeof authorization === 'string') return authorization
  const token = params?.['token']
  return typeof token === 'string' ? `Bearer ${token}` : undefined
}

function unknownOperation(name: string | null | undefined): GraphQLError {
  return new GraphQLError(
    name ? `There is no operation named "${name}" in the document` : 'Name the operation: the document has several',
    { extensions: { code: 'BAD_INPUT' } },
  )
}

function tooManySubscriptions(max: number): GraphQLError {
  return new GraphQLError(`At most ${max} operations may be under way on one socket (MAX_SUBSCRIPTIONS_PER_SOCKET)`, {
    extensions: { code: 'RATE_LIMITED', retryable: true },
  })
}
