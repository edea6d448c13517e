import type { Live } from '../../../live/live.ts'
import type { ServerMetrics } from '../../connections/server-metrics.ts'
import type { Show } from './show.ts'

/** Adds the metrics of connections and operations. */
export function showServer(show: Show, metrics: ServerMetrics): void {
  show.gauge('connections', 'Open connections, by transport.', () => Object.entries(metrics.connections), ['transport'])
  show.counter(
    'connections_opened_total',
    'Connections opened, by transport.',
    () => Object.entries(metrics.connectionsOpened),
    ['transport'],
  )
  show.gauge('subscriptions', 'Open subscriptions, by field.', () => metrics.subscriptions, ['field'])
  show.counter('refusals_total', 'Refused connections and requests, by reason.', () => metrics.refusals, ['reason'])
  show.counter(
    'work_bytes_total',
    'Work caused by clients, in bytes; MAX_ADDRESS_WORK limits it.',
    () => metrics.workBytes,
  )
  for (const metric of metrics.metrics) show.metric(metric)
}

/**
 * Adds the metrics of live delivery: sent messages, and slow subscribers that exceeded their byte
 * budget.
 */
export function showLive(show: Show, live: Live): void {
  const { counters } = live
  show.gauge('live_groups', 'Subscription groups.', () => live.size)
  show.counter(
    'executions_total',
    'Events executed for a subscription group, by method: compiled, or by graphql-js where compilation is not possible.',
    () => [
      ['compiled', counters.executed - counters.interpreted],
      ['interpreted', counters.interpreted],
    ],
    ['way'],
  )
  show.counter(
    'sent_messages_total',
    'Events and snapshots sent to subscribers, by transport.',
    () => [
      ['ws', counters.ws.payloads],
      ['sse', counters.sse.payloads],
      ['polling', counters.polling.payloads],
    ],
    ['transport'],
  )
  show.counter(
    'sent_bytes_total',
    'Bytes sent to subscribers, by transport; for WebSockets including frame headers.',
    () => [
      ['ws', counters.ws.bytes],
      ['sse', counters.sse.bytes],
      ['polling', counters.polling.bytes],
    ],
    ['transport'],
  )
  show.counter(
    'budget_overruns_total',
    'Slow subscribers whose unread bytes exceeded their budget, by consequence: lagged, compacted, disconnected.',
    () => [
      ['lagged', counters.lagged],
      ['summarised', counters.summarised],
      ['given_up', counters.givenUp],
    ],
    ['what'],
  )
  show.counter(
    'sockets_left_corked_total',
    'Sockets that were still corked after a turn of the event loop, and flushed: should stay zero.',
    () => counters.leftCorked,
  )
}
