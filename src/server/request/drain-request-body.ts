import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Time that a client has to read a response that was sent before its request had arrived, before
 * the connection is destroyed.
 */
const lingerMs = 2_000

/**
 * Closes the connection after a response that is sent before the request body has arrived, as for a
 * token that is not accepted: `Connection: close`, and at most two seconds in which the rest of the
 * body is discarded. Without the header, the client could keep the connection as long as a request
 * may take, by sending the rest slowly. Without the wait, the bytes that still arrive would trigger
 * a reset, which overtakes the response: a proxy reports 502 instead.
 *
 * Must be called before the response is begun.
 */
export function drainRequestBody(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  if (length === '0' && encoding === undefined) return
  const { socket } = request
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
  const destroySoon = socket.destroySoon.bind(socket)
  // Also called by the other methods that begin a response.
  response.writeHead = (...args: unknown[]) => {
    if (!request.complete) {
      response.setHeader('connection', 'close')
      // Node calls it when the response has been written.
      socket.destroySoon = () => {
        if (request.complete) return destroySoon()
        request.resume()
        request.once('end', () => socket.end())
        const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
        socket.once('close', () => clearTimeout(timer))
      }
    }
    return writeHead(...args)
  }
}
