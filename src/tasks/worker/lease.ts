import { createSingleFlight } from '../../async/single-flight.ts'
import type { Database } from '../../db/connect.ts'
import type { Logger } from '../../logger.ts'
import type { StopReason } from './runner.ts'

/**
 * Upper bound of the heartbeat interval, however long the lease: a cancel that the bus lost is
 * noticed within this time.
 */
const longestBeatMs = 1_000

/** The leases that a worker process holds. */
interface Leases extends AsyncDisposable {
  /**
   * Renews the lease of an attempt until `release`; the signal aborts when the lease is lost or the
   * attempt must stop.
   */
  hold(
    taskId: string,
    attempt: number,
  ): { readonly signal: AbortSignal; stop(reason: StopReason): void; release(): void }
  /** Aborts the signal of a task held by this process; returns false when it is not held here. */
  stop(taskId: string, reason: StopReason): boolean
  stopAll(reason: StopReason): void
  readonly size: number
}

/**
 * Creates the heartbeat of a worker process: one statement renews all its leases, several times
 * within a lease and at least once a second, and records that the worker is alive and how many
 * tasks it accepts.
 *
 * A lease is lost when the task's row shows it (canceled, reclaimed), and also when the database
 * was unreachable for the duration of the lease: another worker may have the task by then.
 */
export function createLeases(options: {
  readonly database: Database
  readonly logger: Logger
  readonly worker: string
  readonly leaseMs: number
  readonly slots: Readonly<Record<string, number>>
}): Leases {
  const { database, logger, worker, leaseMs, slots } = options
  interface Held {
    readonly attempt: number
    readonly controller: AbortController
    renewedAt: number
  }
  const leases = new Map<string, Held>()

  const renew = async (): Promise<void> => {
    const entries = [...leases]
    const startedAt = performance.now()
    // Rows are locked in the order of their ids, as an append locks them, so the two cannot
    // deadlock.
    const { rows } = await database.vitals.query<{ id: string }>({
      name: 'tidings-heartbeat',
      text: `with alive as (
          insert into tidings.worker (id, slots, seen_at) values ($1, $2, now())
          on conflict (id) do update set slots = excluded.slots, seen_at = excluded.seen_at
        ), mine as materialized (
          select k.id from tidings.task k join unnest($3::text[], $4::int[]) as a(id, attempt) on a.id = k.id and a.attempt = k.attempt
          where k.status = 'RUNNING' and k.worker = $1 order by k.id for no key update of k
        )
        update tidings.task set lease_until = now() + $5 * interval '1 ms' from mine where task.id = mine.id returning task.id`,
      values: [
        worker,
        JSON.stringify(slots),
        entries.map(([id]) => id),
        entries.map(([, { attempt }]) => attempt),
        leaseMs,
      ],
    })
    const renewedIds = new Set(rows.map(({ id }) => id))
    for (const [id, entry] of entries) {
      if (renewedIds.has(id)) entry.renewedAt = startedAt
      else if (leases.get(id) === entry) entry.controller.abort('lease lost' satisfies StopReason)
    }
  }

  const renewOnce = createSingleFlight(() =>
    renew().catch((error: unknown) => logger.warn({ err: error }, 'failed to renew leases')),
  )
  const beat = (): void => {
    const now = performance.now()
    for (const entry of leases.values())
      if (now - entry.renewedAt > leaseMs) entry.controller.abort('lease lost' satisfies StopReason)
    void renewOnce()
  }
  const timer = setInterval(beat, Math.min(longestBeatMs, leaseMs / 5)).unref()
  beat()

  return {
    hold(taskId, attempt) {
      const entry: Held = { attempt, controller: new AbortController(), renewedAt: performance.now() }
      leases.set(taskId, entry)
      return {
        signal: entry.controller.signal,
        stop: (reason) => entry.controller.abort(reason),
        release: () => {
          if (leases.get(taskId) === entry) leases.delete(taskId)
        },
      }
    },
    stop(taskId, reason) {
      const entry = leases.get(taskId)
      entry?.controller.abort(reason)
      return entry !== undefined
    },
    stopAll(reason) {
      for (const entry of leases.values()) entry.controller.abort(reason)
    },
    get size() {
      return leases.size
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await renewOnce.pending()
      await database.vitals
        .query('delete from tidings.worker where id = $1', [worker])
        .catch((error: unknown) => logger.warn({ err: error }, 'failed to deregister the worker'))
    },
  }
}
