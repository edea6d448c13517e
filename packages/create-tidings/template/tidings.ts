import { createTidings } from 'tidings'
import { exportReport } from './tasks.ts'

/** The server. Without DATABASE_URL, a PostgreSQL of its own keeps its data in `.data`. */
export const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
