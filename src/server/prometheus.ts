import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Engine } from '../tasks/engine.ts'
import type { ServerMetrics } from './metrics.ts'

/** The metrics of a process in Prometheus' text format. */
export interface MetricsPage {
  readonly type: string
  render(): Promise<string>
}

/** Where a metric's values are read, each time the page is asked for: the value of each label, or one value without. */
type Read = () => number | Iterable<readonly [label: string, value: number]>

/**
 * Creates the page of metrics: connections and subscriptions of the server, what the feeds saw of the bus, what became of
 * attempts, and Node's own (memory, garbage collection, lag of the event loop). They are read from the counters where they
 * are kept; nothing on the way of an event counts twice.
 */
export function createMetricsPage({
  engine,
  metrics,
}: {
  readonly engine: Engine
  readonly metrics: ServerMetrics
}): MetricsPage {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const add = (name: string, help: string, read: Read, label?: string): void => {
    // Gauges all: what is a count is kept elsewhere, and only shown here.
    new Gauge({
      name: `tidings_${name}`,
      help,
      registers: [registry],
      ...(label === undefined ? {} : { labelNames: [label] }),
      collect() {
        this.reset()
        const value = read()
        if (typeof value === 'number') this.set(value)
        else if (label !== undefined) for (const [key, count] of value) this.set({ [label]: key }, count)
      },
    })
  }
  const { feeds, bus, worker } = engine
  add('connections', 'Connections that are open, by transport.', () => Object.entries(metrics.connections), 'transport')
  add('subscriptions', 'Subscriptions that are open, by field.', () => metrics.subscriptions, 'field')
  add('refusals_total', 'What was refused since the start, by reason.', () => metrics.refusals, 'reason')
  add('topics_followed', 'Topics that somebody on this process follows.', () => feeds.size)
  add('events_delivered_total', 'Events handed from the feeds to their followers.', () => feeds.counters.delivered)
  add(
    'events_repaired_total',
    'Events that only the comparison with the log found: should stay zero while the bus is well.',
    () => feeds.counters.repaired,
  )
  add(
    'bus_events_total',
    'What the feeds saw of the bus: events that came again, holes that made them read the log, messages that were not ours.',
    () => [
      ['repeated', feeds.counters.repeated],
      ['holes', feeds.counters.holes],
      ['malformed', feeds.counters.malformed],
    ],
    'what',
  )
  add(
    'bus_messages_total',
    'Messages of the bus.',
    () => [
      ['published', bus.counters.published],
      ['failed', bus.counters.publishFailures],
      ['received', bus.counters.received],
    ],
    'what',
  )
  add('bus_connected', '1 when the bus can carry messages now.', () => (bus.isConnected() ? 1 : 0))
  if (worker !== null) {
    add('attempts_running', 'Attempts under way in this process.', () => worker.running)
    add(
      'attempts_total',
      'How attempts ended; leases taken back and rings repeated.',
      () => Object.entries(worker.counters),
      'outcome',
    )
  }
  return { type: registry.contentType, render: () => registry.metrics() }
}
