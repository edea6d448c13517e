import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { findFreePort } from './port.ts'

/** Bytes towards the connecting client, or towards the server behind. */
export type Direction = 'toClient' | 'toServer'

/**
 * A proxy between a client and a server that fails on demand. Disposing resets open connections and
 * frees the port.
 */
export interface TcpProxy extends AsyncDisposable {
  /** A port of the loopback address; unchanged by `refuse` and `accept`. */
  readonly port: number
  /** The number of open connections. */
  readonly open: number
  /** The number of connections ever accepted. */
  readonly accepted: number
  /** Bytes forwarded so far, over all connections. */
  readonly passedBytes: Readonly<Record<Direction, number>>
  /**
   * Resets each connection after exactly `bytes` more bytes in one direction, open and future ones,
   * until `heal`.
   */
  cutAfter(bytes: number, direction: Direction): void
  /**
   * Holds data back, on open and future connections, until `resume`.
   *
   * @param direction - both by default
   */
  stall(direction?: Direction): void
  /** Ends `stall`: the held data arrives, in order. */
  resume(): void
  /**
   * Turns the open connections into ones that accept everything, forward nothing and never end. New
   * ones are healthy.
   */
  halfOpen(): void
  /** Resets (RST) all open connections, on both sides. */
  resetAll(): void
  /**
   * Delays everything towards the client by `ms`, in order; 0 ends it.
   *
   * @param jitterMs - maximum random delay in addition; 0 by default
   */
  delay(ms: number, jitterMs?: number): void
  /** Discards all data in one direction, on open and future connections, until `heal`. */
  swallow(direction: Direction): void
  /** Limits each connection to a number of bytes per second towards the client, until `heal`. */
  throttle(bytesPerSecond: number): void
  /** Sends data towards the client in segments of at most `bytes`, until `heal`. */
  segment(bytes: number): void
  /** Forwards every WebSocket frame with a result twice, on future connections, until `heal`. */
  doubleFrames(): void
  /** Resets connections that request a WebSocket, until `heal`. */
  blockUpgrades(): void
  /** Refuses new connections, until `accept`; open ones are kept. */
  refuse(): void
  /** Ends `refuse`. Resolves when connections are accepted again. */
  accept(): Promise<void>
  /** Resets (RST) the connections from these addresses, open and future ones, until `heal`. */
  block(addresses: readonly string[]): void
  /** Ends everything but `halfOpen` on the connections that it has changed. */
  heal(): Promise<void>
}

/** Duration of the data that a throttled connection holds back at most, in milliseconds. */
const fullMs = 500

interface Link {
  readonly ends: Readonly<Record<Direction, Socket>>
  readonly remainingBytes: Record<Direction, number>
  isSwallowing: boolean
  /** Delayed data towards the client, in order, and the time at which the last of it is due. */
  readonly delayed: (() => void)[]
  dueAt: number
  /** Returns the bytes to forward for bytes from the server. */
  readonly change: (chunk: Buffer) => Buffer
  reset(): void
}

/**
 * Listens on a free port of the loopback address and forwards everything.
 *
 * @param target - a port of the loopback address, or the path of a Unix socket; a function is asked for each connection
 * @param options.change - creates, per connection, the function that returns the bytes to forward
 *   for bytes from the server; by default they are forwarded unchanged
 */
export async function createTcpProxy(
  target: number | string | (() => number),
  { change }: { readonly change?: () => (chunk: Buffer) => Buffer } = {},
): Promise<TcpProxy> {
  const port = await findFreePort()
  const links = new Set<Link>()
  const passedBytes = { toClient: 0, toServer: 0 }
  let limits = { toClient: Number.POSITIVE_INFINITY, toServer: Number.POSITIVE_INFINITY }
  const stalled = { toClient: false, toServer: false }
  const swallowed = { toClient: false, toServer: false }
  let accepted = 0
  let delayMs = 0
  let delayJitterMs = 0
  let bytesPerSecond = Number.POSITIVE_INFINITY
  let segmentBytes = Number.POSITIVE_INFINITY
  let doublesFrames = false
  let blocksUpgrades = false
  const blocked = new Set<string>()
  const isBlocked = ({ remoteAddress = '' }: Socket): boolean => blocked.has(remoteAddress)

  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    if (isBlocked(client)) {
      reset(client)
      return
    }
    accepted++
    const upstream =
      typeof target === 'string'
        ? connect({ path: target, allowHalfOpen: true })
        : connect({
            port: typeof target === 'number' ? target : target(),
            host: '127.0.0.1',
            allowHalfOpen: true,
            noDelay: true,
          })
    const link: Link = {
      ends: { toClient: client, toServer: upstream },
      remainingBytes: { ...limits },
      isSwallowing: false,
      delayed: [],
      dueAt: 0,
      change: doublesFrames ? createFrameDoubler() : (change?.() ?? ((chunk) => chunk)),
      reset: () => {
        links.delete(link)
        for (const socket of [client, upstream]) reset(socket)
      },
    }
    links.add(link)
    for (const direction of ['toClient', 'toServer'] as const) pass(link, direction)
    if (stalled.toClient) upstream.pause()
    if (!stalled.toServer) client.resume()
  })

  const pass = (link: Link, direction: Direction) => {
    const to = link.ends[direction]
    const from = link.ends[direction === 'toClient' ? 'toServer' : 'toClient']
    const take = (chunk: Buffer): void => {
      if (link.isSwallowing || swallowed[direction]) return
      if (direction === 'toServer' && blocksUpgrades && /^upgrade: websocket\r$/im.test(chunk.toString('latin1'))) {
        link.reset()
        return
      }
      const part = chunk.subarray(0, link.remainingBytes[direction])
      link.remainingBytes[direction] -= part.length
      passedBytes[direction] += part.length
      const isCut = link.remainingBytes[direction] <= 0
      // A reset discards unsent data: it follows when these last bytes have been sent.
      const isInSegments = direction === 'toClient' && segmentBytes < part.length
      // Each write is a segment of its own, because the socket does not wait for more data.
      if (isInSegments)
        for (let at = 0; at < part.length - segmentBytes; at += segmentBytes)
          to.write(part.subarray(at, at + segmentBytes))
      const rest = isInSegments ? part.subarray(part.length - (part.length % segmentBytes || segmentBytes)) : part
      const isTaken = to.write(rest, () => {
        if (isCut) link.reset()
      })
      if (isCut) from.pause()
      else if (!isTaken) {
        from.pause()
        to.once('drain', () => {
          if (!stalled[direction]) from.resume()
        })
      }
    }
    const later = (step: () => void, bytes = 0): void => {
      const now = performance.now()
      const isIdle = delayMs === 0 && bytesPerSecond === Number.POSITIVE_INFINITY && link.delayed.length === 0
      if (direction === 'toServer' || isIdle) {
        step()
        return
      }
      const delayedTo = now + delayMs + Math.random() * delayJitterMs
      link.dueAt = Math.max(link.dueAt, delayedTo) + (bytes / bytesPerSecond) * 1_000
      link.delayed.push(step)
      // A slow connection takes no more from the server than it can pass on soon.
      const isFull = link.dueAt - now > delayMs + delayJitterMs + fullMs
      if (isFull) from.pause()
      setTimeout(() => {
        link.delayed.shift()?.()
        if (isFull && !stalled.toClient) from.resume()
      }, link.dueAt - now)
    }
    from.on('data', (chunk: Buffer) => {
      const changed = direction === 'toClient' ? link.change(chunk) : chunk
      later(() => take(changed), changed.length)
    })
    from.on('end', () => {
      later(() => {
        if (!link.isSwallowing) to.end()
      })
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
    Object.assign(stalled, { toClient: false, toServer: false })
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
    stall: (direction) => {
      for (const held of direction === undefined ? (['toClient', 'toServer'] as const) : [direction]) {
        stalled[held] = true
        for (const { ends } of links) ends[held === 'toClient' ? 'toServer' : 'toClient'].pause()
      }
    },
    resume,
    halfOpen: () => {
      for (const link of links) link.isSwallowing = true
    },
    resetAll,
    delay: (ms, jitterMs = 0) => {
      delayMs = ms
      delayJitterMs = jitterMs
    },
    swallow: (direction) => {
      swallowed[direction] = true
    },
    throttle: (limit) => {
      bytesPerSecond = limit
    },
    segment: (bytes) => {
      segmentBytes = bytes
    },
    doubleFrames: () => {
      doublesFrames = true
    },
    blockUpgrades: () => {
      blocksUpgrades = true
    },
    refuse: () => {
      if (server.listening) server.close()
    },
    accept,
    block: (addresses) => {
      for (const address of addresses) blocked.add(address)
      for (const link of links) if (isBlocked(link.ends.toClient)) link.reset()
    },
    heal: async () => {
      blocked.clear()
      limits = { toClient: Number.POSITIVE_INFINITY, toServer: Number.POSITIVE_INFINITY }
      for (const link of links) Object.assign(link.remainingBytes, limits)
      Object.assign(swallowed, { toClient: false, toServer: false })
      delayMs = 0
      delayJitterMs = 0
      bytesPerSecond = Number.POSITIVE_INFINITY
      segmentBytes = Number.POSITIVE_INFINITY
      doublesFrames = false
      blocksUpgrades = false
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

/**
 * Duplicates the frames with results of a WebSocket, as a server sends them: unmasked. Everything
 * else is forwarded unchanged.
 */
function createFrameDoubler(): (chunk: Buffer) => Buffer {
  let isOpen = false
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const parts: Buffer[] = []
    if (!isOpen) {
      const end = rest.indexOf('\r\n\r\n')
      isOpen = end >= 0 && rest.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101'
      const head = isOpen ? rest.subarray(0, end + 4) : rest
      rest = rest.subarray(head.length)
      parts.push(head)
    }
    while (isOpen && rest.length >= 2) {
      const short = (rest[1] ?? 0) & 127
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (rest.length < start) break
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
      if (rest.length < start + length) break
      const frame = rest.subarray(0, start + length)
      rest = rest.subarray(frame.length)
      parts.push(frame)
      if (frame.includes('"type":"next"')) parts.push(frame)
    }
    return Buffer.concat(parts)
  }
}

/** With RST where it exists; Unix sockets can only be closed. */
function reset(socket: Socket): void {
  if (socket.destroyed) return
  if (socket.remoteFamily === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
