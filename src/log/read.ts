import type { QueryConfig, QueryResult, QueryResultRow } from 'pg'
import type { Database } from '../db/connect.ts'
import { renewEpoch } from '../db/epoch.ts'
import { retryTransient } from '../db/retry.ts'
import type { JsonObject } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import { createBatch } from './batch.ts'
import { type LogEvent, toInstant } from './event.ts'

/** Where a topic stands. */
export interface TopicHead {
  /** The seq of its newest event; 0 when it has none. */
  readonly seq: number
  /** Events up to here are no longer kept. */
  readonly prunedSeq: number
  /** Nothing more can follow. */
  readonly closed: boolean
}

/**
 * Reads topics from the record. Requests made in the same moment share one query. While the database is away for a moment
 * they wait for it; after that they fail with the TidingsError `UNAVAILABLE`.
 */
export interface LogReader {
  /**
   * The life of the log that cursors given out now belong to, as {@link LogReader.head} or {@link LogReader.moved} read it last:
   * it is renewed, by any process, when the log goes back.
   */
  readonly epoch: string
  /**
   * Begins another life of the log, after it went back to an older state: cursors given out before are none of it.
   *
   * @param seen - the epoch in which it went back; when that is over already, nothing happens
   */
  renewEpoch(seen: string): Promise<void>
  /** Where the topic stands now; null when there is no such topic. */
  head(topic: string): Promise<TopicHead | null>
  /** Where those of several topics stand that stand elsewhere than `seq` says, in one query. */
  moved(known: readonly { readonly topic: string; readonly seq: number }[]): Promise<ReadonlyMap<string, TopicHead>>
  /** The events after a seq, oldest first, at most `limit`. */
  read(topic: string, after: number, limit: number): Promise<readonly LogEvent[]>
}

/** Of no topic when there is none: then it says what the epoch is. */
type HeadRow =
  | { epoch: string; name: string; seq: number; pruned_seq: number; closed: boolean }
  | { epoch: string; name: null }
interface EventRow {
  topic: string
  seq: number
  type: string
  at: Date
  payload: JsonObject
}

/**
 * Creates the reader of the log.
 *
 * @param options.retryMs - how long a database that is away is waited for; default 8,000, more than one statement takes
 * @throws TidingsError `UNAVAILABLE` when the database has no epoch, which no migrated database lacks
 */
export async function createLogReader(
  database: Pick<Database, 'pool'>,
  { retryMs = 8_000 }: { readonly retryMs?: number } = {},
): Promise<LogReader> {
  const { pool } = database
  const query = <R extends QueryResultRow>(config: QueryConfig): Promise<QueryResult<R>> =>
    retryTransient(retryMs, () => pool.query<R>(config))
  const meta = await query<{ value: string }>({ text: `select value from meta where key = 'epoch'` })
  let epoch = meta.rows[0]?.value ?? ''
  if (epoch === '') throw new TidingsError('UNAVAILABLE', 'The database has no epoch: was it migrated?')

  /** Takes what was read together with the epoch: never an older one's heads under a newer one. */
  const takeHeads = (rows: readonly HeadRow[]): ReadonlyMap<string, TopicHead> => {
    epoch = rows[0]?.epoch ?? epoch
    return new Map(
      rows.flatMap((row) =>
        row.name === null ? [] : [[row.name, { seq: row.seq, prunedSeq: row.pruned_seq, closed: row.closed }]],
      ),
    )
  }

  const headInBatch = createBatch<string, TopicHead | null>(async (topics) => {
    const { rows } = await query<HeadRow>({
      name: 'tidings-heads',
      text: `select e.value as epoch, t.name, t.seq, t.pruned_seq, t.closed
        from meta e left join topic t on t.name = any($1::text[]) where e.key = 'epoch'`,
      values: [[...new Set(topics)]],
    })
    const found = takeHeads(rows)
    return topics.map((topic) => found.get(topic) ?? null)
  })

  interface Range {
    readonly topic: string
    readonly after: number
    readonly limit: number
  }
  const readInBatch = createBatch<Range, readonly LogEvent[]>(async (ranges) => {
    // Many who ask for the same range (a crowd that reconnects) cost one range.
    const distinct = new Map(ranges.map((range) => [`${range.after} ${range.limit} ${range.topic}`, range]))
    const asked = [...distinct.values()]
    const { rows } = await query<EventRow & { ord: number }>({
      name: 'tidings-read',
      text: `select r.ord, e.topic, e.seq, e.type, e.at, e.payload
        from unnest($1::text[], $2::bigint[], $3::int[]) with ordinality as r(topic, after, max, ord)
        cross join lateral (
          select * from event where topic = r.topic and seq > r.after order by seq limit r.max
        ) e order by r.ord, e.seq`,
      values: [asked.map((range) => range.topic), asked.map((range) => range.after), asked.map((range) => range.limit)],
    })
    const byKey = new Map<string, LogEvent[]>([...distinct.keys()].map((key) => [key, []]))
    const keys = [...distinct.keys()]
    for (const { ord, topic, seq, type, at, payload } of rows)
      byKey.get(keys[ord - 1] ?? '')?.push({ topic, seq, type, at: toInstant(at), payload })
    return ranges.map((range) => byKey.get(`${range.after} ${range.limit} ${range.topic}`) ?? [])
  })

  return {
    get epoch() {
      return epoch
    },
    async renewEpoch(seen) {
      epoch = await retryTransient(retryMs, () => renewEpoch(database, seen))
    },
    head: headInBatch,
    async moved(known) {
      const { rows } = await query<HeadRow>({
        name: 'tidings-moved',
        text: `select e.value as epoch, t.name, t.seq, t.pruned_seq, t.closed
          from meta e left join (unnest($1::text[], $2::bigint[]) as known(topic, had) join topic t on t.name = known.topic)
            on t.seq <> known.had where e.key = 'epoch'`,
        values: [known.map(({ topic }) => topic), known.map(({ seq }) => seq)],
      })
      return takeHeads(rows)
    },
    read: (topic, after, limit) => readInBatch({ topic, after, limit }),
  }
}
