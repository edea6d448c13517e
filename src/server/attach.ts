import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The listeners of a server. */
interface ServerListeners {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void
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
    request: server.listeners('request') as ServerListeners['request'][],
    upgrade: server.listeners('upgrade') as ServerListeners['upgrade'][],
  }
  const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] ?? '/'
  const request: ServerListeners['request'] = (message, response) => {
    if (previous.request.length === 0 || isOwn(pathOf(message))) return onRequest(message, response)
    for (const listener of previous.request) listener.call(server, message, response)
  }
  const upgrade: ServerListeners['upgrade'] = (message, socket, head) => {
    if (previous.upgrade.length === 0 || isOwn(pathOf(message))) return onUpgrade(message, socket, head)
    for (const listener of previous.upgrade) listener.call(server, message, socket, head)
  }
  server.removeAllListeners('request').removeAllListeners('upgrade')
  server.on('request', request).on('upgrade', upgrade)
  return {
    [Symbol.dispose]() {
      server.off('request', request).off('upgrade', upgrade)
      for (const listener of previous.request) server.on('request', listener)
      for (const listener of previous.upgrade) server.on('upgrade', listener)
    },
  }
}
