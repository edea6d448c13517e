import { createTidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

export const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
