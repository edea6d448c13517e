import { createSingleFlight } from '../../async/single-flight.ts'
import type { Bus } from '../../bus/bus.ts'
import type { Database } from '../../db/connect.ts'
import { startTimeoutWithoutLag } from './loop-lag.ts'

/** The dependencies that a process needs in order to serve requests. */
export interface HealthSources {
  readonly database: Pick<Database, 'openPool'>
  readonly bus: Pick<Bus, 'kind' | 'isConnected'>
}

/** Whether this process should receive requests, and the state of its dependencies. */
interface Readiness {
  readonly status: 'ready' | 'not ready' | 'draining'
  readonly database: 'up' | 'down'
  /** `away` does not make a server unready: events are then read from the log, later but complete. */
  readonly bus: 'memory' | 'connected' | 'away'
}

const databaseTimeoutMs = 1_000

/**
 * Checks whether this process can serve requests; takes at most one second, whatever the state of
 * the database, plus the lag of the event loop.
 */
export type ReadReadiness = (isDraining: boolean) => Promise<Readiness>

/**
 * Creates the readiness check. At most one query is in flight, however often the check is called.
 * It runs on a dedicated connection: waiting for one of a shared pool could time out although the
 * database is healthy. The lag of the event loop does not count either: a stalled server would
 * otherwise take its own stall for an outage, and disconnect every client.
 */
export function createReadiness({ database, bus }: HealthSources): ReadReadiness {
  const pool = database.openPool({
    applicationName: 'tidings health',
    maxConnections: 1,
    statementMs: databaseTimeoutMs,
  })
  const ask = createSingleFlight(async () => {
    try {
      await pool.query('select 1')
      return true
    } catch {
      // The reason is irrelevant: the database does not answer.
      return false
    }
  })
  return async (isDraining) => {
    const isUp = await inTime(ask())
    return {
      status: isDraining ? 'draining' : isUp ? 'ready' : 'not ready',
      database: isUp ? 'up' : 'down',
      bus: bus.kind === 'memory' ? 'memory' : bus.isConnected() ? 'connected' : 'away',
    }
  }
}

async function inTime(answer: Promise<boolean>): Promise<boolean> {
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>()
  const cancel = startTimeoutWithoutLag(databaseTimeoutMs, () => resolve(false))
  const isUp = await Promise.race([answer, tooLate])
  cancel()
  return isUp
}
