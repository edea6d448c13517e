import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Batch } from './frames.ts'
import { type Outlet, type Sent, type Served, waitingLimit } from './outlet.ts'

/** The outlet of one WebSocket. */
export interface SocketOutlet extends Outlet {
  /** To be called when the socket has closed: graphql-ws forgets an operation whose id was used again before it had begun. */
  close(): void
  /**
   * Flushes a socket that has stayed corked past the end of a turn, and reports it: what is written to such a socket, pongs and
   * completes included, does not leave. Must be called at the beginning of a turn (of a timer's, for example), where it finds none.
   */
  flushLeftCorked(): void
}

/** Whose socket it is. */
export interface SocketOwner {
  /** Its reader has stopped reading for too long: asks the client to come back (1013), and it resumes from its cursor. */
  giveUp(): void
  /** See {@link Outlet.refine}. */
  refine(error: unknown): unknown
}

/** What the outlets of all sockets have in common. */
export interface SocketOutlets {
  /** Most that a reader may leave unread. */
  readonly budgetBytes: number
  /** How long a full buffer may stand still before the socket is given up. */
  readonly patienceMs: number
  /** Counts what is written. */
  readonly sent: Sent
  /** Told of each reader that is given up. */
  readonly onGivenUp: () => void
  /** Called for each socket that was found corked after a turn had ended. */
  readonly onLeftCorked: () => void
}

/**
 * Creates the outlet of one WebSocket, which writes ready-made frames to the TCP socket beneath it.
 *
 * The TCP socket is the one that the upgrade was handled with, so nothing private of ws is touched. What is relied on: without
 * compression, ws writes each of its own frames whole and at once, so that frames never interleave, and whatever is written
 * through either way arrives in the order of the calls. `test/live/socket-outlet.test.ts` fails when that changes.
 */
export function createSocketOutlet(options: {
  readonly webSocket: WebSocket
  readonly socket: Duplex
  readonly owner: SocketOwner
  /** The same object for all, so that none of them keeps these. */
  readonly common: SocketOutlets
}): SocketOutlet {
  return new WebSocketOutlet(options)
}

/** A class, against the custom of the house, as {@link createSubscriber} makes one: there is one for each socket. */
class WebSocketOutlet implements SocketOutlet {
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #owner: SocketOwner
  readonly #common: SocketOutlets
  /** Nearly always one, so not worth a map. */
  #served: readonly Served[] = none
  #isCorked = false
  #waiting: (() => void)[] | undefined

  constructor({ webSocket, socket, owner, common }: Parameters<typeof createSocketOutlet>[0]) {
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

  write(batch: Batch, stamp: Buffer): void {
    const socket = this.#socket
    if (this.#webSocket.readyState !== this.#webSocket.OPEN || !socket.writable) return
    // Several operations' events of one turn leave in one write; for one alone they are in one buffer already. The cork is removed by
    // the next tick, as Node's HTTP does it: it runs when the present callback of the event loop has returned, whichever that is, so no
    // caller has to see to it. The end of a turn (turn.ts) is one callback, so all that is flushed there is still one write.
    if (this.#served.length > 1 && !this.#isCorked) {
      this.#isCorked = true
      socket.cork()
      process.nextTick(uncork, this)
    }
    const frames = batch.frames(stamp.length)
    const bytes = frames.stamp(stamp)
    const { sent } = this.#common
    sent.payloads += batch.payloads.length
    sent.bytes += bytes.length
    // What waits for a slow reader must be alone in its memory: small buffers are cut from larger ones, and keep all of those.
    if (socket.writableLength > 0) return void socket.write(copyAlone(bytes))
    socket.write(bytes)
    // Not taken whole by the operating system: the stream still reads from the buffer.
    if (socket.writableLength > 0) frames.keep()
  }

  drained(listener: () => void): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(listener)
    this.#waiting = [listener]
    const timer = setTimeout(() => {
      this.#common.onGivenUp()
      this.#owner.giveUp()
    }, this.#common.patienceMs).unref()
    // An empty write is over when all before it are, and a socket that fails or closes fails it.
    this.#socket.write('', (error) => {
      clearTimeout(timer)
      const listeners = this.#waiting ?? []
      this.#waiting = undefined
      if (error === null || error === undefined) for (const heard of listeners) heard()
    })
  }

  opened(served: Served): Served | undefined {
    const same = this.#served.find(({ stamp }) => stamp.equals(served.stamp))
    if (same !== undefined && same.number > served.number) return same
    same?.leave()
    // A list that is spread has room for sixteen more.
    this.#served = this.#served.concat(served)
    return undefined
  }

  closed(served: Served): void {
    this.#served = this.#served.filter((one) => one !== served)
  }

  close(): void {
    for (const served of this.#served) served.leave()
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

/** The same function for all sockets. */
function uncork(outlet: WebSocketOutlet): void {
  outlet.uncork()
}

const none: readonly Served[] = []

function copyAlone(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
