import type { ServerResponse } from 'node:http'

/**
 * A pause for proxies: they discard the bytes they have not forwarded yet when the connection to
 * the server breaks.
 */
const passOnMs = 100
/** Longest wait for a client to read the written bytes before its connection is destroyed anyway. */
const flushMs = 1_000

/**
 * Aborts a response with an incomplete body: destroys its connection once all written bytes have
 * been sent.
 * Ending the body instead would make it look complete: clients, and proxies in between, would take
 * that for the end of the subscription.
 *
 * Over HTTP/1.1 the terminating chunk of the chunked body is then missing. A body of HTTP/1.0 is
 * delimited by the end of its connection, so the connection is reset there.
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
  // Called back when all preceding writes have been handed to the operating system.
  socket.write('', () => {
    clearTimeout(timer)
    timer = setTimeout(destroy, passOnMs)
  })
}
