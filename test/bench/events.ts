/**
 * Measures what the log costs against the number of events in the database:
 * `npm run bench:events [-- --events 10000,100000,1000000,10000000]`.
 *
 * On an embedded PostgreSQL with its default settings, the table of events is filled with finished tasks of 100 events, and some
 * of 2,000 (one per 200,000 events, at least two), whose times are spread evenly over the retention period of a week. At each size, with autovacuum done, it prints:
 *
 * - append: events per second of 50 running tasks, each appending one event after the other through the engine;
 * - head: time to read the position of a topic; catch-up: time to read 1,000 events, or the last one, of a random finished task;
 * - pruning: time and write-ahead log for the events of the oldest eighth of the period, per 1,000 events;
 * - the size of tables and indexes, per event.
 *
 * Medians; the times of reads are of single statements, one after the other.
 */
import { parseArgs } from 'node:util'
import { type Appender, createAppender } from '../../src/log/append.ts'
import { createPruner } from '../../src/log/event-retention.ts'
import { createLogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { startBenchDatabase } from './engine.ts'
import { formatNumber, median } from './statistics.ts'

const usage = `npm run bench:events [-- --events N,…]

  --events N,…  numbers of events in the database (default: 10000,100000,1000000,10000000); 10,000,000 take about
                4 GB and ten minutes, 100,000,000 ten times as much
  --help        this
`
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '10000,100000,1000000,10000000' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const sizes = values.events.split(',').map(Number)
const wrongSize = sizes.find(
  (size, index) => !Number.isInteger(size) || size < 10_000 || size <= (sizes[index - 1] ?? 0),
)
if (wrongSize !== undefined) {
  console.error(`--events has ${wrongSize}; write whole numbers of at least 10,000, the smallest first\n\n${usage}`)
  process.exit(2)
}

const retentionHours = 168
const eventsPerTask = 100
const eventsPerLongTask = 2_000
const writers = 50
const appendMs = 5_000
const reads = 500

const payload = (seq: string): string => `jsonb_build_object('attempt', 1, 'progress', jsonb_build_object(
  'percent', ${seq} % 100, 'stage', 'generate', 'message', 'Writing the tutorial of the concept at hand, with its resources and a quiz',
  'items', jsonb_build_object('total', 120, 'completed', ${seq} % 120, 'failed', 0), 'remainingMs', 120000 - ${seq}))`

await using bench = await startBenchDatabase()
const { database } = bench
const { pool } = database
/** For statements that take longer than any of a server. */
const patient = database.openPool({
  applicationName: 'bench',
  maxConnections: 1,
  statementMs: 3_600_000,
  isDirect: true,
})

/** Adds finished tasks, whose ends are spread over the retention period, and their events. */
async function fill(prefix: string, tasks: number, events: number): Promise<void> {
  // In parts, so that no statement takes minutes.
  const perStatement = Math.ceil(200_000 / events)
  for (let first = 0; first < tasks; first += perStatement) {
    const last = Math.min(tasks, first + perStatement) - 1
    await patient.query({
      text: `with added as (
          insert into tidings.topic (name, seq, closed)
          select 'task:${prefix}' || i, ${events}, true from generate_series(${first}, ${last}) i returning name
        )
        insert into tidings.event (topic, seq, type, at, payload)
        select 'task:${prefix}' || i, s, 'TaskProgressed',
          now() - interval '1 minute' - (i::float8 / ${tasks}) * interval '${retentionHours - 1} hours' - (${events} - s) * interval '10 ms',
          ${payload('s')}
        from generate_series(${first}, ${last}) i cross join generate_series(1, ${events}) s, (select count(*) from added) added`,
    })
  }
}

async function addRunningTasks(): Promise<void> {
  await pool.query(`insert into tidings.topic (name) select 'task:running_' || i from generate_series(1, ${writers}) i`)
  await pool.query(`
    insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, worker, created_at, started_at)
    select 'running_' || i, 'BENCH', 'RUNNING', 'u_1', '{}', 1, 3, '{}', now(), 'w_1', now(), now() from generate_series(1, ${writers}) i`)
}

/** Returns the events appended per second. */
async function measureAppends(appender: Appender): Promise<number> {
  const { rows } = await pool.query<{ name: string; seq: number }>(
    `select name, seq from tidings.topic where name like 'task:running_%'`,
  )
  let count = 0
  const append = async (topic: string, firstBase: number, untilMs: number): Promise<void> => {
    for (let base = firstBase; performance.now() < untilMs; base += 1) {
      const progress = {
        percent: base % 100,
        stage: 'generate',
        message: 'Writing the tutorial of the concept at hand',
        remainingMs: base,
      }
      const id = topic.slice('task:'.length)
      const result = await appender.append({
        topic,
        base,
        events: [{ type: 'TaskProgressed', payload: { attempt: 1, progress } }],
        task: { id, expect: ['RUNNING'], attempt: 1, worker: 'w_1', set: { progress } },
      })
      if (!result.accepted) throw new Error(`The append to ${topic} at ${base} was refused: ${JSON.stringify(result)}`)
      count += 1
    }
  }
  const startedAt = performance.now()
  await Promise.all(rows.map(({ name, seq }) => append(name, seq, startedAt + appendMs)))
  return count / ((performance.now() - startedAt) / 1_000)
}

async function measureReads(read: () => Promise<unknown>): Promise<number> {
  const tookMs: number[] = []
  for (let index = 0; index < reads; index += 1) {
    const startedAt = performance.now()
    await read()
    tookMs.push(performance.now() - startedAt)
  }
  return median(tookMs)
}

async function countEvents(): Promise<number> {
  const { rows } = await patient.query<{ count: number }>('select count(*)::int as count from tidings.event')
  return rows[0]?.count ?? 0
}

interface Pruning {
  readonly events: number
  readonly ms: number
  readonly walBytes: number
}

/** Prunes as if an eighth of the retention period had passed. */
async function measurePruning(): Promise<Pruning> {
  await using pruner = createPruner({
    database,
    logger: silentLogger,
    everyMs: 1e9,
    retentionHours: (retentionHours * 7) / 8,
    idempotencyHours: 24,
  })
  const before = await countEvents()
  const { rows } = await pool.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
  const startedAt = performance.now()
  await pruner.run()
  const ms = performance.now() - startedAt
  const wal = await pool.query<{ bytes: string }>('select pg_current_wal_lsn() - $1::pg_lsn as bytes', [rows[0]?.lsn])
  return { events: before - (await countEvents()), ms, walBytes: Number(wal.rows[0]?.bytes) }
}

/** Returns the bytes of the tables of events, and of their indexes. */
async function measureSizes(): Promise<{ readonly tables: number; readonly indexes: number }> {
  const { rows } = await pool.query<{ tables: string; indexes: string }>(
    `select sum(pg_table_size(oid)) as tables, sum(pg_indexes_size(oid)) as indexes
     from (select 'tidings.event'::regclass as oid union select relid from pg_partition_tree('tidings.event')) event`,
  )
  return { tables: Number(rows[0]?.tables), indexes: Number(rows[0]?.indexes) }
}

await addRunningTasks()
// The partitions that a database has after a week.
for (let part = 8; part >= 1; part -= 1)
  await pool.query(`select tidings.split_event_partition(date_trunc('hour', now()) - $1::float8 * interval '1 hour')`, [
    (retentionHours / 8) * part,
  ])
await using appender = createAppender({ database, logger: silentLogger, publish: () => undefined })
const reader = await createLogReader(database)
const pick = (prefix: string, count: number): string => `task:${prefix}${Math.floor(Math.random() * count)}`

console.log(
  '| events | append, events/s | head, ms | last event, ms | catch-up of 1,000, ms | pruning, events | ms per 1,000 | kB of log per 1,000 | table, bytes per event | indexes |',
)
console.log('|---|---|---|---|---|---|---|---|---|---|')
for (const [index, size] of sizes.entries()) {
  const round = `r${index}_`
  // Each size starts anew: the smaller ones are a small part of it.
  await patient.query(`truncate tidings.event`)
  await patient.query(`delete from tidings.topic where name not like 'task:running_%'`)
  await patient.query(`update tidings.topic set seq = 0, pruned_seq = 0`)
  // Tasks that have enough events for a catch-up of 1,000.
  const longTasks = Math.max(2, Math.round(size / 200_000))
  const tasks = Math.round((size - longTasks * eventsPerLongTask) / eventsPerTask)
  await fill(round, tasks, eventsPerTask)
  await fill(`${round}long_`, longTasks, eventsPerLongTask)
  await patient.query('vacuum analyze')
  await patient.query('checkpoint')
  const sizesOf = await measureSizes()
  const perSecond = await measureAppends(appender)
  const headMs = await measureReads(() => reader.head(pick(round, tasks)))
  const lastMs = await measureReads(() => reader.read(pick(round, tasks), eventsPerTask - 1, 1_000))
  const catchUpMs = await measureReads(() => reader.read(pick(`${round}long_`, longTasks), 1_000, 1_000))
  const pruned = await measurePruning()
  const per1000 = (value: number): number => (value / pruned.events) * 1_000
  console.log(
    `| ${[
      formatNumber(size),
      formatNumber(perSecond),
      formatNumber(headMs, 2),
      formatNumber(lastMs, 2),
      formatNumber(catchUpMs, 2),
      formatNumber(pruned.events),
      formatNumber(per1000(pruned.ms), 2),
      formatNumber(per1000(pruned.walBytes) / 1_000, 1),
      formatNumber(sizesOf.tables / size),
      formatNumber(sizesOf.indexes / size),
    ].join(' | ')} |`,
  )
}
await patient.end()
