import type { Duplex } from 'node:stream'
import { CloseCode, type WebSocket as Port } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Live } from '../live/shared.ts'
import type { SocketOutlet, SocketOwner } from '../live/socket-outlet.ts'
import type { Logger } from '../logger.ts'
import { closeCodes } from '../protocol.ts'
import type { Viewer } from '../tasks/viewer.ts'
import type { Whence } from './address.ts'
import type { Connection, ConnectionControl, Connections, MoveReason } from './connections.ts'
import type { Note } from './context.ts'

/** Closes a socket, with a reason that is cut to the 123 bytes allowed by the protocol. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, Buffer.byteLength(reason) <= 123 ? reason : `${reason.slice(0, 40)}…`)
}

/** The close reason while the database is unavailable. */
export const awayMessage = 'The database cannot be reached; connect again'

/** The state shared by all sockets of a server. */
export interface SocketSurroundings {
  /** Unread response bytes beyond which no more messages are read from a socket. */
  readonly maxBufferBytes: number
  readonly connections: Connections
  readonly live: Live | undefined
  readonly note: Note
  readonly logger: Logger
  /**
   * Returns the error that a client receives when its subscription fails; null when the socket
   * closes instead.
   */
  readonly refine: (socket: WebSocket, error: unknown) => unknown
}

/**
 * An open WebSocket, with the interfaces of all its users: graphql-ws sends and receives through
 * it, the connection register moves it, and live delivery asks its client to reconnect.
 */
export interface ServedSocket extends Port, ConnectionControl, SocketOwner {
  readonly socket: WebSocket
  /**
   * The header of the upgrade. The request itself is not retained, because its headers take more
   * memory than the socket.
   */
  readonly authorization: string | undefined
  readonly connection: Connection
  /** The sink that live delivery writes to. */
  readonly outlet: SocketOutlet | undefined
  viewer: Viewer | null
  /** The operations of graphql-ws by id. */
  operations: Readonly<Record<string, unknown>>
  /** Whether the client has sent `connection_init`. */
  hasBegun: boolean
  /** The ping group of the socket. */
  readonly pingTurn: number
  /** Whether the last ping is still unanswered. */
  isUnanswered: boolean
  /** The callback of graphql-ws to call when the socket has closed. */
  onClosed: (code: number, reason: string) => Promise<void>
  close(code?: number, reason?: string): void
  /** Records in the audit log that a limit was reached. */
  noteLimit(reason: string, detail: string): void
  /** Notifies all users of the socket that it has closed. */
  closed(code: number, reason: string): void
}

/** Opens the resources of a socket, and registers it. */
export function createServedSocket(options: {
  readonly socket: WebSocket
  /** The TCP socket of the WebSocket. */
  readonly tcp: Duplex
  readonly authorization: string | undefined
  readonly from: Whence
  readonly pingTurn: number
  readonly surroundings: SocketSurroundings
}): ServedSocket {
  return new OpenWebSocket(options)
}

/** A class rather than closures: saves about 1 KB per instance, and there are thousands. */
class OpenWebSocket implements ServedSocket {
  readonly socket: WebSocket
  readonly authorization: string | undefined
  readonly connection: Connection
  readonly outlet: SocketOutlet | undefined
  viewer: Viewer | null = null
  operations: Readonly<Record<string, unknown>> = none
  hasBegun = false
  isUnanswered = false
  onClosed: (code: number, reason: string) => Promise<void> = () => Promise.resolve()
  readonly pingTurn: number
  readonly #surroundings: SocketSurroundings
  /** The number of responses not yet taken by the operating system. */
  #sending = 0

  constructor({ socket, tcp, authorization, from, pingTurn, surroundings }: Parameters<typeof createServedSocket>[0]) {
    this.socket = socket
    this.authorization = authorization
    this.pingTurn = pingTurn
    this.#surroundings = surroundings
    this.connection = surroundings.connections.open('ws', from, this)
    this.outlet = surroundings.live?.openSocket({ webSocket: socket, socket: tcp, owner: this })
  }

  get protocol(): string {
    return this.socket.protocol
  }

  /**
   * Resolves when the operating system has taken the message; that keeps the backlog of a slow
   * subscriber in the log. A message that can no longer be sent waits for the end of the socket:
   * otherwise a source that is always ready would spin, and starve the very event that ends it.
   */
  send(data: string): Promise<void> {
    const { socket } = this
    return new Promise((resolve) => {
      if (socket.readyState !== socket.OPEN) return whenGone(socket, resolve)
      this.#sending++
      socket.send(data, (error) => {
        this.#sending--
        if (socket.isPaused && (this.#sending === 0 || !this.#isBehind())) socket.resume()
        if (error) whenGone(socket, resolve)
        else resolve()
      })
    })
  }

  close(code?: number, reason?: string): void {
    closeSocket(this.socket, code ?? CloseCode.InternalServerError, reason ?? '')
  }

  onMessage(listener: (message: string) => Promise<void>): void {
    const { socket } = this
    socket.on('message', (data) => {
      // Reading is never paused for data written by live delivery alone: it resumes only after a
      // response has been sent.
      if (this.#sending > 0 && this.#isBehind()) socket.pause()
      listener(readMessage(String(data))).catch((error: unknown) => {
        this.#surroundings.logger.error({ err: error }, 'failed to handle a WebSocket message')
        this.close(CloseCode.InternalServerError, 'Something went wrong on the server')
      })
    })
  }

  #isBehind(): boolean {
    return this.socket.bufferedAmount > this.#surroundings.maxBufferBytes
  }

  move(why: MoveReason): void {
    if (why === 'away') this.close(closeCodes.tryAgainLater, awayMessage)
    else this.close(closeCodes.restart, 'This server is restarting; connect again')
  }

  terminate(): void {
    this.socket.terminate()
  }

  unreadBytes(): number {
    return this.socket.bufferedAmount
  }

  subscriptions(): number {
    return Object.keys(this.operations).length
  }

  giveUp(): void {
    this.noteLimit('slow', 'Nothing was read for SLOW_READER_MS')
    this.close(closeCodes.tryAgainLater, 'Nothing was read for too long; connect again and resume')
  }

  refine(error: unknown): unknown {
    return this.#surroundings.refine(this.socket, error)
  }

  noteLimit(reason: string, detail: string): void {
    this.#surroundings.note('LIMITED', this.viewer, this.connection.from, { reason, subject: 'ws', detail })
  }

  closed(code: number, reason: string): void {
    const { connections, logger } = this.#surroundings
    connections.close(this.connection)
    this.outlet?.close()
    this.onClosed(code, reason).catch((error: unknown) => logger.error({ err: error }, 'failed to release a WebSocket'))
  }
}

const none: Readonly<Record<string, unknown>> = {}

/** Resolves after all other effects of the end of a socket. */
function whenGone(socket: WebSocket, resolve: () => void): void {
  if (socket.readyState === socket.CLOSED) setImmediate(resolve)
  else socket.once('close', () => setImmediate(resolve))
}

/**
 * Parses a message for graphql-ws: its parser passes through parsed values. graphql-ws retains its
 * input for the lifetime of a subscription, and would retain the whole text otherwise. Invalid JSON
 * is left to graphql-ws to refuse.
 */
function readMessage(text: string): string {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' ? (message as unknown as string) : text
  } catch {
    return text
  }
}
