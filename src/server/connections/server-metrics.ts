import { Counter, Gauge, Histogram, type Metric } from 'prom-client'
import { errorCatalogue } from '../../errors.ts'

/** The transport of a subscription. Polling is a series of short event streams. */
export type Transport = 'ws' | 'sse' | 'polling'

/** The counters of the server. The metrics page reads them; no decision depends on them. */
export interface ServerMetrics {
  /** Open connections by transport. */
  readonly connections: Readonly<Record<Transport, number>>
  /** Open subscriptions by root field. */
  readonly subscriptions: ReadonlyMap<string, number>
  /**
   * Refusals since the start by reason: `origin`, `host`, `token`, `cost`, `address`, `viewer`,
   * `subscriptions` …
   */
  readonly refusals: ReadonlyMap<string, number>
  /** Connections opened since the start by transport. */
  readonly connectionsOpened: Readonly<Record<Transport, number>>
  opened(transport: Transport): void
  closed(transport: Transport): void
  /** @returns the function to call when the subscription ends */
  subscribed(field: string): () => void
  refused(reason: string): void
  /** Bytes of work since the start: see `Work`. */
  readonly workBytes: number
  worked(bytes: number): void
  /**
   * Counts an operation that was answered, or a subscription that has started.
   * @param code - of its first error; null when there was none
   * @param ms - its duration; omitted for subscriptions, which are long-lived
   */
  operated(type: OperationType, code: string | null, ms?: number): void
  /** Counts a failure that a mutation returned as a member of its result. */
  failed(code: string): void
  /** Records a measured lag of the event loop. */
  lagged(ms: number): void
  /** The metrics kept here in addition to the numbers above, for the metrics page. */
  readonly metrics: readonly Metric[]
}

/** The types that operations are counted by; `unknown` when a document cannot be parsed. */
export type OperationType = 'query' | 'mutation' | 'subscription' | 'unknown'

/**
 * Codes that errors are counted by; all others count as `OTHER`, so that clients cannot create
 * labels.
 */
const codes: ReadonlySet<string> = new Set([
  ...Object.keys(errorCatalogue),
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'INTERNAL',
])
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Creates the counters of one server, all at zero. */
export function createServerMetrics(): ServerMetrics {
  const connections: Record<Transport, number> = { ws: 0, sse: 0, polling: 0 }
  const connectionsOpened: Record<Transport, number> = { ws: 0, sse: 0, polling: 0 }
  // Not in a registry: several servers may run in one process.
  const operations = new Counter({
    name: 'tidings_operations_total',
    help: 'Operations answered and subscriptions started, by type and by whether they had errors.',
    labelNames: ['type', 'outcome'],
    registers: [],
  })
  const errors = new Counter({
    name: 'tidings_errors_total',
    help: 'Errors sent to clients, by code: the first error of a failed operation, and failures that are a mutation’s result.',
    labelNames: ['code'],
    registers: [],
  })
  const durations = new Histogram({
    name: 'tidings_operation_seconds',
    help: 'Duration of queries and mutations, by type.',
    labelNames: ['type'],
    buckets: durationBuckets,
    registers: [],
  })
  let maxLagMs = 0
  const loopLag = new Gauge({
    name: 'tidings_loop_lag_seconds',
    help: 'Maximum lag of the event loop since the last request; MAX_LOOP_LAG_MS limits it.',
    registers: [],
    collect() {
      this.set(maxLagMs / 1_000)
      maxLagMs = 0
    },
  })
  // A rate needs a previous value, so the counters start at zero.
  for (const type of ['query', 'mutation', 'subscription'])
    for (const outcome of ['ok', 'failed']) operations.inc({ type, outcome }, 0)
  const countError = (code: string): void => errors.inc({ code: codes.has(code) ? code : 'OTHER' })
  const subscriptions = new Map<string, number>()
  /**
   * One function for all subscriptions to a field, because each subscription keeps a reference to
   * it.
   */
  const endings = new Map<string, () => void>()
  const refusals = new Map<string, number>()
  let workBytes = 0
  const add = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }
  return {
    connections,
    connectionsOpened,
    subscriptions,
    refusals,
    get workBytes() {
      return workBytes
    },
    worked: (bytes) => {
      workBytes += bytes
    },
    opened: (transport) => {
      connections[transport]++
      connectionsOpened[transport]++
    },
    closed: (transport) => {
      connections[transport]--
    },
    subscribed: (field) => {
      add(subscriptions, field, 1)
      const existing = endings.get(field)
      if (existing !== undefined) return existing
      const end = (): void => add(subscriptions, field, -1)
      endings.set(field, end)
      return end
    },
    refused: (reason) => add(refusals, reason, 1),
    operated(type, code, ms) {
      operations.inc({ type, outcome: code === null ? 'ok' : 'failed' })
      if (code !== null) countError(code)
      if (ms !== undefined) durations.observe({ type }, ms / 1_000)
    },
    failed: countError,
    lagged: (ms) => {
      maxLagMs = Math.max(maxLagMs, ms)
    },
    metrics: [operations, errors, durations, loopLag] as readonly Metric[],
  }
}
