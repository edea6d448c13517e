import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Batch } from './frames.ts'
import { type Outlet, type Seat, type Sent, waitingLimit } from './outlet.ts'
import type { Turn } from './turn.ts'

/**
 * Creates the outlet of one WebSocket, which writes ready-made frames to the TCP socket beneath it.
 *
 * The TCP socket is the one that the upgrade was handled with, so nothing private of ws is touched. What is relied on: without
 * compression, ws writes each of its own frames whole and at once, so that frames never interleave, and whatever is written
 * through either way arrives in the order of the calls. `test/live/socket-outlet.test.ts` fails when that changes.
 *
 * @param options.budgetBytes - most that a reader may leave unread
 * @param options.patienceMs - how long a full buffer may stand still before the client is asked to come back later
 * @param options.sent - counts what is written
 * @param options.giveUp - asks the client to come back (1013): it resumes from its cursor
 */
export function createSocketOutlet(options: {
  readonly webSocket: WebSocket
  readonly socket: Duplex
  readonly turn: Turn
  readonly budgetBytes: number
  readonly patienceMs: number
  readonly sent: Sent
  readonly giveUp: () => void
  readonly refine: (error: unknown) => unknown
}): Outlet {
  return new SocketOutlet(options)
}

/** A class, against the custom of the house, as {@link createSubscriber} makes one: there is one for each socket. */
class SocketOutlet implements Outlet {
  readonly refine: Outlet['refine']
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #turn: Turn
  readonly #limit: number
  readonly #patienceMs: number
  readonly #sent: Sent
  readonly #giveUp: () => void
  /** Nearly always one, so not worth a map. */
  #served: readonly { readonly seat: Seat; readonly leave: () => void }[] = []
  #isCorked = false
  #waiting: (() => void)[] | undefined

  constructor({
    webSocket,
    socket,
    turn,
    budgetBytes,
    patienceMs,
    sent,
    giveUp,
    refine,
  }: Parameters<typeof createSocketOutlet>[0]) {
    this.refine = refine
    this.#webSocket = webSocket
    this.#socket = socket
    this.#turn = turn
    this.#limit = waitingLimit(budgetBytes)
    this.#patienceMs = patienceMs
    this.#sent = sent
    this.#giveUp = giveUp
    // graphql-ws forgets an operation whose id was used again before it had begun; nobody else would ever end it.
    webSocket.on('close', () => {
      for (const { leave } of this.#served) leave()
    })
  }

  isFull(bytes: number): boolean {
    const { writableLength } = this.#socket
    return writableLength > 0 && writableLength + bytes > this.#limit
  }

  write(batch: Batch, stamp: Buffer): void {
    const socket = this.#socket
    if (this.#webSocket.readyState !== this.#webSocket.OPEN || !socket.writable) return
    // Several operations' events of one turn leave in one write; for one alone they are in one buffer already.
    if (this.#served.length > 1 && !this.#isCorked) {
      this.#isCorked = true
      socket.cork()
      this.#turn.finally(() => {
        this.#isCorked = false
        socket.uncork()
      })
    }
    const frames = batch.frames(stamp.length)
    const bytes = frames.stamp(stamp)
    socket.write(bytes)
    this.#sent.payloads += batch.payloads.length
    this.#sent.bytes += bytes.length
    // Not taken whole by the operating system: the stream still reads from the buffer.
    if (socket.writableLength > 0) frames.keep()
  }

  drained(listener: () => void): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(listener)
    this.#waiting = [listener]
    const timer = setTimeout(this.#giveUp, this.#patienceMs).unref()
    // An empty write is over when all before it are, and a socket that fails or closes fails it.
    this.#socket.write('', (error) => {
      clearTimeout(timer)
      const listeners = this.#waiting ?? []
      this.#waiting = undefined
      if (error === null || error === undefined) for (const heard of listeners) heard()
    })
  }

  opened(seat: Seat, leave: () => void): boolean {
    const same = this.#served.find((one) => one.seat.stamp.equals(seat.stamp))
    if (same !== undefined && same.seat.number > seat.number) return false
    same?.leave()
    this.#served = [...this.#served, { seat, leave }]
    return true
  }

  closed(seat: Seat): void {
    this.#served = this.#served.filter((one) => one.seat !== seat)
  }
}
