import type { Database } from '../db/connect.ts'
import type { Bus } from '../log/bus.ts'

/** The parts that a process needs in order to serve. */
export interface HealthSources {
  readonly database: Pick<Database, 'pool'>
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

/** Looks whether this server can serve: at most one second, whatever the state of the database. */
export async function readReadiness({ database, bus }: HealthSources, isDraining: boolean): Promise<Readiness> {
  const isUp = await answersInTime(database)
  return {
    status: isDraining ? 'draining' : isUp ? 'ready' : 'not ready',
    database: isUp ? 'up' : 'down',
    bus: bus.kind === 'memory' ? 'memory' : bus.isConnected() ? 'connected' : 'away',
  }
}

async function answersInTime(database: Pick<Database, 'pool'>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), databaseTimeoutMs)
  })
  const answer = database.pool.query('select 1').then(
    () => true,
    () => false,
  )
  const isUp = await Promise.race([answer, tooLate])
  clearTimeout(timer)
  return isUp
}
