import type { QueryConfig, QueryResult, QueryResultRow } from 'pg'
import { createBatchLoader } from '../async/batch-loader.ts'
import type { Database } from '../db/connect.ts'
import { renewEpoch } from '../db/epoch.ts'
import { retryTransient } from '../db/retry.ts'
import type { JsonObject } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import { type LogEvent, toInstant } from './event.ts'

/** Events of a topic in order. */
interface LogPage {
  readonly events: readonly LogEvent[]
  /**
   * The epoch that the events belong to, which may be newer than {@link LogReader.epoch}; undefined if
   * there are no events.
   */
  readonly epoch: string | undefined
}

/** The current state of a topic. */
export interface TopicHead {
  /** The seq of its newest event; 0 if there is none. */
  readonly seq: number
  /** Events up to this seq have been pruned. */
  readonly prunedSeq: number
  /** Whether no event can follow. */
  readonly closed: boolean
}

/**
 * Reads topics from the database. Concurrent requests share one query. During a short outage of the
 * database requests wait; after that they fail with the TidingsError `UNAVAILABLE`.
 */
export interface LogReader {
  /**
   * The epoch of the log for new cursors, as last read by {@link LogReader.head} or
   * {@link LogReader.moved}. It changes when the log has been restored to an older state, or when
   * its database was failed over to a standby.
   */
  readonly epoch: string
  /**
   * Starts a new epoch of the log after it was restored to an older state: existing cursors are no
   * longer valid.
   *
   * @param expectedEpoch - the epoch in which this was detected; if it is no longer current, nothing
   * happens
   */
  renewEpoch(expectedEpoch: string): Promise<void>
  /** Reads the current state of a topic; null if it does not exist. */
  head(topic: string): Promise<TopicHead | null>
  /**
   * Reads the state of several topics in one query; only topics whose seq differs are returned, with
   * null those that do not exist.
   */
  moved(
    positions: readonly { readonly topic: string; readonly seq: number }[],
  ): Promise<ReadonlyMap<string, TopicHead | null>>
  /** Reads the events after a seq, oldest first, at most `limit`. */
  read(topic: string, after: number, limit: number): Promise<LogPage>
}

/** `name` is null if no topic matches: the row then only carries the epoch. */
type HeadRow =
  | { epoch: string; name: string; seq: number; pruned_seq: number; closed: boolean }
  | { epoch: string; name: null }
/** `topic` is the known one. */
type MovedRow = HeadRow & { topic: string | null }
interface EventRow {
  epoch: string
  topic: string
  seq: number
  type: string
  at: Date
  payload: JsonObject
}

/**
 * Creates the reader of the log.
 *
 * @param options.retryMs - how long to retry while the database is unavailable; default 8,000, more
 * than one statement takes
 * @throws TidingsError `UNAVAILABLE` if the database has no epoch, which every migrated database
 * has
 */
export async function createLogReader(
  database: Pick<Database, 'pool' | 'read'>,
  { retryMs = 8_000 }: { readonly retryMs?: number } = {},
): Promise<LogReader> {
  const { pool } = database
  const query = <R extends QueryResultRow>(config: QueryConfig): Promise<QueryResult<R>> =>
    retryTransient(retryMs, () => pool.query<R>(config))
  const readOnly = <R extends QueryResultRow>(config: QueryConfig): Promise<QueryResult<R>> =>
    retryTransient(retryMs, () => database.read<R>(config))
  const initial = await query<{ epoch: string | null }>({ text: 'select tidings.log_epoch() as epoch' })
  let epoch = initial.rows[0]?.epoch ?? ''
  if (epoch === '') throw new TidingsError('UNAVAILABLE', 'The database has no epoch: was it migrated?')

  /**
   * Adopts the epoch together with the heads read with it: old heads never appear under a newer
   * epoch.
   */
  const takeHeads = (rows: readonly HeadRow[]): ReadonlyMap<string, TopicHead> => {
    epoch = rows[0]?.epoch ?? epoch
    return new Map(
      rows.flatMap((row) =>
        row.name === null ? [] : [[row.name, { seq: row.seq, prunedSeq: row.pruned_seq, closed: row.closed }]],
      ),
    )
  }

  const headInBatch = createBatchLoader<string, TopicHead | null>(async (topics) => {
    const { rows } = await query<HeadRow>({
      name: 'tidings-heads',
      text: `select e.epoch, t.name, t.seq, t.pruned_seq, t.closed
        from (select tidings.log_epoch() as epoch) e left join tidings.topic t on t.name = any($1::text[])`,
      values: [[...new Set(topics)]],
    })
    const heads = takeHeads(rows)
    return topics.map((topic) => heads.get(topic) ?? null)
  })

  interface Range {
    readonly topic: string
    readonly after: number
    readonly limit: number
  }
  const readInBatch = createBatchLoader<Range, LogPage>(async (ranges) => {
    // Deduplicated: many clients that reconnect at once and request the same range cost one range.
    const distinct = new Map(ranges.map((range) => [`${range.after} ${range.limit} ${range.topic}`, range]))
    const uniqueRanges = [...distinct.values()]
    const { rows } = await readOnly<EventRow & { ord: number }>({
      name: 'tidings-read',
      text: `select r.ord, (select value from tidings.meta where key = 'epoch') as epoch, e.topic, e.seq, e.type, e.at, e.payload
        from unnest($1::text[], $2::bigint[], $3::int[]) with ordinality as r(topic, after, max, ord)
        cross join lateral (
          select * from tidings.event where topic = r.topic and seq > r.after order by seq limit r.max
        ) e order by r.ord, e.seq`,
      values: [
        uniqueRanges.map((range) => range.topic),
        uniqueRanges.map((range) => range.after),
        uniqueRanges.map((range) => range.limit),
      ],
    })
    const byKey = new Map<string, LogEvent[]>([...distinct.keys()].map((key) => [key, []]))
    const keys = [...distinct.keys()]
    for (const { ord, topic, seq, type, at, payload } of rows)
      byKey.get(keys[ord - 1] ?? '')?.push({ topic, seq, type, at: toInstant(at), payload })
    const pageEpoch = rows[0]?.epoch
    return ranges.map(({ after, limit, topic }) => ({
      events: byKey.get(`${after} ${limit} ${topic}`) ?? [],
      epoch: pageEpoch,
    }))
  })

  return {
    get epoch() {
      return epoch
    },
    async renewEpoch(expectedEpoch) {
      epoch = await retryTransient(retryMs, () => renewEpoch(database, expectedEpoch))
    },
    head: headInBatch,
    async moved(positions) {
      const { rows } = await query<MovedRow>({
        name: 'tidings-moved',
        text: `select e.epoch, known.topic, t.name, t.seq, t.pruned_seq, t.closed
          from (select tidings.log_epoch() as epoch) e
          left join (unnest($1::text[], $2::bigint[]) as known(topic, had) left join tidings.topic t on t.name = known.topic)
            on t.seq is distinct from known.had`,
        values: [positions.map(({ topic }) => topic), positions.map(({ seq }) => seq)],
      })
      const missing = rows.flatMap(({ topic, name }) =>
        topic !== null && name === null ? [[topic, null] as const] : [],
      )
      return new Map<string, TopicHead | null>([...missing, ...takeHeads(rows)])
    },
    read: (topic, after, limit) => readInBatch({ topic, after, limit }),
  }
}
