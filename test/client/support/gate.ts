import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** How a gate handles WebSockets. */
export type SocketPolicy =
  | 'pass'
  /** Answers the upgrade with 403. */
  | 'refuse'
  /** Accepts the upgrade and never responds. */
  | 'swallow'
  /** Lets a socket open, and closes it on its first message. */
  | 'cut'
  /** Lets a socket open, and forwards nothing from the server. */
  | 'mute'
  /** Forwards everything for {@link Gate.fadeMs}, and nothing afterwards. */
  | 'fade'

/** An HTTP proxy with the restrictions of some corporate and hotel networks. */
export interface Gate extends AsyncDisposable {
  /** The endpoint behind it. */
  readonly url: string
  sockets: SocketPolicy
  /**
   * `hold`: a response is forwarded when it is complete. `stall`: all but its first
   * {@link Gate.stallBytes} bytes are held back.
   */
  streams: 'pass' | 'hold' | 'stall'
  /** Answers every request itself, as a firewall or a captive portal does; null to forward them. */
  answer: {
    readonly status: number
    readonly type: string
    readonly body: string
    readonly headers?: Readonly<Record<string, string>>
  } | null
  fadeMs: number
  stallBytes: number
  /** Every request, as `POST text/event-stream`, and every upgrade. */
  readonly seen: string[]
  /** Ends everything that is open. */
  cut(): void
}

/** Starts a gate in front of a port of the loopback address. */
export async function startGate(target: () => number): Promise<Gate> {
  const open = new Set<Socket>()
  const track = (socket: Socket): Socket => {
    open.add(socket)
    socket.on('error', () => undefined)
    return socket.once('close', () => open.delete(socket))
  }
  const server = createServer((incoming, outgoing) => pass(incoming, outgoing))
  server.on('connection', track)

  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    gate.seen.push(`${incoming.method} ${incoming.headers.accept}`)
    if (gate.answer !== null) {
      const { status, type, body, headers } = gate.answer
      incoming.resume()
      return void outgoing.writeHead(status, { 'content-type': type, ...headers }).end(body)
    }
    const { method, url: path, headers } = incoming
    const onward = request(
      { port: target(), host: '127.0.0.1', ...(path ? { path } : {}), ...(method ? { method } : {}), headers },
      (answer) => {
        const held: Buffer[] = []
        const begin = (): void => void outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        const isHeld = gate.streams === 'hold'
        let passBytes = { pass: Number.POSITIVE_INFINITY, hold: 0, stall: gate.stallBytes }[gate.streams]
        if (!isHeld) {
          begin()
          outgoing.flushHeaders()
        }
        answer.on('data', (chunk: Buffer) => {
          const passed = chunk.subarray(0, passBytes)
          passBytes -= passed.length
          if (passed.length > 0) outgoing.write(passed)
          if (passed.length < chunk.length) held.push(chunk.subarray(passed.length))
        })
        answer.on('error', () => outgoing.destroy())
        answer.on('end', () => {
          if (isHeld) begin()
          outgoing.end(Buffer.concat(held))
        })
      },
    )
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }

  server.on('upgrade', (incoming, socket, head) => {
    gate.seen.push('UPGRADE')
    const policy = gate.sockets
    if (policy === 'refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    if (policy === 'swallow') return
    const onward = track(connect(target(), '127.0.0.1'))
    const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}`)
    onward.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    let isOpen = false
    let isFaded = false
    if (policy === 'fade') {
      const timer = setTimeout(() => {
        isFaded = true
      }, gate.fadeMs)
      socket.on('close', () => clearTimeout(timer))
    }
    onward.on('data', (chunk) => {
      // The first chunk is the response to the upgrade.
      if ((isOpen && policy === 'mute') || isFaded) return
      isOpen = true
      socket.write(chunk)
    })
    socket.on('data', (chunk) => {
      if (policy === 'cut') socket.destroy()
      else if (!isFaded) onward.write(chunk)
    })
    socket.on('close', () => onward.destroy())
    onward.on('close', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of open) socket.destroy()
  }
  const gate: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    sockets: 'pass',
    streams: 'pass',
    answer: null,
    fadeMs: 300,
    stallBytes: 200,
    seen: [],
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
  return gate
}
