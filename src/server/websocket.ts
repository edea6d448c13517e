import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../config.ts'
import type { Live } from '../live/shared.ts'
import type { Logger } from '../logger.ts'
import type { Whence } from './address.ts'
import type { Connections } from './connections.ts'
import type { Note } from './context.ts'
import { createServedSocket, type ServedSocket } from './served-socket.ts'
import type { SocketProtocol } from './websocket-protocol.ts'

/** The WebSockets of the server. */
export interface WebSockets extends AsyncDisposable {
  /** Upgrades an accepted request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, from: Whence): void
}

/** The number of groups that the sockets are divided into; the groups are pinged in turn. */
const pingTurns = 32

/** The settings that limit sockets. */
export type WebSocketLimits = Pick<Config, 'MAX_MESSAGE_BYTES' | 'MAX_SOCKET_BUFFER_BYTES'>

/**
 * Creates the WebSocket side of the server: sockets of ws that speak `protocol`. They close when
 * the server restarts and when the database becomes unavailable, so that all their subscriptions
 * resume; a socket that did not answer the last ping is cut.
 *
 * @param options.keepAliveMs - time between pings
 * @param options.initMs - longest wait for `connection_init`, plus up to a tenth
 */
export function createWebSockets(options: {
  readonly limits: WebSocketLimits
  readonly protocol: SocketProtocol
  readonly connections: Connections
  readonly note: Note
  /** Opens a sink for each socket. */
  readonly live: Live | undefined
  readonly logger: Logger
  readonly keepAliveMs: number
  readonly initMs: number
}): WebSockets {
  const { limits, protocol, connections, note, live, logger, keepAliveMs, initMs } = options
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.MAX_MESSAGE_BYTES,
    // Compression costs tens of kilobytes per socket, and these messages are small.
    perMessageDeflate: false,
    // The sockets are tracked in `served`.
    clientTracking: false,
    // A client that offers only another subprotocol would treat a handshake without one as a
    // failure (1006, without a reason): the server accepts the client's subprotocol, and graphql-ws
    // closes the socket with 4406.
    handleProtocols: (protocols) => handleProtocols(protocols) || ([...protocols][0] ?? false),
  })
  const served = new Map<WebSocket, ServedSocket>()
  // In groups: ten thousand pings at once would block the event loop for a tenth of a second.
  let pinged = 0
  const pings = setInterval(() => {
    pinged = (pinged + 1) % pingTurns
    for (const one of served.values()) {
      one.outlet?.flushLeftCorked()
      if (one.pingTurn !== pinged) continue
      if (one.isUnanswered) one.terminate()
      else if (one.socket.readyState === one.socket.OPEN) {
        one.isUnanswered = true
        one.socket.ping()
      }
    }
  }, keepAliveMs / pingTurns).unref()
  /** Sockets that may not have sent `connection_init` yet, in the order of opening. */
  const silent = new Set<ServedSocket>()
  const inits = setInterval(() => {
    for (const one of silent) {
      const isLate = Date.now() - one.connection.openedAtMs >= initMs
      if (!one.hasBegun && !isLate) continue
      silent.delete(one)
      if (!one.hasBegun) one.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
    }
  }, initMs / 10).unref()

  // One set of functions for all sockets; `this` is the socket.
  function onPong(this: WebSocket): void {
    const one = served.get(this)
    if (one !== undefined) one.isUnanswered = false
  }
  // Handles frames that violate the protocol or are too large: ws closes the socket itself, with
  // the right code.
  function onSocketError(this: WebSocket, error: Error): void {
    if ((error as NodeJS.ErrnoException).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
      served
        .get(this)
        ?.noteLimit('message', `A message was larger than ${limits.MAX_MESSAGE_BYTES} bytes (MAX_MESSAGE_BYTES)`)
    logger.debug({ err: error }, 'lost a WebSocket')
  }
  function onClose(this: WebSocket, code: number, reason: Buffer): void {
    const one = served.get(this)
    if (one === undefined) return
    served.delete(this)
    silent.delete(one)
    one.closed(code, String(reason))
  }
  const surroundings = {
    maxBufferBytes: limits.MAX_SOCKET_BUFFER_BYTES,
    connections,
    live,
    note,
    logger,
    refine: protocol.refineFailure,
  }
  let opened = 0
  const open = (socket: WebSocket, tcp: Duplex, authorization: string | undefined, from: Whence): void => {
    const pingTurn = opened++ % pingTurns
    const one = createServedSocket({ socket, tcp, authorization, from, pingTurn, surroundings })
    served.set(socket, one)
    silent.add(one)
    socket.on('pong', onPong)
    socket.on('error', onSocketError)
    socket.on('close', onClose)
    one.onClosed = protocol.opened(one, one)
  }

  return {
    upgrade: (request, socket, head, from) =>
      server.handleUpgrade(request, socket, head, (opened) =>
        open(opened, socket, request.headers.authorization, from),
      ),
    [Symbol.asyncDispose]: async () => {
      clearInterval(pings)
      clearInterval(inits)
      const ends = [...served.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const one of served.values()) one.terminate()
      await Promise.all(ends)
      server.close()
    },
  }
}
