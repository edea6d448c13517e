import { createTidings, type Tidings } from 'tidings'
import { exportReport } from './tasks.ts'

const shared = globalThis as { tidings?: Tidings }

/** One instance per process: Next.js loads a module anew for each bundle, and in development after each change. */
export const tidings: Tidings =
  shared.tidings ?? createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
shared.tidings = tidings
