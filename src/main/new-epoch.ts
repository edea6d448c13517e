import { parseConfig } from '../config.ts'
import { connectDatabase } from '../db/connect.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { renewEpoch } from '../db/epoch.ts'
import { migrate } from '../db/migrate.ts'
import { isTidingsError } from '../errors.ts'
import { createLogger } from '../logger.ts'

const usage = `Begins another life of the log, after a backup was restored: cursors given out before are answered with a snapshot.

Usage: npm run db:new-epoch          stop all servers first; DATABASE_URL or DATA_DIR say which database
`

if (process.argv.includes('--help')) process.stdout.write(usage)
else
  try {
    const config = parseConfig({ ...process.env, ROLE: 'all' })
    const logger = createLogger({ level: 'warn', production: false })
    await using stack = new AsyncDisposableStack()
    const url = config.DATABASE_URL ?? stack.use(await startEmbeddedPostgres({ dataDir: config.DATA_DIR, logger })).url
    const database = stack.use(await connectDatabase({ url, maxConnections: 2, logger }))
    await migrate(database, logger)
    process.stdout.write(`The log’s epoch is now ${await renewEpoch(database)}. Start the servers again.\n`)
  } catch (error) {
    process.stderr.write(`${isTidingsError(error) ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
