import type { Live } from '../../../live/live.ts'
import type { ServerMetrics } from '../../connections/server-metrics.ts'
import type { Show } from './show.ts'

/** Adds the metrics of connections and operations. */
export function showServer(show: Show, metrics: ServerMetrics): void {
  show.gauge('connections', 'Connections that are open, by transport.', () => Object.entries(metrics.connections), [
    'transport',
  ])
  show.counter(
    'connections_opened_total',
    'Connections that were opened, by transport.',
    () => Object.entries(metrics.connectionsOpened),
    ['transport'],
  )
  show.gauge('subscriptions', 'Subscriptions that are open, by field.', () => metrics.subscriptions, ['field'])
  show.counter('refusals_total', 'What was refused, by reason.', () => metrics.refusals, ['reason'])
  show.counter(
    'work_bytes_total',
    'Work that clients made, in bytes, as MAX_ADDRESS_WORK limits it.',
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
  show.gauge('live_groups', 'Groups of subscriptions that share their executions.', () => live.size)
  show.counter(
    'executions_total',
    'Events that were executed for a group, by the way: compiled, or by graphql-js as they were not plain.',
    () => [
      ['compiled', counters.executed - counters.interpreted],
      ['interpreted', counters.interpreted],
    ],
    ['way'],
  )
  show.counter(
    'sent_messages_total',
    'Events and snapshots handed to readers, by transport: messages per second are its rate.',
    () => [
      ['ws', counters.ws.payloads],
      ['sse', counters.sse.payloads],
      ['polling', counters.polling.payloads],
    ],
    ['transport'],
  )
  show.counter(
    'sent_bytes_total',
    'Bytes handed to readers, by transport; of WebSockets with their frames.',
    () => [
      ['ws', counters.ws.bytes],
      ['sse', counters.sse.bytes],
      ['polling', counters.polling.bytes],
    ],
    ['transport'],
  )
  show.counter(
    'budget_overruns_total',
    'Readers that left more unread than their budget, by what came of it: they lagged, were sent a summary, were asked to come back.',
    () => [
      ['lagged', counters.lagged],
      ['summarised', counters.summarised],
      ['given_up', counters.givenUp],
    ],
    ['what'],
  )
  show.counter(
    'sockets_left_corked_total',
    'Sockets that were found corked after a turn of the event loop had ended, and flushed: stays zero.',
    () => counters.leftCorked,
  )
}
