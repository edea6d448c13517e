import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What has come through to a server behind the proxy. */
export interface Arrived {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Of the body, so far. */
  bytes: number
}

/** A bare HTTP server whose answers a test decides, to see what a proxy does. Disposing closes it. */
export interface Upstream extends AsyncDisposable {
  readonly port: number
  readonly arrived: readonly Arrived[]
}

/** Starts one on a free port. @param answer - called when a request's headers have come */
export async function startUpstream(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Upstream> {
  const arrived: Arrived[] = []
  const server = createServer((request, response) => {
    const one = { method: request.method ?? '', headers: request.headers, bytes: 0 }
    arrived.push(one)
    request.on('data', (part: Buffer) => {
      one.bytes += part.length
    })
    request.on('error', () => response.destroy())
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
