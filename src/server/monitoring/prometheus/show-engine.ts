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
    'Appends rejected by the guard, and appends retried because the database was unavailable.',
    () => [
      ['refused', appends.refused],
      ['repeated', appends.repeated],
    ],
    ['outcome'],
  )
  show.counter(
    'append_statements_total',
    'Append statements; each writes all waiting requests.',
    () => appends.statements,
  )
  show.counter(
    'append_statement_seconds_total',
    'Total duration of the append statements; divided by their number, the duration of one.',
    () => appends.statementMs / 1_000,
  )
  show.gauge('appends_waiting', 'Append requests waiting for a statement.', () => appends.waiting)

  show.gauge('topics_followed', 'Topics with at least one subscriber in this process.', () => feeds.size)
  show.counter(
    'events_delivered_total',
    'Events passed from the feeds to their subscribers.',
    () => feeds.counters.delivered,
  )
  show.counter(
    'events_repaired_total',
    'Events found only by the comparison with the log: should stay zero while the bus works.',
    () => feeds.counters.repaired,
  )
  show.counter(
    'bus_events_total',
    'Irregularities of the bus: repeated events, gaps that required a read of the log, malformed messages.',
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
    '1 when the bus is connected; redis reaches other processes, memory only this one.',
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
    'Connections to PostgreSQL in use, by pool.',
    ofPools((pool) => pool.totalCount - pool.idleCount),
    ['pool'],
  )
  show.gauge(
    'postgres_connections_max',
    'Maximum number of connections, by pool.',
    ofPools((pool) => pool.options.max),
    ['pool'],
  )
  show.gauge(
    'postgres_connections_waited_for',
    'Queries waiting for a connection, by pool.',
    ofPools((pool) => pool.waitingCount),
    ['pool'],
  )
  show.gauge(
    'queue_waiting',
    'Tasks waiting for their first attempt, by kind; the same in every process.',
    ofEach(({ waiting }) => waiting),
    ['kind'],
  )
  show.gauge(
    'queue_oldest_seconds',
    'Waiting time of the oldest waiting task, by kind; the same in every process.',
    ofEach(({ oldestSeconds }) => oldestSeconds),
    ['kind'],
  )
  show.gauge(
    'queue_retrying',
    'Tasks waiting for another attempt, by kind; the same in every process.',
    ofEach(({ retrying }) => retrying),
    ['kind'],
  )
  show.gauge(
    'queue_running',
    'Running tasks of all processes, by kind; the same in every process.',
    ofEach(({ running }) => running),
    ['kind'],
  )
}

/** Adds the metrics of the worker of this process. */
export function showWorker(show: Show, worker: TaskWorker): void {
  show.gauge(
    'attempts_running',
    'Running attempts of this process, by kind.',
    () => Object.keys(worker.slots).map((kind) => [kind, worker.measures.running.get(kind) ?? 0]),
    ['kind'],
  )
  show.gauge(
    'attempt_slots',
    'Maximum number of concurrent attempts of this process, by kind.',
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
    'Tasks with an expired lease that this process reclaimed.',
    () => worker.counters.reclaimed,
  )
  show.counter(
    'rings_repeated_total',
    'Wake-ups sent again for tasks that waited without one, or whose worker was busy.',
    () => worker.counters.repeatedWakeUps,
  )
  for (const metric of worker.measures.metrics) show.metric(metric)
}
