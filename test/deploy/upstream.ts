import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that has reached a server behind the proxy. */
export interface Arrived {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Of the body, so far. */
  bytes: number
}

/** A bare HTTP server with responses set by a test, to observe a proxy. Disposing closes it. */
export interface Upstream extends AsyncDisposable {
  readonly port: number
  readonly arrived: readonly Arrived[]
}

/** Starts one on a free port. @param answer - called when the headers of a request have arrived */
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
