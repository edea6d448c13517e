import { once } from 'node:events'
import { type ClientRequest, createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { connect, type Socket } from 'node:net'
import { findFreePort } from '../../support/port.ts'

/** A proxy between browser and server, like those of real networks. Disposing closes it. */
export interface WebProxy extends AsyncDisposable {
  readonly url: string
  /** Refuses upgrades, and ends open sockets. */
  blockSockets: boolean
  /** Buffers the responses of event streams until they are complete, and ends open ones. */
  holdStreams: boolean
  /** The number of uploads to cut after their first bytes, at both ends; counts down. */
  cutUploads: number
  /**
   * Stops reading uploads after their first bytes, like a slow connection, until it is false again.
   */
  holdUploads: boolean
  /** The number of sockets that were ever accepted. */
  readonly sockets: number
}

/** The bytes of an upload that are forwarded. */
const firstBytes = 300_000

/** Starts a proxy in front of a port of the loopback. */
export async function startWebProxy(target: number): Promise<WebProxy> {
  const port = await findFreePort()
  const sockets = new Set<Socket>()
  const streams = new Set<ServerResponse>()
  let blockSockets = false
  let holdStreams = false
  let holdUploads = false
  let cutUploads = 0
  const held = new Set<() => void>()
  let count = 0

  const server = createServer((request, response) => {
    const { method, url, headers } = request
    const upstream = send({ host: '127.0.0.1', port: target, method, path: url, headers })
    upstream.on('error', () => response.destroy())
    upstream.on('response', (answer) => pass(answer, response))
    response.on('close', () => upstream.destroy())
    if (headers['content-type']?.startsWith('multipart/') === true && (cutUploads > 0 || holdUploads)) {
      hinder(request, upstream)
      return
    }
    request.pipe(upstream)
  })
  function hinder(request: IncomingMessage, upstream: ClientRequest): void {
    const isCut = cutUploads > 0
    if (isCut) cutUploads -= 1
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      upstream.write(part)
      if (bytes < firstBytes) return
      request.removeAllListeners('data').pause()
      if (isCut) {
        request.socket.destroy()
        upstream.destroy()
      } else {
        held.add(() => request.pipe(upstream))
      }
    })
    request.on('end', () => upstream.end())
  }
  function pass(answer: IncomingMessage, response: ServerResponse): void {
    answer.on('error', () => response.destroy())
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true
    if (isStream) {
      streams.add(response)
      response.on('close', () => streams.delete(response))
    }
    if (!isStream || !holdStreams) {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      return void answer.pipe(response)
    }
    const held: Buffer[] = []
    answer.on('data', (part: Buffer) => held.push(part))
    answer.on('end', () => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.end(Buffer.concat(held))
    })
  }
  server.on('upgrade', (request: IncomingMessage, client: Socket, head: Buffer) => {
    client.on('error', () => client.destroy())
    if (blockSockets) return void client.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    count++
    const upstream = connect(target, '127.0.0.1', () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`]
      for (let at = 0; at < request.rawHeaders.length; at += 2)
        lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`)
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
      upstream.write(head)
      client.pipe(upstream).pipe(client)
    })
    sockets.add(client)
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => client.destroy())
    client.on('close', () => {
      sockets.delete(client)
      upstream.destroy()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${port}`,
    get sockets() {
      return count
    },
    get blockSockets() {
      return blockSockets
    },
    set blockSockets(isBlocked) {
      blockSockets = isBlocked
      if (isBlocked) for (const socket of sockets) socket.destroy()
    },
    get holdStreams() {
      return holdStreams
    },
    set holdStreams(isHeld) {
      holdStreams = isHeld
      if (isHeld) for (const stream of streams) stream.destroy()
    },
    get cutUploads() {
      return cutUploads
    },
    set cutUploads(count) {
      cutUploads = count
    },
    get holdUploads() {
      return holdUploads
    },
    set holdUploads(isHeld) {
      holdUploads = isHeld
      if (isHeld) return
      for (const release of held) release()
      held.clear()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
