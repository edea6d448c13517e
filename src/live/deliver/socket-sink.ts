import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { PayloadBatch } from './frames.ts'
import { type Sent, type ServedOperation, type Sink, waitingLimit } from './sink.ts'

/** The sink of one WebSocket. */
export interface SocketSink extends Sink {
  /**
   * Must be called when the socket has closed: graphql-ws forgets an operation whose id was reused
   * before it had started.
   */
  close(): void
  /**
   * Flushes a socket that is still corked after the end of a turn, and reports it: data written to
   * such a socket, including pongs and completions, is not sent. Must be called at the start of a
   * turn (in a timer, for example), when no socket should be corked.
   */
  flushLeftCorked(): void
}

/** The owner of a socket. */
export interface SocketOwner {
  /**
   * Called when the client has not read for too long: asks it to reconnect (1013), so that it
   * resumes from its cursor.
   */
  giveUp(): void
  /** See {@link Sink.refine}. */
  refine(error: unknown): unknown
}

/** Settings and callbacks shared by the sinks of all sockets. */
interface SocketSinks {
  /** Maximum number of unread bytes per connection. */
  readonly budgetBytes: number
  /** How long a full buffer may stay undrained before the socket is closed. */
  readonly patienceMs: number
  /** Counts the payloads and bytes written. */
  readonly sent: Sent
  /** Called for each connection closed because its client did not read. */
  readonly onGivenUp: () => void
  /** Called for each socket found corked after the end of a turn. */
  readonly onLeftCorked: () => void
}

/**
 * Creates the sink of one WebSocket, which writes complete frames to the underlying TCP socket.
 *
 * The TCP socket is the one of the upgrade request, so no private members of ws are used. It relies
 * on the following: without compression, ws writes each of its frames whole and at once, so that
 * frames never interleave, and data written through either way arrives in the order of the calls.
 * `test/live/socket-sink.test.ts` fails if that changes.
 */
export function createSocketSink(options: {
  readonly webSocket: WebSocket
  readonly socket: Duplex
  readonly owner: SocketOwner
  /** One object for all sinks, so that none of them stores its fields. */
  readonly common: SocketSinks
}): SocketSink {
  return new WebSocketSink(options)
}

/**
 * A class rather than a closure, for the same reason as in {@link createSubscriber}: there is one
 * instance per socket.
 */
class WebSocketSink implements SocketSink {
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #owner: SocketOwner
  readonly #common: SocketSinks
  /** Nearly always one operation, so not worth a map. */
  #served: readonly ServedOperation[] = noOperations
  #isCorked = false
  #waiting: (() => void)[] | undefined

  constructor({ webSocket, socket, owner, common }: Parameters<typeof createSocketSink>[0]) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#owner = owner
    this.#common = common
  }

  refine(error: unknown): unknown {
    return this.#owner.refine(error)
  }

  isFull(bytes: number): boolean {
    const { writableLength } = this.#socket
    return writableLength > 0 && writableLength + bytes > waitingLimit(this.#common.budgetBytes)
  }

  write(batch: PayloadBatch, operationId: Buffer): void {
    const socket = this.#socket
    if (this.#webSocket.readyState !== this.#webSocket.OPEN || !socket.writable) return
    // Events of several operations in one turn share one write; those of a single operation are in
    // one buffer already. The next tick removes the cork, as in Node's HTTP: it runs when the
    // current callback of the event loop has returned, whichever that is, so that no caller has to
    // take care of it. The end of a turn (turn.ts) is one callback, so everything flushed there is
    // still one write.
    if (this.#served.length > 1 && !this.#isCorked) {
      this.#isCorked = true
      socket.cork()
      process.nextTick(uncork, this)
    }
    const frames = batch.frames(operationId.length)
    const bytes = frames.withId(operationId)
    const { sent: counter } = this.#common
    counter.payloads += batch.payloads.length
    counter.bytes += bytes.length
    // Data waiting for a slow client must have memory of its own: small buffers are slices of a
    // larger pool, and would retain all of it.
    if (socket.writableLength > 0) return void socket.write(copyAlone(bytes))
    socket.write(bytes)
    // The operating system did not accept all of it: the stream still reads from the buffer.
    if (socket.writableLength > 0) frames.keep()
  }

  drained(listener: () => void): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(listener)
    this.#waiting = [listener]
    const timer = setTimeout(() => {
      this.#common.onGivenUp()
      this.#owner.giveUp()
    }, this.#common.patienceMs).unref()
    // An empty write completes after all earlier writes, and fails if the socket fails or closes.
    this.#socket.write('', (error) => {
      clearTimeout(timer)
      const listeners = this.#waiting ?? []
      this.#waiting = undefined
      if (error === null || error === undefined) for (const callback of listeners) callback()
    })
  }

  opened(served: ServedOperation): ServedOperation | undefined {
    const duplicate = this.#served.find(({ operationId }) => operationId.equals(served.operationId))
    if (duplicate !== undefined && duplicate.number > served.number) return duplicate
    duplicate?.leave()
    // Array spread would allocate capacity for sixteen more elements.
    this.#served = this.#served.concat(served)
    return undefined
  }

  closed(served: ServedOperation): void {
    this.#served = this.#served.filter((operation) => operation !== served)
  }

  close(): void {
    for (const servedOperation of this.#served) servedOperation.leave()
  }

  uncork(): void {
    this.#isCorked = false
    this.#socket.uncork()
  }

  flushLeftCorked(): void {
    const socket = this.#socket
    if (socket.writableCorked === 0 || socket.destroyed) return
    this.#common.onLeftCorked()
    this.#isCorked = false
    while (socket.writableCorked > 0) socket.uncork()
  }
}

/** A single function for all sockets. */
function uncork(sink: WebSocketSink): void {
  sink.uncork()
}

const noOperations: readonly ServedOperation[] = []

function copyAlone(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
