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
  /** Takes an upgrade over that was found acceptable. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, from: Whence): void
}

/** The parts that the sockets are pinged in, one after the other. */
const pingTurns = 32

/** The settings that sockets are limited by. */
export type WebSocketLimits = Pick<Config, 'MAX_MESSAGE_BYTES' | 'MAX_SOCKET_BUFFER_BYTES'>

/**
 * Creates the WebSocket side of the server: sockets of ws, on which `protocol` is spoken. They close when the server restarts and when
 * the record goes away, so that everyone on them resumes; one that did not answer the last ping is cut.
 *
 * @param options.keepAliveMs - time between pings
 * @param options.initMs - longest wait for `connection_init`, or a tenth longer
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
  readonly initMs: number
}): WebSockets {
  const { limits, protocol, connections, note, live, logger, keepAliveMs, initMs } = options
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.MAX_MESSAGE_BYTES,
    // Costs tens of kilobytes a socket, and these messages are small.
    perMessageDeflate: false,
    // They are in `served`.
    clientTracking: false,
    // A client that offers only another subprotocol would take a handshake without one for a failure (1006, without a reason): it gets
    // its own, and graphql-ws closes the socket with 4406.
    handleProtocols: (protocols) => handleProtocols(protocols) || ([...protocols][0] ?? false),
  })
  const served = new Map<WebSocket, ServedSocket>()
  // In turns: ten thousand pings at once would hold up everybody for a tenth of a second.
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
  /** Those who may not have sent `connection_init` yet, in the order in which they came. */
  const silent = new Set<ServedSocket>()
  const inits = setInterval(() => {
    for (const one of silent) {
      const isLate = Date.now() - one.connection.openedAtMs >= initMs
      if (!one.hasBegun && !isLate) continue
      silent.delete(one)
      if (!one.hasBegun) one.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
    }
  }, initMs / 10).unref()

  // The same functions for all sockets, which are what they are called on.
  function onPong(this: WebSocket): void {
    const one = served.get(this)
    if (one !== undefined) one.isUnanswered = false
  }
  // Of frames that break the protocol or are too large: ws closes the socket itself, with the right code.
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
