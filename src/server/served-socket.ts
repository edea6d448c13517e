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

/** Closes a socket, with a reason that is cut to the 123 bytes it may have. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, Buffer.byteLength(reason) <= 123 ? reason : `${reason.slice(0, 40)}…`)
}

/** Why a socket closes while the database cannot be reached. */
export const awayMessage = 'The database cannot be reached; connect again'

/** What all sockets of a server have in common. */
export interface SocketSurroundings {
  /** Unread answers beyond which a socket is not listened to. */
  readonly maxBufferBytes: number
  readonly connections: Connections
  readonly live: Live | undefined
  readonly note: Note
  readonly logger: Logger
  /** What a client is told of the failure of its subscription; null when the socket closes instead. */
  readonly refine: (socket: WebSocket, error: unknown) => unknown
}

/**
 * A WebSocket that is open, as everybody has it who has to do with it: graphql-ws sends and hears through it, the register of
 * connections moves it, live delivery asks its client to come back.
 */
export interface ServedSocket extends Port, ConnectionControl, SocketOwner {
  readonly socket: WebSocket
  /** Of the upgrade. The request itself is not kept, as its headers weigh more than the socket. */
  readonly authorization: string | undefined
  readonly connection: Connection
  /** Where live delivery writes. */
  readonly outlet: SocketOutlet | undefined
  viewer: Viewer | null
  /** Of graphql-ws, by id. */
  operations: Readonly<Record<string, unknown>>
  /** Its client has sent `connection_init`. */
  hasBegun: boolean
  /** Which of the turns it is pinged in. */
  readonly pingTurn: number
  /** It has not answered the last ping yet. */
  isUnanswered: boolean
  /** graphql-ws's, told when the socket has closed. */
  onClosed: (code: number, reason: string) => Promise<void>
  close(code?: number, reason?: string): void
  /** Writes down that a limit was reached. */
  noteLimit(reason: string, detail: string): void
  /** Tells everybody that the socket has closed. */
  closed(code: number, reason: string): void
}

/** Opens what belongs to a socket, and registers it. */
export function createServedSocket(options: {
  readonly socket: WebSocket
  /** The TCP socket beneath it. */
  readonly tcp: Duplex
  readonly authorization: string | undefined
  readonly from: Whence
  readonly pingTurn: number
  readonly surroundings: SocketSurroundings
}): ServedSocket {
  return new OpenWebSocket(options)
}

/** A class, against the custom of the house: there are thousands, and functions of each one's own would weigh a kilobyte. */
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
  /** Answers on their way to the operating system. */
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
   * Resolves when the operating system has taken it, which is what keeps a slow reader's backlog in the log. What can no longer
   * be sent waits for the socket's end: a source that is always ready would otherwise spin, and starve the very event that ends it.
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
      // What live delivery has written makes nobody deaf: the end of an answer is what is waited for.
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

/** After everything else that its end sets off. */
function whenGone(socket: WebSocket, resolve: () => void): void {
  if (socket.readyState === socket.CLOSED) setImmediate(resolve)
  else socket.once('close', () => setImmediate(resolve))
}

/**
 * A message as graphql-ws takes it: its parser lets through what is parsed already. It holds on to what it is given for as long as a
 * subscription lasts, so to the whole text otherwise. What is no JSON is for it to refuse.
 */
function readMessage(text: string): string {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' ? (message as unknown as string) : text
  } catch {
    return text
  }
}
