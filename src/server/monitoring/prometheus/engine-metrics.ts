import { createSingleFlight } from '../../../async/single-flight.ts'
import { withTimeout } from '../../../async/timeout.ts'
import type { Engine } from '../../../tasks/engine.ts'
import { type QueueStatistics, readQueueStatistics } from '../../../tasks/queue/statistics.ts'
import type { TaskWorker } from '../../../tasks/worker/worker.ts'
import type { Show } from './show.ts'

/** Adds the metrics of the log, the bus and the feeds. */
export function showEngine(show: Show, { appender, bus, feeds }: Engine): void {
  const { counters: appends } = appender
  show.counter('events_appended_total', 'Events that this process appended to the log.', () => appends.events)
  show.counter(
    'appends_total',
    'Appends that did not go the usual way: refused by the guard, or repeated as the database was away.',
    () => [
      ['refused', appends.refused],
      ['repeated', appends.repeated],
    ],
    ['outcome'],
  )
  show.counter(
    'append_statements_total',
    'Statements that appended; each takes what is waiting.',
    () => appends.statements,
  )
  show.counter(
    'append_statement_seconds_total',
    'Time that those statements took; divided by their number, the time of one.',
    () => appends.statementMs / 1_000,
  )
  show.gauge('appends_waiting', 'Appends that wait for a statement.', () => appends.waiting)

  show.gauge('topics_followed', 'Topics that somebody on this process follows.', () => feeds.size)
  show.counter(
    'events_delivered_total',
    'Events handed from the feeds to their followers.',
    () => feeds.counters.delivered,
  )
  show.counter(
    'events_repaired_total',
    'Events that only the comparison with the log found: should stay zero while the bus is well.',
    () => feeds.counters.repaired,
  )
  show.counter(
    'bus_events_total',
    'What the feeds saw of the bus: events that came again, holes that made them read the log, messages that were not ours.',
    () => [
      ['repeated', feeds.counters.repeated],
      ['holes', feeds.counters.holes],
      ['malformed', feeds.counters.malformed],
    ],
    ['what'],
  )
  show.counter(
    'bus_messages_total',
    'Messages of the bus.',
    () => [
      ['published', bus.counters.published],
      ['failed', bus.counters.publishFailures],
      ['received', bus.counters.received],
      ['refused', bus.counters.refused],
    ],
    ['what'],
  )
  show.gauge(
    'bus_connected',
    '1 when the bus can carry messages now; redis reaches other processes, memory this one only.',
    () => [[bus.kind, bus.isConnected() ? 1 : 0]],
    ['kind'],
  )
}

/**
 * The timeout for the database; a metrics page that times out would say less than a page without
 * these metrics.
 */
const patienceMs = 1_000

/**
 * Adds the state of PostgreSQL, and the metrics of the queue stored in it. While the database does
 * not answer, the queue is omitted: an old number would look like normal operation.
 */
export function showDatabase(show: Show, { database, appender, definitions }: Engine): void {
  let queue: ReadonlyMap<string, QueueStatistics> | null = null
  // At most one query is in flight, whatever the number of requests and its duration.
  const ask = createSingleFlight(async () => {
    try {
      queue = await readQueueStatistics(database, [...definitions.keys()])
    } catch {
      // The reason is irrelevant: the database does not answer, and the page shows that.
      queue = null
    }
  })
  show.before(async () => {
    if (!(await withTimeout(patienceMs, ask()))) queue = null
  })
  const ofEach = (pick: (figures: QueueStatistics) => number) => () =>
    [...(queue ?? [])].map(([kind, figures]) => [kind, pick(figures)] as const)

  show.gauge('postgres_up', '1 when PostgreSQL answered within a second.', () => (queue === null ? 0 : 1))
  const pools = { shared: database.pool, append: appender.pool }
  const ofPools = (pick: (pool: (typeof pools)['shared' | 'append']) => number) => () =>
    Object.entries(pools).map(([name, pool]) => [name, pick(pool)] as const)
  show.gauge(
    'postgres_connections_used',
    'Connections to PostgreSQL that are in use, by pool.',
    ofPools((pool) => pool.totalCount - pool.idleCount),
    ['pool'],
  )
  show.gauge(
    'postgres_connections_max',
    'Connections that a pool may open.',
    ofPools((pool) => pool.options.max),
    ['pool'],
  )
  show.gauge(
    'postgres_connections_waited_for',
    'Those who wait for a connection, by pool.',
    ofPools((pool) => pool.waitingCount),
    ['pool'],
  )
  show.gauge(
    'queue_waiting',
    'Tasks that wait for their first attempt, by kind; the same in every process.',
    ofEach(({ waiting }) => waiting),
    ['kind'],
  )
  show.gauge(
    'queue_oldest_seconds',
    'How long the task has been waiting that has waited longest, by kind; the same in every process.',
    ofEach(({ oldestSeconds }) => oldestSeconds),
    ['kind'],
  )
  show.gauge(
    'queue_retrying',
    'Tasks that wait for another attempt, by kind; the same in every process.',
    ofEach(({ retrying }) => retrying),
    ['kind'],
  )
  show.gauge(
    'queue_running',
    'Tasks that are being worked on anywhere, by kind; the same in every process.',
    ofEach(({ running }) => running),
    ['kind'],
  )
}

/** Adds the metrics of the worker of this process. */
export function showWorker(show: Show, worker: TaskWorker): void {
  show.gauge(
    'attempts_running',
    'Attempts under way in this process, by kind.',
    () => Object.keys(worker.slots).map((kind) => [kind, worker.measures.running.get(kind) ?? 0]),
    ['kind'],
  )
  show.gauge(
    'attempt_slots',
    'How many attempts this process takes at once, by kind.',
    () => Object.entries(worker.slots),
    ['kind'],
  )
  show.counter(
    'attempts_total',
    'How attempts ended.',
    () => {
      const { reclaimed: _reclaimed, repeatedWakeUps: _repeatedWakeUps, ...outcomes } = worker.counters
      return Object.entries(outcomes)
    },
    ['outcome'],
  )
  show.counter(
    'leases_taken_back_total',
    'Tasks that this process took back from workers that no longer answered.',
    () => worker.counters.reclaimed,
  )
  show.counter(
    'rings_repeated_total',
    'Tasks that waited without a wake-up, or whose worker was busy: another wake-up was sent.',
    () => worker.counters.repeatedWakeUps,
  )
  for (const metric of worker.measures.metrics) show.metric(metric)
}
