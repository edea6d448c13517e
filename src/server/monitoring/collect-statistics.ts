import type { ConnectionSummary, Count, ServerStatistics } from '../../audit/server-statistics.ts'
import type { Live } from '../../live/live.ts'
import type { Connection, Connections } from '../connections/connections.ts'
import type { Poller, Pollers } from '../connections/pollers.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'

/**
 * Maximum entries per list: the connection statistics of a server must remain small, however many
 * clients are connected.
 */
const maxListed = 50

/**
 * Collects the current connection statistics of this server in one pass over its connections; each
 * list holds the first 50 entries of its order.
 */
export function collectStatistics(options: {
  readonly connections: Connections
  readonly pollers: Pollers
  readonly metrics: ServerMetrics
  readonly live: Live
  readonly auditedAt: Date | null
}): ServerStatistics {
  const { connections, pollers, metrics, live, auditedAt } = options
  const polling = pollers.list()
  const transports = { ws: 0, sse: 0, polling: polling.length }
  const oldest: ConnectionSummary[] = []
  const slow: { readonly connection: Connection; readonly unreadBytes: number }[] = []
  const byViewer = new Map<string | null, number>()
  const count = ({ userId }: { readonly userId: string | null }): void =>
    void byViewer.set(userId, (byViewer.get(userId) ?? 0) + 1)
  for (const connection of connections) {
    // A polling request is open only for a moment.
    if (connection.transport === 'polling') continue
    transports[connection.transport]++
    count(connection)
    if (oldest.length < maxListed) oldest.push(summarise(connection))
    const unreadBytes = connection.control.unreadBytes()
    if (unreadBytes > 0) slow.push({ connection, unreadBytes })
  }
  for (const poller of polling.slice(0, maxListed)) oldest.push(summarisePoller(poller))
  polling.forEach(count)
  const byTopic = live.topics()
  return {
    transports,
    topics: byTopic.size,
    byField: largest(metrics.subscriptions),
    byTopic: largest(byTopic),
    byViewer: largest(byViewer),
    oldest: oldest.sort((a, b) => a.openedAt.getTime() - b.openedAt.getTime()).slice(0, maxListed),
    slowest: slow
      .sort((a, b) => b.unreadBytes - a.unreadBytes)
      .slice(0, maxListed)
      .map(({ connection }) => summarise(connection)),
    auditedAt,
  }
}

function summarise(connection: Connection): ConnectionSummary {
  const { id, transport, userId, from, openedAtMs, control } = connection
  return {
    id,
    transport,
    userId,
    ...from,
    openedAt: new Date(openedAtMs),
    subscriptions: control.subscriptions(),
    unreadBytes: control.unreadBytes(),
  }
}

function summarisePoller({ openedAtMs, ...poller }: Poller): ConnectionSummary {
  return { ...poller, transport: 'polling', openedAt: new Date(openedAtMs), subscriptions: null, unreadBytes: 0 }
}

/** Returns the largest counts. Sorting all of them would cost more than the rest of the statistics. */
function largest(counts: Iterable<readonly [string | null, number]>): Count[] {
  const topCounts: Count[] = []
  for (const [name, count] of counts) {
    if (topCounts.length === maxListed && count <= (topCounts.at(-1)?.count ?? 0)) continue
    const at = topCounts.findIndex((entry) => entry.count < count)
    topCounts.splice(at === -1 ? topCounts.length : at, 0, { name, count })
    if (topCounts.length > maxListed) topCounts.pop()
  }
  return topCounts
}
