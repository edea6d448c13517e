import { CloseCode, type WebSocket as Port } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Logger } from '../logger.ts'

/** Closes a socket, with a reason that is cut to the 123 bytes it may have. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, Buffer.byteLength(reason) <= 123 ? reason : `${reason.slice(0, 40)}…`)
}

/**
 * What graphql-ws is given of a socket. It sends at the pace of the reader, and listens to no one who does not read.
 *
 * @param options.maxBufferBytes - unread answers beyond which the socket is not listened to
 */
export function createSocketPort(
  socket: WebSocket,
  { maxBufferBytes, logger }: { readonly maxBufferBytes: number; readonly logger: Logger },
): Port {
  // After everything else that its end sets off.
  const whenGone = (resolve: () => void): void => {
    if (socket.readyState === socket.CLOSED) setImmediate(resolve)
    else socket.once('close', () => setImmediate(resolve))
  }
  const relieve = (): void => {
    if (socket.isPaused && socket.bufferedAmount <= maxBufferBytes) socket.resume()
  }
  return {
    protocol: socket.protocol,
    // Resolves when the operating system has taken it, which is what keeps a slow reader's backlog in the log. What can no
    // longer be sent waits for the socket's end: a source that is always ready would otherwise spin, and starve the very
    // event that ends it.
    send: (data) =>
      new Promise((resolve) => {
        if (socket.readyState !== socket.OPEN) return whenGone(resolve)
        socket.send(data, (error) => {
          relieve()
          if (error) whenGone(resolve)
          else resolve()
        })
      }),
    close: (code, reason) => closeSocket(socket, code ?? CloseCode.InternalServerError, reason ?? ''),
    onMessage: (listener) =>
      socket.on('message', (data) => {
        if (socket.bufferedAmount > maxBufferBytes) socket.pause()
        listener(String(data)).catch((error: unknown) => {
          logger.error({ err: error }, 'a WebSocket message could not be handled')
          closeSocket(socket, CloseCode.InternalServerError, 'Something went wrong on the server')
        })
      }),
  }
}
