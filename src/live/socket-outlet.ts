import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
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
  const { webSocket, socket, turn, patienceMs, sent, giveUp } = options
  const limit = waitingLimit(options.budgetBytes)
  /** Nearly always one, so not worth a map. */
  let served: { readonly seat: Seat; readonly leave: () => void }[] = []
  let isCorked = false
  let waiting: (() => void)[] | undefined

  const uncork = (): void => {
    isCorked = false
    socket.uncork()
  }
  // graphql-ws forgets an operation whose id was used again before it had begun; nobody else would ever end it.
  webSocket.once('close', () => {
    for (const { leave } of [...served]) leave()
  })
  return {
    isFull: (bytes) => socket.writableLength > 0 && socket.writableLength + bytes > limit,
    write(batch, stamp) {
      if (webSocket.readyState !== webSocket.OPEN || !socket.writable) return
      // Several operations' events of one turn leave in one write; for one alone they are in one buffer already.
      if (served.length > 1 && !isCorked) {
        isCorked = true
        socket.cork()
        turn.finally(uncork)
      }
      const frames = batch.frames(stamp.length)
      const bytes = frames.stamp(stamp)
      socket.write(bytes)
      sent.payloads += batch.payloads.length
      sent.bytes += bytes.length
      // Not taken whole by the operating system: the stream still reads from the buffer.
      if (socket.writableLength > 0) frames.keep()
    },
    drained(listener) {
      if (waiting !== undefined) return void waiting.push(listener)
      waiting = [listener]
      const timer = setTimeout(giveUp, patienceMs).unref()
      // An empty write is over when all before it are, and a socket that fails or closes fails it.
      socket.write('', (error) => {
        clearTimeout(timer)
        const listeners = waiting ?? []
        waiting = undefined
        if (error === null || error === undefined) for (const heard of listeners) heard()
      })
    },
    refine: options.refine,
    opened(seat, leave) {
      const same = served.find((one) => one.seat.stamp.equals(seat.stamp))
      if (same !== undefined && same.seat.number > seat.number) return false
      same?.leave()
      served.push({ seat, leave })
      return true
    },
    closed(seat) {
      served = served.filter((one) => one.seat !== seat)
    },
  }
}
