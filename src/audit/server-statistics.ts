import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { createWakeUp, interruptible } from '../async/interruptible.ts'
import { createSingleFlight } from '../async/single-flight.ts'
import { withTimeout } from '../async/timeout.ts'
import type { Bus, BusSubscription } from '../bus/bus.ts'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'

const instant = z.iso.datetime().transform((text) => new Date(text))
const count = z.object({ name: z.string().nullable(), count: z.number() })
const connection = z.object({
  id: z.string(),
  transport: z.enum(['ws', 'sse', 'polling']),
  userId: z.string().nullable(),
  address: z.string(),
  userAgent: z.string().nullable(),
  openedAt: instant,
  subscriptions: z.number().nullable(),
  unreadBytes: z.number(),
})
const serverStatistics = z.object({
  transports: z.object({ ws: z.number(), sse: z.number(), polling: z.number() }),
  topics: z.number(),
  byField: z.array(count),
  byTopic: z.array(count),
  byViewer: z.array(count),
  oldest: z.array(connection),
  slowest: z.array(connection),
  auditedAt: instant.nullable(),
})

/** A name and its number of occurrences. */
export type Count = z.output<typeof count>
/** A connected client; `subscriptions` is null for a polling client. */
export type ConnectionSummary = z.output<typeof connection>
/** The connection statistics of one server. Lists are truncated: see `src/server/monitoring/collect-statistics.ts`. */
export type ServerStatistics = z.output<typeof serverStatistics>

/** A server that is up, with its latest statistics. */
export interface ReportedServer extends ServerStatistics {
  readonly id: string
  readonly name: string
  readonly startedAt: Date
  readonly seenAt: Date
}

/** Connection statistics of all servers that share the database. */
export interface StatisticsExchange extends AsyncDisposable {
  /** Adds this server from now on: `source` is read every `everyMs`. Disposing removes it. */
  announce(options: { readonly name: string; readonly source: () => ServerStatistics }): AsyncDisposable
  /**
   * Returns all servers that are up, the longest running first. A server that was killed is omitted
   * after `silentMs`.
   */
  read(): Promise<readonly ReportedServer[]>
  /**
   * Yields the same list now and, unless `once` is set, after every change; a slow consumer gets
   * the latest.
   */
  watch(options?: { readonly once?: boolean }): AsyncIterableIterator<readonly ReportedServer[], undefined>
}

const channel = 'admin:statistics'
const removalTimeoutMs = 1_000
/** An idle server renews its row at this interval. */
const renewMs = 4_000

/**
 * Creates the connection statistics of one process: each server keeps its own row in Postgres,
 * which is correct with and without a bus; the bus only notifies the others of changes.
 *
 * @param options.everyMs - interval at which the own server's statistics are read; while there are
 *   subscribers, the other servers are read at twice this interval; default 1 s
 * @param options.silentMs - a server that was silent for longer is down; default 10 s
 */
export function createStatisticsExchange(options: {
  readonly database: Pick<Database, 'pool'>
  readonly bus: Bus
  readonly logger: Logger
  readonly everyMs?: number
  readonly silentMs?: number
}): StatisticsExchange {
  const { database, bus, logger, everyMs = 1_000, silentMs = 10_000 } = options
  const announcements = new Set<AsyncDisposable>()
  const watchers = new Set<() => void>()
  let latest: { readonly servers: readonly ReportedServer[]; readonly text: string } | undefined
  let timer: NodeJS.Timeout | undefined

  const read = async (): Promise<readonly ReportedServer[]> => {
    const { rows } = await database.pool.query<{
      server_id: string
      name: string
      started_at: Date
      seen_at: Date
      statistics: unknown
    }>(
      `select * from tidings.server_statistics where seen_at > now() - $1::float8 * interval '1 millisecond'
       order by started_at, server_id`,
      [silentMs],
    )
    return rows.flatMap((row) => {
      const parsed = serverStatistics.safeParse(row.statistics)
      // A server of another version, during an update: it is up, but its statistics cannot be
      // parsed.
      if (!parsed.success) return []
      return [{ ...parsed.data, id: row.server_id, name: row.name, startedAt: row.started_at, seenAt: row.seen_at }]
    })
  }
  const load = createSingleFlight(async () => {
    const servers = await read()
    const text = JSON.stringify(servers.map(({ seenAt: _seenAt, ...server }) => server))
    if (text === latest?.text) return
    latest = { servers, text }
    for (const wake of watchers) wake()
  })
  const look = (): void => {
    load().catch((error: unknown) => logger.debug({ err: error }, 'failed to read connection statistics'))
  }
  const noteUnsubscribed = (error: unknown): void => logger.warn({ err: error }, 'failed to unsubscribe from the bus')
  /** Only while there are watchers: every server announces its changes each second, so each would receive those of all others. */
  let subscription: BusSubscription | undefined

  const watch: StatisticsExchange['watch'] = ({ once = false } = {}) =>
    interruptible(async function* (signal) {
      const wakeUp = createWakeUp(signal)
      watchers.add(wakeUp.set)
      timer ??= setInterval(look, 2 * everyMs).unref()
      subscription ??= bus.subscribe(channel, look)
      try {
        await load()
        let reportedStatistics: typeof latest
        while (!signal.aborted) {
          if (latest !== undefined && latest !== reportedStatistics) {
            reportedStatistics = latest
            yield reportedStatistics.servers
            if (once) return
          } else await wakeUp.wait()
        }
      } finally {
        watchers.delete(wakeUp.set)
        if (watchers.size === 0) {
          clearInterval(timer)
          timer = undefined
          latest = undefined
          void subscription?.close().catch(noteUnsubscribed)
          subscription = undefined
        }
      }
    })

  const announce: StatisticsExchange['announce'] = ({ name, source }) => {
    const id = randomUUID()
    const startedAt = new Date()
    let lastWrite = { text: '', atMs: 0 }
    const write = async (): Promise<void> => {
      const text = JSON.stringify(source())
      if (text === lastWrite.text && Date.now() - lastWrite.atMs < renewMs) return
      await database.pool.query(
        `with gone as (delete from tidings.server_statistics where seen_at < now() - interval '1 minute' and server_id <> $1)
         insert into tidings.server_statistics (server_id, name, started_at, seen_at, statistics) values ($1, $2, $3, now(), $4)
         on conflict (server_id) do update set seen_at = excluded.seen_at, statistics = excluded.statistics`,
        [id, name, startedAt, text],
      )
      const isNew = text !== lastWrite.text
      lastWrite = { text, atMs: Date.now() }
      if (isNew) bus.publish(channel, { server: id })
    }
    const renew = createSingleFlight(() =>
      write().catch((error: unknown) => logger.debug({ err: error }, 'failed to publish connection statistics')),
    )
    void renew()
    const renewing = setInterval(() => void renew(), everyMs).unref()
    const announcement: AsyncDisposable = {
      async [Symbol.asyncDispose]() {
        if (!announcements.delete(announcement)) return
        clearInterval(renewing)
        await renew.pending()
        const removal = database.pool
          .query('delete from tidings.server_statistics where server_id = $1', [id])
          .then(() => bus.publish(channel, { server: id }))
          .catch((error: unknown) =>
            logger.debug({ err: error }, 'failed to remove the server from connection statistics'),
          )
        // If the database is unavailable, the server is removed after `silentMs` instead.
        await withTimeout(removalTimeoutMs, removal)
      },
    }
    announcements.add(announcement)
    return announcement
  }

  return {
    announce,
    read,
    watch,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await subscription?.close()
      await Promise.all([...announcements].map((announcement) => announcement[Symbol.asyncDispose]()))
    },
  }
}
