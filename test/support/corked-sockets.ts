import { Socket } from 'node:net'

/**
 * Asserts, in every test process and in the servers that tests start, that no socket stays corked
 * past the end of the turn of the event loop in which it was corked: data written to such a socket
 * is not sent. The check is not awaited: the error is thrown where it stays uncaught, so that the
 * test run fails, and a server ends.
 */
const startImmediate = setImmediate
const cork = Socket.prototype.cork
const watched = new WeakSet<Socket>()

function corkAndWatch(this: Socket): void {
  cork.call(this)
  if (watched.has(this)) return
  watched.add(this)
  const { stack } = new Error('corked here')
  startImmediate(() => {
    watched.delete(this)
    if (this.writableCorked > 0 && !this.destroyed)
      throw new Error(`A socket is still corked after the end of the turn; ${stack ?? ''}`)
  })
}

// Test files that share a process run this once each.
if (cork.name !== corkAndWatch.name) Socket.prototype.cork = corkAndWatch
