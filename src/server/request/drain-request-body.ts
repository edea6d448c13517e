import type { IncomingMessage, ServerResponse } from 'node:http'
import { networkOf } from '../../network.ts'
import { createTokenBuckets } from '../../rate-limits/token-buckets.ts'

/**
 * Time that a client has to read a response that was sent before its request had arrived, before
 * the connection is destroyed.
 */
const lingerMs = 2_000
/**
 * The bytes of each address that may be discarded. Received bytes are memory that V8 counts: it
 * collects the garbage of the whole heap after some megabytes.
 */
const discardedBytes = createTokenBuckets({ perSecond: 262_144, capacity: 2_097_152 })
const countEveryMs = 10

/**
 * Closes the connection after a response that is sent before the request body has arrived, as for a
 * token that is not accepted: `Connection: close`, and at most two seconds in which the rest of the
 * body is discarded. Without the header, the client could keep the connection as long as a request
 * may take, by sending the rest slowly. Without the wait, the bytes that still arrive would trigger
 * a reset, which overtakes the response: a proxy reports 502 instead.
 *
 * Of an address, 2 MB are discarded at once and 0.25 MB a second. What it sends beyond that is not read, and
 * it may see a reset after the two seconds.
 *
 * Must be called before the response is begun.
 */
export function drainRequestBody(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
  if (length === '0' && encoding === undefined) return
  const { socket } = request
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
  const destroySoon = socket.destroySoon.bind(socket)
  const discardOrDestroy = (): void => {
    if (request.complete) destroySoon()
    else discard(request)
  }
  const closeAndWriteHead = (...args: unknown[]): ServerResponse => {
    if (!request.complete) {
      response.setHeader('connection', 'close')
      // Node calls it when the response has been written.
      socket.destroySoon = discardOrDestroy
    }
    return writeHead(...args)
  }
  // Also called by the other methods that begin a response.
  response.writeHead = closeAndWriteHead
}

/** Reads and discards the rest of a body, and closes its connection. */
function discard(request: IncomingMessage): void {
  const { socket } = request
  const network = networkOf(socket.remoteAddress ?? '')
  let countedBytes = socket.bytesRead
  const count = (): void => {
    discardedBytes.take(network, socket.bytesRead - countedBytes)
    countedBytes = socket.bytesRead
  }
  const countAndLimit = (): void => {
    count()
    if (discardedBytes.waitMs(network) === 0) return
    clearInterval(counting)
    socket.pause()
    socket.end()
  }
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  const counting = setInterval(countAndLimit, countEveryMs).unref()
  socket.once('close', () => {
    count()
    clearTimeout(timer)
    clearInterval(counting)
  })
  request.once('end', () => socket.end()).resume()
  // After Node has begun to read, which would end a pause, and before it reads all that has arrived.
  process.nextTick(countAndLimit)
}
