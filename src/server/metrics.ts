import type { Transport } from './connections.ts'

/** What the server counts. Read by the metrics page; nothing here decides anything. */
export interface ServerMetrics {
  /** Connections that are open now. */
  readonly connections: Readonly<Record<Transport, number>>
  /** Subscriptions that are open now, by the field they subscribe to. */
  readonly subscriptions: ReadonlyMap<string, number>
  /** What was refused since the start, by reason: `origin`, `host`, `token`, `cost`, `address`, `viewer`, `subscriptions` … */
  readonly refusals: ReadonlyMap<string, number>
  opened(transport: Transport): void
  closed(transport: Transport): void
  /** @returns what to call when the subscription is over */
  subscribed(field: string): () => void
  refused(reason: string): void
}

/** Creates the counters of one server, all at zero. */
export function createServerMetrics(): ServerMetrics {
  const connections: Record<Transport, number> = { ws: 0, sse: 0 }
  const subscriptions = new Map<string, number>()
  const refusals = new Map<string, number>()
  const add = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  return {
    connections,
    subscriptions,
    refusals,
    opened: (transport) => {
      connections[transport]++
    },
    closed: (transport) => {
      connections[transport]--
    },
    subscribed: (field) => {
      add(subscriptions, field, 1)
      return () => add(subscriptions, field, -1)
    },
    refused: (reason) => add(refusals, reason, 1),
  }
}
