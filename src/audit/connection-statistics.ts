import type { ConnectionSummary, Count, ReportedServer } from './server-statistics.ts'

/** A connected client, and its server. */
export interface ConnectedClient extends ConnectionSummary {
  readonly server: string
}

/** Connection statistics of all servers. */
export interface ConnectionStats {
  readonly at: Date
  readonly servers: readonly ReportedServer[]
  readonly transports: Readonly<Record<ConnectionSummary['transport'], number>>
  readonly connections: number
  readonly subscriptions: number
  readonly byField: readonly Count[]
  readonly byTopic: readonly Count[]
  readonly byViewer: readonly Count[]
  readonly oldest: readonly ConnectedClient[]
  readonly slowest: readonly ConnectedClient[]
  readonly auditedAt: Date | null
}

/** Adds up the statistics of the servers. */
export function mergeServerStatistics(servers: readonly ReportedServer[], at: Date): ConnectionStats {
  const sum = (read: (server: ReportedServer) => number): number =>
    servers.reduce((total, server) => total + read(server), 0)
  const clients = (read: (server: ReportedServer) => readonly ConnectionSummary[]): ConnectedClient[] =>
    servers.flatMap((server) => read(server).map((client) => ({ ...client, server: server.name })))
  const transports = {
    ws: sum((server) => server.transports.ws),
    sse: sum((server) => server.transports.sse),
    polling: sum((server) => server.transports.polling),
  }
  const auditTimes = servers.map(({ auditedAt }) => auditedAt?.getTime() ?? 0)
  return {
    at,
    servers,
    transports,
    connections: transports.ws + transports.sse + transports.polling,
    subscriptions: sum(countSubscriptions),
    byField: mergeCounts(servers.map(({ byField }) => byField)),
    byTopic: mergeCounts(servers.map(({ byTopic }) => byTopic)),
    byViewer: mergeCounts(servers.map(({ byViewer }) => byViewer)),
    oldest: clients(({ oldest }) => oldest).sort((a, b) => a.openedAt.getTime() - b.openedAt.getTime()),
    slowest: clients(({ slowest }) => slowest).sort((a, b) => b.unreadBytes - a.unreadBytes),
    auditedAt: Math.max(0, ...auditTimes) === 0 ? null : new Date(Math.max(...auditTimes)),
  }
}

/** Counts the subscriptions on one server. */
export function countSubscriptions({ byField }: Pick<ReportedServer, 'byField'>): number {
  return byField.reduce((total, { count }) => total + count, 0)
}

function mergeCounts(lists: readonly (readonly Count[])[]): Count[] {
  const counts = new Map<string | null, number>()
  for (const { name, count } of lists.flat()) counts.set(name, (counts.get(name) ?? 0) + count)
  return Array.from(counts, ([name, count]) => ({ name, count })).sort(
    (a, b) => b.count - a.count || String(a.name).localeCompare(String(b.name)),
  )
}
