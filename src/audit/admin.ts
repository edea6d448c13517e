import type { Bus } from '../bus/bus.ts'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'
import { type Audit, createAudit } from './audit.ts'
import { createStatisticsExchange, type StatisticsExchange } from './server-statistics.ts'

/** The administrators' view of a process: connection statistics and the audit log. */
export interface Admin extends AsyncDisposable {
  readonly audit: Audit
  readonly serverStatistics: StatisticsExchange
}

/**
 * Opens both. Disposing writes pending audit entries and removes this process from the statistics.
 */
export function createAdmin(options: {
  readonly database: Pick<Database, 'pool'>
  readonly bus: Bus
  readonly logger: Logger
}): Admin {
  const audit = createAudit(options)
  const serverStatistics = createStatisticsExchange(options)
  return {
    audit,
    serverStatistics,
    async [Symbol.asyncDispose]() {
      await serverStatistics[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}
