import type { Database } from '../db/connect.ts'
import type { Bus } from '../log/bus.ts'

/** The parts that a process needs in order to serve. */
export interface HealthSources {
  readonly database: Pick<Database, 'openPool'>
  readonly bus: Pick<Bus, 'kind' | 'isConnected'>
}

/** Whether requests should be sent here. */
export interface Readiness {
  readonly status: 'ready' | 'not ready' | 'draining'
  readonly database: 'up' | 'down'
  /** `away` does not make a server unready: events then go by the log, later but complete. */
  readonly bus: 'memory' | 'connected' | 'away'
}

const databaseTimeoutMs = 1_000

/** Looks whether this process can serve: at most one second, whatever the state of the database. */
export type ReadReadiness = (isDraining: boolean) => Promise<Readiness>

/**
 * Creates the look at a process. However often it is called, one question to the database is under way at a time, on a
 * connection of its own: a shared one might be waited for though the database is well.
 */
export function createReadiness({ database, bus }: HealthSources): ReadReadiness {
  const pool = database.openPool({
    applicationName: 'tidings health',
    maxConnections: 1,
    statementMs: databaseTimeoutMs,
  })
  let asking: Promise<boolean> | undefined
  const ask = async (): Promise<boolean> => {
    try {
      await pool.query('select 1')
      return true
    } catch {
      // Whatever the reason is: it does not answer.
      return false
    } finally {
      asking = undefined
    }
  }
  return async (isDraining) => {
    asking ??= ask()
    const isUp = await inTime(asking)
    return {
      status: isDraining ? 'draining' : isUp ? 'ready' : 'not ready',
      database: isUp ? 'up' : 'down',
      bus: bus.kind === 'memory' ? 'memory' : bus.isConnected() ? 'connected' : 'away',
    }
  }
}

async function inTime(answer: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), databaseTimeoutMs)
  })
  const isUp = await Promise.race([answer, tooLate])
  clearTimeout(timer)
  return isUp
}
