import { type Database, withTransaction } from '../db/connect.ts'

/** A user present at a topic. */
export interface Present {
  readonly userId: string
  /**
   * The user's activity there, as set by `Presence.mark`; null if none was set, or it has
   * expired.
   */
  readonly mark: string | null
}

/** A user at a topic. */
type PresentPair = readonly [topic: string, userId: string]

/** The users present at a topic, and the time until the next mark expires. */
export interface PresenceReading {
  readonly present: readonly Present[]
  /** null if no mark expires. */
  readonly nextEndMs: number | null
}

/**
 * Access to the tables `presence_server`, `presence` and `presence_mark` on behalf of one server.
 */
export interface PresenceRecord {
  /**
   * Renews the server's heartbeat and stores which users have joined and left, in one statement. If
   * the tables may differ from what this server wrote (its entries were removed, or a write
   * failed), it rewrites the entries of `everybody`.
   *
   * @returns the topics whose presence may have changed
   */
  write(change: {
    readonly come: readonly PresentPair[]
    readonly gone: readonly PresentPair[]
    readonly everybody: () => readonly PresentPair[]
  }): Promise<readonly string[]>
  /**
   * Removes all entries of this server.
   *
   * @returns the topics that they belonged to
   */
  leave(): Promise<readonly string[]>
  mark(topic: string, userId: string, mark: string | null, forMs: number): Promise<void>
  /** Reads the users present at topics, in the order of the topics, with one query. */
  read(topics: readonly string[]): Promise<readonly PresenceReading[]>
}

/** Converts the pairs to two arrays, for `unnest`. */
const columns = (pairs: readonly PresentPair[]): [string[], string[]] => [
  pairs.map(([topic]) => topic),
  pairs.map(([, userId]) => userId),
]
const topicsOf = (pairs: readonly PresentPair[]): readonly string[] => [...new Set(pairs.map(([topic]) => topic))]

/** Creates one server's access to the presence tables. */
export function createPresenceRecord(options: {
  readonly database: Database
  readonly server: string
  readonly aliveMs: number
}): PresenceRecord {
  const { database, server, aliveMs } = options
  /** Whether the tables may differ from what this server meant to write. */
  let isDoubtful = false
  let hasWritten = false

  const rewrite = async (everybody: readonly PresentPair[]): Promise<readonly string[]> =>
    withTransaction({ pool: database.vitals }, async (client) => {
      await client.query(
        `insert into tidings.presence_server (id, alive_until) values ($1, clock_timestamp() + $2 * interval '1 ms')
         on conflict (id) do update set alive_until = excluded.alive_until`,
        [server, aliveMs],
      )
      const { rows } = await client.query<{ topic: string }>(
        'delete from tidings.presence where server = $1 returning topic',
        [server],
      )
      await client.query(
        'insert into tidings.presence (topic, user_id, server) select topic, user_id, $1 from unnest($2::text[], $3::text[]) as p(topic, user_id)',
        [server, ...columns(everybody)],
      )
      return [...new Set([...rows.map(({ topic }) => topic), ...topicsOf(everybody)])]
    })

  return {
    async write({ come, gone, everybody }) {
      if (isDoubtful) {
        const topics = await rewrite(everybody())
        isDoubtful = false
        return [...new Set([...topics, ...topicsOf(gone)])]
      }
      isDoubtful = true
      const wasKnown = hasWritten
      hasWritten = true
      const { rows } = await database.vitals.query<{ is_new: boolean }>({
        name: 'tidings-presence',
        text: `with alive as (
            insert into tidings.presence_server (id, alive_until) values ($1, now() + $2 * interval '1 ms')
            on conflict (id) do update set alive_until = excluded.alive_until returning xmax = 0 as is_new
          ), gone as (
            delete from tidings.presence p using unnest($3::text[], $4::text[]) as g(topic, user_id)
            where p.server = $1 and p.topic = g.topic and p.user_id = g.user_id
          ), come as (
            insert into tidings.presence (topic, user_id, server)
            select c.topic, c.user_id, $1 from unnest($5::text[], $6::text[]) as c(topic, user_id)
            on conflict do nothing
          ), dead as (
            -- Long after it stopped counting, so that the clocks of two servers need not agree.
            delete from tidings.presence_server where id in (
              select id from tidings.presence_server where alive_until < now() - interval '1 minute' and id <> $1
              for update skip locked
            )
          ), ended as (
            delete from tidings.presence_mark where (topic, user_id) in (
              select topic, user_id from tidings.presence_mark where until < now() - interval '1 minute' for update skip locked
            )
          ) select is_new from alive`,
        values: [server, aliveMs, ...columns(gone), ...columns(come)],
      })
      isDoubtful = false
      const changedTopics = topicsOf([...come, ...gone])
      // The server was considered dead meanwhile, or the database was reset: earlier entries must
      // be written again.
      return wasKnown && rows[0]?.is_new === true
        ? [...new Set([...changedTopics, ...(await rewrite(everybody()))])]
        : changedTopics
    },
    async leave() {
      if (!hasWritten) return []
      const { rows } = await database.vitals.query<{ topic: string }>(
        `with left_from as (select distinct topic from tidings.presence where server = $1),
          gone as (delete from tidings.presence_server where id = $1) select topic from left_from`,
        [server],
      )
      return rows.map(({ topic }) => topic)
    },
    async mark(topic, userId, mark, forMs) {
      if (mark === null)
        await database.pool.query('delete from tidings.presence_mark where topic = $1 and user_id = $2', [
          topic,
          userId,
        ])
      else
        await database.pool.query(
          `insert into tidings.presence_mark (topic, user_id, mark, until) values ($1, $2, $3, now() + $4 * interval '1 ms')
           on conflict (topic, user_id) do update set mark = excluded.mark, until = excluded.until`,
          [topic, userId, mark, forMs],
        )
    },
    async read(topics) {
      const { rows } = await database.pool.query<{
        topic: string
        user_id: string
        mark: string | null
        ends_ms: number | null
      }>({
        name: 'tidings-present',
        text: `select distinct p.topic, p.user_id, m.mark,
            (extract(epoch from m.until - now()) * 1000)::float8 as ends_ms
          from tidings.presence p
          join tidings.presence_server s on s.id = p.server and s.alive_until > now()
          left join tidings.presence_mark m on m.topic = p.topic and m.user_id = p.user_id and m.until > now()
          where p.topic = any($1::text[]) order by p.topic, p.user_id`,
        values: [[...new Set(topics)]],
      })
      const byTopic = Map.groupBy(rows, ({ topic }) => topic)
      return topics.map((topic) => {
        const topicRows = byTopic.get(topic) ?? []
        const ends = topicRows.flatMap(({ ends_ms }) => (ends_ms === null ? [] : [ends_ms]))
        return {
          present: topicRows.map(({ user_id, mark }) => ({ userId: user_id, mark })),
          nextEndMs: ends.length === 0 ? null : Math.min(...ends),
        }
      })
    },
  }
}
