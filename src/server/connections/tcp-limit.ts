import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../../config.ts'
import type { ServerMetrics } from './server-metrics.ts'

/**
 * TCP connections per WebSocket or event stream that an address may have: a page also sends
 * requests.
 */
const connectionsPerSocket = 2

/**
 * Limits the TCP connections of each address, so that no address takes all file descriptors of the
 * process: one more is closed as soon as it is accepted. Behind a proxy all connections are the
 * proxy's, which has to limit those of its clients.
 */
export function limitConnections(
  server: Server,
  config: Pick<Config, 'MAX_SOCKETS_PER_ADDRESS' | 'TRUST_PROXY'>,
  metrics: ServerMetrics,
): void {
  if (config.TRUST_PROXY) return
  const maxConnections = connectionsPerSocket * config.MAX_SOCKETS_PER_ADDRESS
  const byAddress = new Map<string, number>()
  // One function for all connections; `this` is the connection.
  const addressOf = new WeakMap<Socket, string>()
  function onClose(this: Socket): void {
    const address = addressOf.get(this) ?? ''
    const count = (byAddress.get(address) ?? 0) - 1
    if (count > 0) byAddress.set(address, count)
    else byAddress.delete(address)
  }
  server.on('connection', (socket) => {
    const address = socket.remoteAddress ?? ''
    const count = byAddress.get(address) ?? 0
    if (count >= maxConnections) {
      metrics.refused('tcp')
      socket.destroy()
      return
    }
    byAddress.set(address, count + 1)
    addressOf.set(socket, address)
    socket.once('close', onClose)
  })
}
