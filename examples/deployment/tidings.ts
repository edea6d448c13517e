import { createTidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

export const tidings = createTidings({
  tasks: [exportReport],
  nodeEnv: 'production',
  databaseUrl: process.env['DATABASE_URL'],
  // Only behind PgBouncer: the address of PostgreSQL itself.
  databaseDirectUrl: process.env['DATABASE_DIRECT_URL'],
  redisUrl: process.env['REDIS_URL'],
  jwtSecret: process.env['JWT_SECRET'],
  allowedOrigins: ['https://app.example.com'],
  // Only when clients can reach the servers through the proxy alone.
  trustProxy: true,
  // `npx tidings migrate` does it, once per deployment.
  migrateAtStart: false,
})
