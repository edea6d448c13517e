import type { Database } from '../db/connect.ts'
import type { Bus } from '../log/bus.ts'
import type { Logger } from '../logger.ts'
import { type Audit, createAudit } from './audit.ts'
import { type Census, createCensus } from './census.ts'

/** What administrators see of a process: who is connected, and what happened at the door. */
export interface Admin extends AsyncDisposable {
  readonly audit: Audit
  readonly census: Census
}

/** Opens both. Disposing writes down what waits, and counts this process out. */
export function createAdmin(options: {
  readonly database: Pick<Database, 'pool'>
  readonly bus: Bus
  readonly logger: Logger
}): Admin {
  const audit = createAudit(options)
  const census = createCensus(options)
  return {
    audit,
    census,
    async [Symbol.asyncDispose]() {
      await census[Symbol.asyncDispose]()
      await audit[Symbol.asyncDispose]()
    },
  }
}
