import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { findFreePort } from './port.ts'

/** Bytes towards whoever connected, or towards the server behind. */
export type Direction = 'toClient' | 'toServer'

/** A network between a client and a server that fails on demand. Disposing resets what is open and frees the port. */
export interface TcpProxy extends AsyncDisposable {
  /** Of the loopback address; stays the same through `refuse` and `accept`. */
  readonly port: number
  /** Connections that are open now. */
  readonly open: number
  /** Connections that were ever accepted. */
  readonly accepted: number
  /** Bytes passed on so far, over all connections. */
  readonly passedBytes: Readonly<Record<Direction, number>>
  /** Resets each connection after exactly `bytes` more bytes in one direction, those open now and those to come, until `heal`. */
  cutAfter(bytes: number, direction: Direction): void
  /** Passes nothing on and keeps it, on connections open now and to come, until `resume`. */
  stall(): void
  /** Ends `stall`: what was kept arrives, in order. */
  resume(): void
  /** Turns the connections open now into ones that take everything, pass nothing on and never end. New ones are healthy. */
  halfOpen(): void
  /** Resets (RST) all connections that are open now, on both sides. */
  resetAll(): void
  /** Refuses new connections, until `accept`; open ones stay. */
  refuse(): void
  /** Ends `refuse`. Resolves when connections are accepted again. */
  accept(): Promise<void>
  /** Ends `cutAfter`, `stall` and `refuse`. */
  heal(): Promise<void>
}

interface Link {
  readonly ends: Readonly<Record<Direction, Socket>>
  readonly remainingBytes: Record<Direction, number>
  isSwallowing: boolean
  reset(): void
}

/**
 * Listens on a free port of the loopback address and passes everything on.
 *
 * @param target - a port of the loopback address, or the path of a Unix socket
 */
export async function createTcpProxy(target: number | string): Promise<TcpProxy> {
  const port = await findFreePort()
  const links = new Set<Link>()
  const passedBytes = { toClient: 0, toServer: 0 }
  let limits = { toClient: Number.POSITIVE_INFINITY, toServer: Number.POSITIVE_INFINITY }
  let isStalled = false
  let accepted = 0

  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    accepted++
    const upstream =
      typeof target === 'number'
        ? connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
        : connect({ path: target, allowHalfOpen: true })
    const link: Link = {
      ends: { toClient: client, toServer: upstream },
      remainingBytes: { ...limits },
      isSwallowing: false,
      reset: () => {
        links.delete(link)
        for (const socket of [client, upstream]) reset(socket)
      },
    }
    links.add(link)
    for (const direction of ['toClient', 'toServer'] as const) pass(link, direction)
    if (isStalled) upstream.pause()
    else client.resume()
  })

  const pass = (link: Link, direction: Direction) => {
    const to = link.ends[direction]
    const from = link.ends[direction === 'toClient' ? 'toServer' : 'toClient']
    from.on('data', (chunk: Buffer) => {
      if (link.isSwallowing) return
      const part = chunk.subarray(0, link.remainingBytes[direction])
      link.remainingBytes[direction] -= part.length
      passedBytes[direction] += part.length
      const isCut = link.remainingBytes[direction] <= 0
      // A reset throws away what still waits to be sent: it follows when these last bytes have left.
      const isTaken = to.write(part, () => {
        if (isCut) link.reset()
      })
      if (isCut) from.pause()
      else if (!isTaken) {
        from.pause()
        to.once('drain', () => {
          if (!isStalled) from.resume()
        })
      }
    })
    from.on('end', () => {
      if (!link.isSwallowing) to.end()
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      if (from.destroyed && to.destroyed) links.delete(link)
      if (link.isSwallowing) return
      if (from.errored !== null) link.reset()
      else if (!from.readableEnded) to.destroy()
    })
  }

  const accept = async () => {
    if (server.listening) return
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const resume = () => {
    isStalled = false
    for (const { ends } of links) for (const socket of Object.values(ends)) socket.resume()
  }
  const resetAll = () => {
    for (const link of links) link.reset()
  }
  await accept()
  return {
    port,
    get open() {
      return links.size
    },
    get accepted() {
      return accepted
    },
    passedBytes,
    cutAfter: (bytes, direction) => {
      limits = { ...limits, [direction]: bytes }
      for (const link of links) link.remainingBytes[direction] = bytes
    },
    stall: () => {
      isStalled = true
      for (const { ends } of links) for (const socket of Object.values(ends)) socket.pause()
    },
    resume,
    halfOpen: () => {
      for (const link of links) link.isSwallowing = true
    },
    resetAll,
    refuse: () => {
      if (server.listening) server.close()
    },
    accept,
    heal: async () => {
      limits = { toClient: Number.POSITIVE_INFINITY, toServer: Number.POSITIVE_INFINITY }
      for (const link of links) Object.assign(link.remainingBytes, limits)
      resume()
      await accept()
    },
    [Symbol.asyncDispose]: async () => {
      resetAll()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}

/** By RST where there is one; Unix sockets can only be closed. */
function reset(socket: Socket): void {
  if (socket.destroyed) return
  if (socket.remoteFamily === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
