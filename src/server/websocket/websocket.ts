import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Config } from '../../config.ts'
import type { Live } from '../../live/live.ts'
import type { Logger } from '../../logger.ts'
import { closeCodes } from '../../protocol.ts'
import type { Connections } from '../connections/connections.ts'
import type { Work } from '../connections/work.ts'
import type { ClientInfo } from '../request/client-address.ts'
import type { WriteAudit } from '../request/context.ts'
import type { SocketProtocol } from './protocol.ts'
import { createServedSocket, type ServedSocket } from './socket.ts'

/** The WebSockets of the server. */
export interface WebSockets extends AsyncDisposable {
  /** Upgrades an accepted request. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, from: ClientInfo): void
}

/** The number of groups that the sockets are divided into; the groups are pinged in turn. */
const pingTurns = 32
const initTicks = 10
/**
 * Limits of one message: ws keeps every fragment, and every chunk of an incomplete message, in a
 * buffer of its own, so a message of one-byte pieces would take hundreds of times its size.
 */
const maxFragments = 64
const maxBufferedChunks = 1_024

/** The settings that limit sockets. */
type WebSocketLimits = Pick<Config, 'MAX_MESSAGE_BYTES' | 'MAX_ANONYMOUS_BODY_BYTES' | 'MAX_SOCKET_BUFFER_BYTES'>

/**
 * Creates the WebSocket side of the server: sockets of ws that speak `protocol`. They close when
 * the server restarts and when the database becomes unavailable, so that all their subscriptions
 * resume; a socket that did not answer the last ping is cut, unless it is throttled.
 *
 * @param options.keepAliveMs - a socket that sent nothing for this long is pinged: one on which nothing happens, every second time
 * @param options.initMs - longest wait for `connection_init`, plus up to a tenth
 * @param options.anonymousMs - time after which a socket without a token is closed; infinite when
 *   the server requires none
 * @param options.floodMs - time after which a socket that continuously exceeds its limit of work is
 *   closed
 */
export function createWebSockets(options: {
  readonly limits: WebSocketLimits
  readonly protocol: SocketProtocol
  readonly connections: Connections
  readonly note: WriteAudit
  /** Opens a sink for each socket. */
  readonly live: Pick<Live, 'openSocket'>
  readonly logger: Logger
  readonly keepAliveMs: number
  readonly initMs: number
  readonly anonymousMs: number
  readonly floodMs: number
  readonly work: Work
}): WebSockets {
  const { limits, protocol, connections, note, live, logger, keepAliveMs, initMs, anonymousMs, floodMs, work } = options
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: limits.MAX_MESSAGE_BYTES,
    maxFragments,
    maxBufferedChunks,
    // Compression costs tens of kilobytes per socket, and these messages are small.
    perMessageDeflate: false,
    // The sockets are tracked in `sockets`.
    clientTracking: false,
    // A client that offers only another subprotocol would treat a handshake without one as a
    // failure (1006, without a reason): the server accepts the client's subprotocol, and graphql-ws
    // closes the socket with 4406.
    handleProtocols: (protocols) => handleProtocols(protocols) || ([...protocols][0] ?? false),
  })
  const sockets = new Map<WebSocket, ServedSocket>()
  // In groups: ten thousand pings at once would block the event loop for a tenth of a second.
  let pingedCount = 0
  const pings = setInterval(() => {
    pingedCount = (pingedCount + 1) % pingTurns
    for (const servedSocket of sockets.values()) {
      servedSocket.sink.flushLeftCorked()
      if (servedSocket.pingTurn !== pingedCount) continue
      if (servedSocket.wasHeard) {
        servedSocket.wasHeard = false
        servedSocket.isUnanswered = false
        continue
      }
      // A throttled socket is not read, so that its pong does not arrive; its pings keep proxies
      // from closing an idle connection.
      if (servedSocket.isUnanswered && !servedSocket.isThrottled) servedSocket.terminate()
      else if (servedSocket.socket.readyState === servedSocket.socket.OPEN) {
        servedSocket.isUnanswered = true
        servedSocket.socket.ping()
      }
    }
  }, keepAliveMs / pingTurns).unref()
  /**
   * Sockets without a viewer: those that may not have sent `connection_init` yet, and those without a
   * token. With their age in ticks of the interval below: the clock would count a stall of the event
   * loop, in which nothing was read.
   */
  const anonymous = new Map<ServedSocket, number>()
  const tickMs = initMs / initTicks
  const inits = setInterval(() => {
    for (const [servedSocket, ticks] of anonymous) {
      const isDone = servedSocket.hasBegun && (servedSocket.viewer !== null || anonymousMs === Number.POSITIVE_INFINITY)
      if (isDone) anonymous.delete(servedSocket)
      else if (ticks * tickMs < (servedSocket.hasBegun ? anonymousMs : initMs)) anonymous.set(servedSocket, ticks + 1)
      else {
        anonymous.delete(servedSocket)
        if (servedSocket.hasBegun)
          servedSocket.close(closeCodes.unauthorized, 'A socket without a token ends; connect with a token')
        else servedSocket.close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
      }
    }
  }, tickMs).unref()

  // One set of functions for all sockets; `this` is the socket.
  function onPong(this: WebSocket): void {
    const servedSocket = sockets.get(this)
    if (servedSocket !== undefined) servedSocket.wasHeard = true
  }
  // Handles frames that violate the protocol or are too large: ws closes the socket itself, with
  // the right code.
  function onSocketError(this: WebSocket, error: Error): void {
    if ((error as NodeJS.ErrnoException).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
      sockets
        .get(this)
        ?.noteLimit('message', `A message was larger than ${limits.MAX_MESSAGE_BYTES} bytes (MAX_MESSAGE_BYTES)`)
    logger.debug({ err: error }, 'lost a WebSocket')
  }
  function onClose(this: WebSocket, code: number, reason: Buffer): void {
    const servedSocket = sockets.get(this)
    if (servedSocket === undefined) return
    sockets.delete(this)
    anonymous.delete(servedSocket)
    servedSocket.closed(code, String(reason))
  }
  const surroundings = {
    maxBufferBytes: limits.MAX_SOCKET_BUFFER_BYTES,
    maxRetainedBytes: limits.MAX_MESSAGE_BYTES,
    maxAnonymousBytes: limits.MAX_ANONYMOUS_BODY_BYTES,
    work,
    floodMs,
    connections,
    live,
    note,
    logger,
    refine: protocol.refineFailure,
    answer: protocol.answer,
  }
  let openedCount = 0
  const open = (socket: WebSocket, tcp: Duplex, headers: IncomingHttpHeaders, from: ClientInfo): void => {
    const pingTurn = openedCount++ % pingTurns
    const servedSocket = createServedSocket({ socket, tcp, headers, from, pingTurn, surroundings })
    sockets.set(socket, servedSocket)
    anonymous.set(servedSocket, 0)
    socket.on('pong', onPong)
    socket.on('error', onSocketError)
    socket.on('close', onClose)
    servedSocket.onClosed = protocol.opened(servedSocket, servedSocket)
  }

  return {
    upgrade: (request, socket, head, from) =>
      server.handleUpgrade(request, socket, head, (webSocket) => open(webSocket, socket, request.headers, from)),
    [Symbol.asyncDispose]: async () => {
      clearInterval(pings)
      clearInterval(inits)
      const ends = [...sockets.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
      for (const servedSocket of sockets.values()) servedSocket.terminate()
      await Promise.all(ends)
      server.close()
    },
  }
}
