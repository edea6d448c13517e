import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a client may take to send the rest of what it has been answered, before its connection is cut. */
const lingerMs = 1_000

/**
 * Keeps the connection of a request that asks for it to be closed until its body has been read to the end, but not for
 * ever. Node closes it with the answer; where an answer comes early, as to a body that is too large or a token that is not
 * accepted, the bytes that still arrive are met by a reset, which overtakes the answer: a proxy reports 502 instead.
 */
export function lingerForBody(request: IncomingMessage, response: ServerResponse): void {
  const { connection, 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  const hasBody = length !== '0' || encoding !== undefined
  if (!hasBody || connection?.toLowerCase() !== 'close') return
  const { socket } = request
  // Only so does Node leave closing to us. Whoever has asked for it does not send a second request.
  response.setHeader('connection', 'keep-alive')
  response.once('finish', () => {
    if (request.complete) return void socket.end()
    request.resume()
    request.once('end', () => socket.end())
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.once('close', () => clearTimeout(timer))
  })
}
