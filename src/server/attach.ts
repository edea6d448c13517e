import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

/** The listeners of a server. */
interface ServerListeners {
  /** Without it, the requests stay with the application. */
  readonly request?: RequestListener
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/**
 * Adds listeners to a server of an application. They receive the requests and upgrades for `isOwn` paths; all others go to the
 * listeners that the server has already, or, if it has none, to the added ones, which refuse them.
 *
 * @returns a disposable that restores the server's own listeners
 */
export function attachListeners(
  server: Server,
  isOwn: (path: string) => boolean,
  { request: onRequest, upgrade: onUpgrade }: ServerListeners,
): Disposable {
  const previous = {
    request: server.listeners('request') as RequestListener[],
    upgrade: server.listeners('upgrade') as ServerListeners['upgrade'][],
  }
  const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] ?? '/'
  const request: RequestListener = (message, response) => {
    if (previous.request.length === 0 || isOwn(pathOf(message))) return onRequest?.(message, response)
    for (const listener of previous.request) listener.call(server, message, response)
  }
  const upgrade: ServerListeners['upgrade'] = (message, socket, head) => {
    if (previous.upgrade.length === 0 || isOwn(pathOf(message))) return onUpgrade(message, socket, head)
    for (const listener of previous.upgrade) listener.call(server, message, socket, head)
  }
  if (onRequest !== undefined) server.removeAllListeners('request').on('request', request)
  server.removeAllListeners('upgrade').on('upgrade', upgrade)
  return {
    [Symbol.dispose]() {
      server.off('upgrade', upgrade)
      for (const listener of previous.upgrade) server.on('upgrade', listener)
      if (onRequest === undefined) return
      server.off('request', request)
      for (const listener of previous.request) server.on('request', listener)
    },
  }
}
