import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../config.ts'
import type { Live } from '../live/shared.ts'
import type { Logger } from '../logger.ts'
import { closeCodes } from '../protocol.ts'
import type { Whence } from './address.ts'
import type { Connections } from './connections.ts'
import type { Note } from './context.ts'
import { closeSocket, createSocketPort } from './socket-port.ts'
import { awayMessage, type SocketProtocol, type SocketState } from './websocket-protocol.ts'

/** The WebSockets of the server. */
export interface WebSockets extends AsyncDisposable {
  /** Takes an upgrade over that was found acceptable. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, from: Whence): void
}

/** The settings that sockets are limited by. */
export type WebSocketLimits = Pick<Config, 'MAX_MESSAGE_BYTES' | 'MAX_SOCKET_BUFFER_BYTES'>

/**
 * Creates the WebSocket side of the server: sockets of ws, on which `protocol` is spoken. They close when the server restarts and when
 * the record goes away, so that everyone on them resumes; one that did not answer the last ping is cut.
 *
 * @param options.keepAliveMs - time between pings
 */
export function createWebSockets(options: {
  readonly limits: WebSocketLimits
  readonly protocol: SocketProtocol
  readonly connections: Connections
  readonly note: Note
  /** Opens an outlet for each socket. */
  readonly live: Live | undefined
  readonly logger: Logger
  readonly keepAliveMs: number
}): WebSockets {
  const { limits, protocol, connections, note, live, logger, keepAliveMs } = options
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
          ? closeSocket(socket, closeCodes.tryAgainLater, awayMessage)
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
      refine: (error) => protocol.refineFailure(socket, error),
    })
    const port = createSocketPort(socket, { maxBufferBytes: limits.MAX_SOCKET_BUFFER_BYTES, logger })
    const extra: SocketState = { socket, authorization, connection, outlet, viewer: null, operations: {} }
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
