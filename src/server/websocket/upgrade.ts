import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createThrottle } from '../../async/throttle.ts'
import type { Config } from '../../config.ts'
import type { Logger } from '../../logger.ts'
import type { Budgets } from '../connections/budgets.ts'
import type { Connections } from '../connections/connections.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import type { Work } from '../connections/work.ts'
import { type ClientInfo, readClientInfo } from '../request/client-address.ts'
import type { WriteAudit } from '../request/context.ts'
import { refuseRepeatedHeader } from '../request/headers.ts'
import type { OriginPolicy } from '../request/origin.ts'
import { liveUpdatesOff, overloadMessage, refuseUpgrade } from '../request/refuse.ts'
import type { WebSockets } from './websocket.ts'

/**
 * Time spent on new sockets per turn of the event loop: a reconnect storm must not delay connected
 * clients.
 */
const upgradeMs = 5

/**
 * Creates the listener for a server's `upgrade` event, which accepts WebSockets or refuses them
 * with a status.
 */
export function createUpgrade(options: {
  readonly config: Config
  /** The path of the API. */
  readonly endpoint: string
  readonly sockets: WebSockets
  readonly origins: OriginPolicy
  readonly connections: Connections
  readonly budgets: Budgets
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly logger: Logger
  readonly work: Work
  readonly isDraining: () => boolean
  /** Whether the server has more work than it can do. */
  readonly isOverloaded: () => boolean
}): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const { config, endpoint, sockets, origins, connections, budgets, work, metrics, note, logger } = options
  const { isDraining, isOverloaded } = options
  const crowd = createThrottle({ maxMs: upgradeMs })

  const refusalOf = (
    request: IncomingMessage,
    from: ClientInfo,
  ): readonly [status: number, message: string, retryAfterMs?: number] | null => {
    const headerRefusal = refuseRepeatedHeader(request)
    if (headerRefusal !== null) return [400, headerRefusal]
    const [path] = (request.url ?? '').split('?')
    if (path !== endpoint) return [404, `There are no WebSockets here; they are at ${endpoint}`]
    const refusal = origins.refuse(request.headers)
    if (refusal !== null) {
      const { reason, message } = refusal
      metrics.refused(reason)
      note('REFUSED', null, from, { reason, subject: 'ws', detail: message })
      return [403, message]
    }
    if (!config.LIVE_UPDATES) return [liveUpdatesOff.status, liveUpdatesOff.message]
    if (isDraining()) return [503, 'This server is shutting down; connect again']
    if (isOverloaded()) {
      metrics.refused('overload')
      return [503, overloadMessage]
    }
    const limit = work.refuse({ network: from.network, userId: null })
    if (limit !== null) {
      metrics.refused('work')
      return [429, limit.message, limit.retryAfterMs]
    }
    if (connections.mayOpen(from.network)) return null
    metrics.refused('address')
    const message = 'Too many connections of this address are open; try again later'
    note('LIMITED', null, from, { reason: 'address', subject: 'ws', detail: message })
    return [429, message]
  }
  // Shared by all sockets: it stays as long as the socket, and a closure would retain the request.
  const onSocketError = (error: unknown): void => logger.debug({ err: error }, 'failed to upgrade a connection')
  return (request, socket, head) => {
    socket.on('error', onSocketError)
    crowd.pass(() => {
      const from = readClientInfo(request, config)
      const refusal = refusalOf(request, from)
      if (refusal !== null) return refuseUpgrade(socket, ...refusal)
      if (!budgets.areLimited) return sockets.upgrade(request, socket, head, from)
      budgets.use('connections', { key: null, from, subject: 'ws' }).then(
        (limit) => {
          if (limit !== null) return refuseUpgrade(socket, 429, limit.message, limit.retryAfterMs)
          // Many upgrades may have waited together, and all of them passed the first check.
          crowd.pass(() => {
            const late = refusalOf(request, from)
            if (late === null) sockets.upgrade(request, socket, head, from)
            else refuseUpgrade(socket, ...late)
          })
        },
        (error: unknown) => {
          logger.error({ err: error }, 'failed to limit an upgrade')
          refuseUpgrade(socket, 503, 'The server cannot count connections; try again later')
        },
      )
    })
  }
}
