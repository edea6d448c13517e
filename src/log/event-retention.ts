import { createSingleFlight } from '../async/single-flight.ts'
import type { Database } from '../db/connect.ts'
import { retryTransient } from '../db/retry.ts'
import type { Logger } from '../logger.ts'

/** Default maximum number of topics, or of keys, per statement. */
const defaultBatch = 200
/** How long to retry a change of partitions that waits for longer than 50 ms. */
const retryMs = 8_000

interface RetentionOptions {
  readonly retentionHours: number
  /** Hours by kind of task that replace `retentionHours`. Default none. */
  readonly retentionHoursByKind?: Readonly<Record<string, number>>
  readonly maxTopics?: number
}

interface DeletedEvents {
  readonly topics: number
  readonly events: number
}

/**
 * Deletes the events of topics that are closed and inactive for the retention period. The position
 * up to which events were deleted is stored in the same statement, so that subscribers that ask for
 * them receive a snapshot and never find a gap.
 *
 * @param options.retentionHours - age of the closing event from which all events of its topic may
 * be deleted; topics of tasks of a kind in `retentionHoursByKind` have their own
 * @param options.maxTopics - maximum number of topics in this call; default 200
 * @returns number of topics pruned and of events deleted; fewer topics than `maxTopics` means that
 * none remain
 */
export function pruneTopics(database: Pick<Database, 'pool'>, options: RetentionOptions): Promise<DeletedEvents> {
  const { retentionHoursByKind = {} } = options
  // Kinds are looked up only where one has a period of its own.
  const [task, hours, values] =
    Object.keys(retentionHoursByKind).length === 0
      ? ['', '$1::float8', []]
      : [
          `left join tidings.task k on t.name like 'task:%' and k.id = substr(t.name, 6)`,
          'coalesce(($3::jsonb->>k.kind)::float8, $1::float8)',
          [JSON.stringify(retentionHoursByKind)],
        ]
  return deleteEvents(
    database,
    `select t.name, t.seq from tidings.topic t
      join tidings.event e on e.topic = t.name and e.seq = t.seq ${task}
      where t.closed and t.pruned_seq < t.seq and e.at < now() - ${hours} * interval '1 hour'`,
    options,
    values,
  )
}

/**
 * Deletes the old events of topics that stay open (a session, an inbox), up to the newest one older
 * than the retention period. The position is stored as in {@link pruneTopics}.
 *
 * @returns number of topics trimmed and total number of events deleted
 */
export function trimTopics(database: Pick<Database, 'pool'>, options: RetentionOptions): Promise<DeletedEvents> {
  // The oldest remaining event shows, at the price of one index lookup, whether there is anything
  // to delete.
  return deleteEvents(
    database,
    `select t.name, last.seq from tidings.topic t
      cross join lateral (select at from tidings.event where topic = t.name and seq > t.pruned_seq order by seq limit 1) oldest
      cross join lateral (
        select max(seq) as seq from tidings.event where topic = t.name and at < now() - $1::float8 * interval '1 hour'
      ) last
      where not t.closed and t.seq > t.pruned_seq and oldest.at < now() - $1::float8 * interval '1 hour'`,
    options,
  )
}

/**
 * Deletes the events of topics up to a seq, and stores that position.
 *
 * @param select - selects the name of each topic, as `t.name`, and the last seq to delete; `$1` is
 * the retention period in hours
 * @param values - the values of `$3` and later
 */
async function deleteEvents(
  database: Pick<Database, 'pool'>,
  select: string,
  { retentionHours, maxTopics = defaultBatch }: RetentionOptions,
  values: readonly string[] = [],
): Promise<DeletedEvents> {
  // Topics that another process is pruning are skipped; nothing else changes a closed topic.
  const { rows } = await database.pool.query<DeletedEvents>(
    `with old as materialized (${select} limit $2 for no key update of t skip locked),
    gone as (delete from tidings.event e using old where e.topic = old.name and e.seq <= old.seq returning 1),
    noted as (update tidings.topic set pruned_seq = old.seq from old where topic.name = old.name returning 1)
    select (select count(*)::int from noted) as topics, (select count(*)::int from gone) as events`,
    [retentionHours, maxTopics, ...values],
  )
  return rows[0] ?? { topics: 0, events: 0 }
}

/**
 * Deletes the events that are older than the retention period, by dropping their partitions. A partition covers an eighth of the
 * period, at least an hour, so events are kept for up to an eighth longer. Before, the position up to which events are deleted is
 * stored for each topic, so that subscribers that ask for them receive a snapshot and never find a gap. Also adds the partition for
 * the events to come.
 *
 * @param options.retentionHours - age from which an event may be deleted
 * @param options.maxTopics - maximum number of topics per statement; default 200
 * @param options.signal - stops it after the current statement
 * @returns number of topics whose events were deleted, and of partitions that had events
 * @throws TidingsError `UNAVAILABLE` when other transactions, such as a backup, use the events for longer than the retries take
 */
export async function prunePartitions(
  { pool }: Pick<Database, 'pool'>,
  {
    retentionHours,
    maxTopics = defaultBatch,
    signal,
  }: { readonly retentionHours: number; readonly maxTopics?: number; readonly signal?: AbortSignal },
): Promise<{ readonly topics: number; readonly partitions: number }> {
  const nothing = { topics: 0, partitions: 0 }
  if (signal?.aborted) return nothing
  const widthHours = Math.max(1, retentionHours / 8)
  await retryTransient(retryMs, () =>
    pool.query(`select tidings.extend_event_partitions($1::float8 * interval '1 hour')`, [widthHours]),
  )
  // Times have whole milliseconds. With `at < before`, PostgreSQL would also read the partition that begins there, at each run.
  const { rows } = await pool.query<{ before: Date | null }>(
    `select before from (
       select max(upper) as before, count(*) as count from tidings.event_partition where upper <= now() - $1::float8 * interval '1 hour'
     ) old
     where count > 1 or exists (select from tidings.event where at <= before - interval '1 ms')`,
    [retentionHours],
  )
  const before = rows[0]?.before
  if (!before) return nothing
  let topics = 0
  for (let last: string | null = ''; last !== null; ) {
    const marked = await markTopics(pool, before, last, maxTopics)
    topics += marked.count
    last = marked.last
    if (signal?.aborted) return { topics, partitions: 0 }
  }
  const dropped = await retryTransient(retryMs, () =>
    pool.query<{ count: number }>('select tidings.drop_event_partitions($1) as count', [before]),
  )
  return { topics, partitions: dropped.rows[0]?.count ?? 0 }
}

/**
 * Stores the last position before a time for the topics that follow a name.
 *
 * @returns the last of these topics; null if there was none
 */
async function markTopics(
  pool: Database['pool'],
  before: Date,
  after: string,
  maxTopics: number,
): Promise<{ readonly last: string | null; readonly count: number }> {
  const { rows } = await pool.query<{ last: string | null; count: number }>(
    `with old as materialized (
       select topic, max(seq) as seq from tidings.event where at < $1 and topic > $2 group by topic order by topic limit $3
     ),
     held as materialized (
       select name, old.seq from old join tidings.topic on name = old.topic order by name for no key update of topic
     ),
     marked as (
       update tidings.topic set pruned_seq = held.seq from held where topic.name = held.name and topic.pruned_seq < held.seq returning 1
     )
     select (select max(topic) from old) as last, (select count(*)::int from marked) as count`,
    [before, after, maxTopics],
  )
  return rows[0] ?? { last: null, count: 0 }
}

/**
 * Deletes idempotency keys, so that they may be used for new requests.
 *
 * @param options.keptHours - how long a key is kept
 * @param options.maxKeys - maximum number of keys in this call; default 5,000
 * @returns number of keys deleted; fewer than `maxKeys` means that none remain
 */
export async function pruneIdempotencyKeys(
  database: Pick<Database, 'pool'>,
  { keptHours, maxKeys = 5_000 }: { readonly keptHours: number; readonly maxKeys?: number },
): Promise<number> {
  const { rowCount } = await database.pool.query(
    `delete from tidings.idempotency where (owner, key) in (
      select owner, key from tidings.idempotency where created_at < now() - $1::float8 * interval '1 hour'
      order by created_at limit $2 for update skip locked
    )`,
    [keptHours, maxKeys],
  )
  return rowCount ?? 0
}

/** Prunes periodically. Disposing stops it after the current batch. */
export interface Pruner extends AsyncDisposable {
  /**
   * Prunes now, batch by batch until nothing remains; joins a run in progress, if any. Never
   * rejects.
   */
  run(): Promise<void>
}

/**
 * Creates the pruner of a database. Several processes may run one concurrently: each takes
 * different topics.
 *
 * @param options.everyMs - interval between runs; the first starts after one interval
 * @param options.retentionHours - see {@link pruneTopics}, as `retentionHoursByKind`
 * @param options.idempotencyHours - see {@link pruneIdempotencyKeys}
 * @param options.others - each deletes up to `maxRows` rows of other expiring data and returns how
 * many it deleted
 * @param options.batch - maximum number of topics per statement, or 25 times as many keys; default
 * 200
 */
export function createPruner(options: {
  readonly database: Pick<Database, 'pool'>
  readonly logger: Logger
  readonly everyMs: number
  readonly retentionHours: number
  readonly retentionHoursByKind?: Readonly<Record<string, number>>
  readonly idempotencyHours: number
  readonly others?: readonly ((maxRows: number) => Promise<number>)[]
  readonly batch?: number
}): Pruner {
  const {
    database,
    logger,
    everyMs,
    retentionHours,
    retentionHoursByKind = {},
    idempotencyHours,
    others: otherPruners = [],
    batch = defaultBatch,
  } = options
  const maxKeys = batch * 25
  const stopping = new AbortController()
  const { signal } = stopping

  const prune = async (): Promise<void> => {
    const total = { topics: 0, events: 0, partitions: 0, keys: 0, others: 0 }
    const ownPeriods = Object.values(retentionHoursByKind)
    // With one period for all, whole partitions are old enough.
    if (ownPeriods.length > 0)
      for (const pruneSome of [pruneTopics, trimTopics])
        for (let isLeft = true; isLeft && !signal.aborted; ) {
          const prunedCount = await pruneSome(database, { retentionHours, retentionHoursByKind, maxTopics: batch })
          total.topics += prunedCount.topics
          total.events += prunedCount.events
          isLeft = prunedCount.topics === batch
        }
    for (let isLeft = true; isLeft && !signal.aborted; ) {
      const keys = await pruneIdempotencyKeys(database, { keptHours: idempotencyHours, maxKeys })
      total.keys += keys
      isLeft = keys === maxKeys
    }
    for (const pruneSome of otherPruners)
      for (let isLeft = true; isLeft && !signal.aborted; ) {
        const rows = await pruneSome(maxKeys)
        total.others += rows
        isLeft = rows > 0
      }
    // Last, as a long transaction that uses the events makes it fail.
    const longestHours = Math.max(retentionHours, ...ownPeriods)
    const dropped = await prunePartitions(database, { retentionHours: longestHours, maxTopics: batch, signal })
    total.topics += dropped.topics
    total.partitions = dropped.partitions
    if (total.topics + total.partitions + total.keys + total.others > 0) logger.info(total, 'pruned old rows')
  }

  const run = createSingleFlight(() =>
    prune().catch((error: unknown) => logger.warn({ err: error }, 'failed to prune; retrying at the next run')),
  )
  const timer = setInterval(() => void run(), everyMs).unref()
  return {
    run,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      clearInterval(timer)
      await run.pending()
    },
  }
}
