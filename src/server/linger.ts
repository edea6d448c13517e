import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Time that a client has to send the rest of a request that has already been answered, before its
 * connection is destroyed.
 */
const lingerMs = 1_000

/**
 * Keeps a connection with `Connection: close` open until the request body has been read, for a
 * limited time. Node closes the connection with the response. When the response is sent early, as
 * for a body that is too large or a token that is not accepted, the bytes that still arrive trigger
 * a reset, which overtakes the response: a proxy reports 502 instead.
 */
export function lingerForBody(request: IncomingMessage, response: ServerResponse): void {
  const { connection, 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  const hasBody = length !== '0' || encoding !== undefined
  if (!hasBody || connection?.toLowerCase() !== 'close') return
  const { socket } = request
  // Node leaves closing to this code only with this header. A client that sent `close` does not
  // send a second request.
  response.setHeader('connection', 'keep-alive')
  response.once('finish', () => {
    if (request.complete) return void socket.end()
    request.resume()
    request.once('end', () => socket.end())
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.once('close', () => clearTimeout(timer))
  })
}
