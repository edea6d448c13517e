import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../../config.ts'
import { networkOf } from '../../network.ts'
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
  const byNetwork = new Map<string, number>()
  // One function for all connections; `this` is the connection.
  const networks = new WeakMap<Socket, string>()
  function onClose(this: Socket): void {
    const network = networks.get(this) ?? ''
    const count = (byNetwork.get(network) ?? 0) - 1
    if (count > 0) byNetwork.set(network, count)
    else byNetwork.delete(network)
  }
  server.on('connection', (socket) => {
    const network = networkOf(socket.remoteAddress ?? '')
    const count = byNetwork.get(network) ?? 0
    if (count >= maxConnections) {
      metrics.refused('tcp')
      socket.destroy()
      return
    }
    byNetwork.set(network, count + 1)
    networks.set(socket, network)
    socket.once('close', onClose)
  })
}
