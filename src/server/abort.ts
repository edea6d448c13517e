import type { ServerResponse } from 'node:http'

/** A pause for proxies: they discard what they have not passed on yet when the connection to the server breaks. */
const passOnMs = 100
/** Longest wait for a client to read what has been written before its connection is cut all the same. */
const flushMs = 1_000

/**
 * Aborts a response whose body is not complete: destroys its connection when everything that has been written has left.
 * A body that is ended instead looks complete: readers, and proxies on behalf of their readers, take it for the end of
 * the subscription.
 *
 * Over HTTP/1.1 the end of the chunked body is missing then. A body of HTTP/1.0 is delimited by the end of its
 * connection, so the connection is reset there.
 */
export function abortResponse(response: ServerResponse): void {
  const { socket, req } = response
  if (socket === null || socket.destroyed) return void response.destroy()
  const destroy = (): void => {
    clearTimeout(timer)
    if (req.httpVersionMinor === 0) socket.resetAndDestroy()
    else response.destroy()
  }
  let timer = setTimeout(destroy, flushMs).unref()
  // Called back when everything before it has been handed to the operating system.
  socket.write('', () => {
    clearTimeout(timer)
    timer = setTimeout(destroy, passOnMs)
  })
}
