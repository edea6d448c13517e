import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, type WebSocket as Port } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { SocketOwner, SocketSink } from '../../live/deliver/socket-sink.ts'
import type { Live } from '../../live/live.ts'
import type { Logger } from '../../logger.ts'
import { closeCodes } from '../../protocol.ts'
import type { Viewer } from '../../tasks/model/viewer.ts'
import type { Connection, ConnectionControl, Connections, MoveReason } from '../connections/connections.ts'
import { type Work, type WorkRefusal, type WorkSource, workOf } from '../connections/work.ts'
import type { ClientInfo } from '../request/client-address.ts'
import type { WriteAudit } from '../request/context.ts'
import { createRetained, type Retained } from '../request/declared-params.ts'
import { isJsonTooDeep } from '../request/json-depth.ts'

/** Closes a socket, with a reason that is cut to the 123 bytes allowed by the protocol. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, Buffer.byteLength(reason) <= 123 ? reason : `${reason.slice(0, 40)}…`)
}

/** The close reason while the database is unavailable. */
export const unavailableMessage = 'The database cannot be reached; connect again'

/** The state shared by all sockets of a server. */
interface SocketSurroundings {
  /** Unread response bytes beyond which no more messages are read from a socket. */
  readonly maxBufferBytes: number
  /** Maximum bytes that the operations of a socket retain together. */
  readonly maxRetainedBytes: number
  /** Maximum size of a message before the viewer is known, in bytes. */
  readonly maxAnonymousBytes: number
  readonly work: Work
  /** Time of uninterrupted throttling after which a socket is closed. */
  readonly floodMs: number
  readonly connections: Connections
  readonly live: Pick<Live, 'openSocket'>
  readonly note: WriteAudit
  readonly logger: Logger
  /**
   * Returns the error that a client receives when its subscription fails; null when the socket
   * closes instead.
   */
  readonly refine: (socket: WebSocket, error: unknown) => unknown
  /**
   * Handles the messages that do not need graphql-ws, at a fraction of the cost.
   * @param limit - why new operations are refused; null when they are not
   * @returns false for all others
   */
  readonly answer: (socket: ServedSocket, message: object, limit: WorkRefusal | null) => boolean
}

/**
 * An open WebSocket, with the interfaces of all its users: graphql-ws sends and receives through
 * it, the connection register moves it, and live delivery asks its client to reconnect.
 */
export interface ServedSocket extends Port, ConnectionControl, SocketOwner, WorkSource {
  readonly socket: WebSocket
  /**
   * The headers of the upgrade; undefined once the client was authenticated, because they take more memory
   * than the socket.
   */
  headers: IncomingHttpHeaders | undefined
  readonly connection: Connection
  /** The sink that live delivery writes to. */
  readonly sink: SocketSink
  viewer: Viewer | null
  /** The operations of graphql-ws by id. */
  operations: Readonly<Record<string, unknown>>
  /** Whether the client has sent `connection_init`. */
  hasBegun: boolean
  /** The ping group of the socket. */
  readonly pingTurn: number
  /** Whether something was read, a pong included, since its last turn to be pinged. */
  wasHeard: boolean
  /** Whether the last ping is still unanswered. */
  isUnanswered: boolean
  /** Whether its messages wait until it may make more work. Nothing is read meanwhile, pongs included. */
  readonly isThrottled: boolean
  /** The callback of graphql-ws to call when the socket has closed. */
  onClosed: (code: number, reason: string) => Promise<void>
  close(code?: number, reason?: string): void
  /** The data that its operations retain. */
  readonly retained: Retained
  /** Records in the audit log that a limit was reached: once per socket and reason. */
  noteLimit(reason: string, detail: string): void
  /** Notifies all users of the socket that it has closed. */
  closed(code: number, reason: string): void
}

/** Opens the resources of a socket, and registers it. */
export function createServedSocket(options: {
  readonly socket: WebSocket
  /** The TCP socket of the WebSocket. */
  readonly tcp: Duplex
  readonly headers: IncomingHttpHeaders
  readonly from: ClientInfo
  readonly pingTurn: number
  readonly surroundings: SocketSurroundings
}): ServedSocket {
  return new OpenWebSocket(options)
}

/** A class rather than closures: saves about 1 KB per instance, and there are thousands. */
class OpenWebSocket implements ServedSocket {
  readonly socket: WebSocket
  headers: IncomingHttpHeaders | undefined
  readonly connection: Connection
  readonly sink: SocketSink
  viewer: Viewer | null = null
  operations: Readonly<Record<string, unknown>> = noVariables
  hasBegun = false
  wasHeard = false
  isUnanswered = false
  onClosed: (code: number, reason: string) => Promise<void> = () => Promise.resolve()
  readonly pingTurn: number
  readonly #surroundings: SocketSurroundings
  /** The number of responses not yet taken by the operating system. */
  #sending = 0
  #end: Promise<void> | undefined
  /** Messages that wait until the socket may make more work; undefined while none does. */
  #throttled: Throttled | undefined
  /** Since when it has had to wait, with pauses of less than {@link floodPauseMs}. */
  #floodingSince = 0
  #throttleEndedAt = 0
  #retained: Retained | undefined
  #notedReasons: Set<string> | undefined

  constructor({ socket, tcp, headers, from, pingTurn, surroundings }: Parameters<typeof createServedSocket>[0]) {
    this.socket = socket
    this.headers = headers
    this.pingTurn = pingTurn
    this.#surroundings = surroundings
    this.connection = surroundings.connections.open('ws', from, this)
    this.sink = surroundings.live.openSocket({ webSocket: socket, socket: tcp, owner: this })
  }

  get isThrottled(): boolean {
    return this.#throttled !== undefined
  }

  get network(): string {
    return this.connection.from.network
  }

  get userId(): string | null {
    return this.viewer?.userId ?? null
  }

  get socketId(): string {
    return this.connection.id
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
      if (socket.readyState !== socket.OPEN) return resolve(this.#ended())
      this.#sending++
      socket.send(data, (error) => {
        this.#sending--
        if (socket.isPaused && this.#throttled === undefined && (this.#sending === 0 || !this.#isBehind()))
          socket.resume()
        if (error) resolve(this.#ended())
        else resolve()
      })
    })
  }

  /** Resolves after all other effects of the end of the socket; one listener serves all messages that wait for it. */
  #ended(): Promise<void> {
    const { socket } = this
    this.#end ??= new Promise((resolve) => {
      if (socket.readyState === socket.CLOSED) setImmediate(resolve)
      else socket.once('close', () => setImmediate(resolve))
    })
    return this.#end
  }

  close(code?: number, reason?: string): void {
    closeSocket(this.socket, code ?? CloseCode.InternalServerError, reason ?? '')
  }

  onMessage(listener: (message: string) => Promise<void>): void {
    const { socket } = this
    // Without `binaryType` and compression, ws passes every message as one buffer.
    socket.on('message', (data: Buffer) => {
      this.wasHeard = true
      // Reading is never paused for data written by live delivery alone: it resumes only after a
      // response has been sent.
      if (this.#sending > 0 && this.#isBehind()) socket.pause()
      if (this.#throttled !== undefined) this.#throttled.messages.push(data)
      else if (!this.#handle(data, listener)) this.#throttle(data, listener)
    })
  }

  /** @returns false when the message has to wait */
  #handle(data: Buffer, listener: (message: string) => Promise<void>): boolean {
    // The rest of what a closing socket has sent.
    if (this.socket.readyState !== this.socket.OPEN) return true
    const { work, answer, maxAnonymousBytes, logger } = this.#surroundings
    if (work.isTurnSpent(this) || work.socketWaitMs(this) > 0) return false
    const limit = work.refuse(this)
    if (limit !== null && !work.takeReserve(this, data.length)) return false
    work.record(this, data.length + workOf.message)
    if (this.viewer === null && data.length > maxAnonymousBytes) {
      this.close(messageTooBig, 'This message is too large without a token (MAX_ANONYMOUS_BODY_BYTES)')
      return true
    }
    if (isJsonTooDeep(data)) {
      this.close(CloseCode.BadRequest, 'The JSON of this message is nested too deeply')
      return true
    }
    const message = readMessage(String(data))
    if (typeof message === 'object' && answer(this, message, limit)) return true
    listener(message as string).catch((error: unknown) => {
      logger.error({ err: error }, 'failed to handle a WebSocket message')
      this.close(CloseCode.InternalServerError, 'Something went wrong on the server')
    })
    return true
  }

  /**
   * Stops reading until the socket may make more work. ws has already parsed the messages that
   * arrived with this one: they wait, in order.
   */
  #throttle(data: Buffer, listener: (message: string) => Promise<void>): void {
    const throttledMessages: Throttled = { messages: [data], next: 0 }
    this.#throttled = throttledMessages
    if (performance.now() - this.#throttleEndedAt > floodPauseMs) this.#floodingSince = performance.now()
    this.socket.pause()
    const proceed = (): void => {
      const { socket } = this
      for (;;) {
        const message = throttledMessages.messages[throttledMessages.next]
        if (message === undefined) break
        if (!this.#handle(message, listener)) {
          wait()
          return
        }
        throttledMessages.next++
      }
      this.#throttled = undefined
      // The pong has not been read yet.
      this.wasHeard = true
      this.#throttleEndedAt = performance.now()
      if (this.#sending === 0 || !this.#isBehind()) socket.resume()
    }
    const wait = (): void => {
      const { work, floodMs } = this.#surroundings
      const waitMs = work.waitMs(this)
      if (waitMs === 0) this.#floodingSince = performance.now()
      // Only a socket that exceeds its own limit is closed: another one may have used up what its
      // viewer or address has.
      else if (performance.now() - this.#floodingSince > floodMs && work.socketWaitMs(this) > 0)
        return void this.#endFlood()
      if (waitMs === 0) work.onTurn(this, proceed)
      // The reserve may suffice before the viewer or address may make more work.
      else setTimeout(proceed, Math.min(Math.max(waitMs, shortestThrottleMs), longestThrottleMs)).unref()
    }
    wait()
  }

  #endFlood(): void {
    this.noteLimit('messages', 'The messages of one socket made too much work (MAX_SOCKET_WORK)')
    this.close(closeCodes.tryAgainLater, 'Too many messages; connect again later')
    // Nothing more is read from it, so the client's answer does not arrive.
    setTimeout(() => this.terminate(), closeLingerMs).unref()
  }

  get retained(): Retained {
    const { maxRetainedBytes: maxBytes } = this.#surroundings
    this.#retained ??= createRetained({ maxBytes, isOpen: (id) => id in this.operations })
    return this.#retained
  }

  #isBehind(): boolean {
    return this.socket.bufferedAmount > this.#surroundings.maxBufferBytes
  }

  move(why: MoveReason): void {
    if (why === 'away') this.close(closeCodes.tryAgainLater, unavailableMessage)
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
    if (this.#notedReasons?.has(reason) === true) return
    this.#notedReasons ??= new Set()
    this.#notedReasons.add(reason)
    this.#surroundings.note('LIMITED', this.viewer, this.connection.from, { reason, subject: 'ws', detail })
  }

  closed(code: number, reason: string): void {
    const { connections, logger } = this.#surroundings
    connections.close(this.connection)
    this.sink.close()
    this.onClosed(code, reason).catch((error: unknown) => logger.error({ err: error }, 'failed to release a WebSocket'))
  }
}

const noVariables: Readonly<Record<string, unknown>> = {}
/** Close code of WebSocket for a message that is too large. */
const messageTooBig = 1009
const shortestThrottleMs = 20
const longestThrottleMs = 1_000
const floodPauseMs = 1_000
/** Time that a client has to receive the close code of a socket that is not read any more. */
const closeLingerMs = 1_000

/** The messages that arrived while their socket was throttled. */
interface Throttled {
  readonly messages: Buffer[]
  /** The index of the next message to handle. */
  next: number
}

/**
 * Parses a message for graphql-ws: its parser passes through parsed values. graphql-ws retains its
 * input for the lifetime of a subscription, and would retain the whole text otherwise. Invalid JSON
 * is left to graphql-ws to refuse.
 */
function readMessage(text: string): object | string {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' && message !== null ? message : text
  } catch {
    return text
  }
}
