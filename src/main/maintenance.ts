import { parseConfig } from '../config.ts'
import { connectDatabase, type Database } from '../db/connect.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { migrate } from '../db/migrate.ts'
import { isTidingsError } from '../errors.ts'
import { createLogger, type Logger } from '../logger.ts'

/** Longest time of one statement: a command may work on all rows of a table. */
const maintenanceStatementMs = 600_000

/**
 * Runs a command on the database that the settings name, embedded or not, and prints what it has to say. Exit code 1, with the reason,
 * when it could not.
 *
 * @param options.usage - printed instead of doing anything for `--help`
 * @param options.work - returns what is printed at the end
 */
export async function runMaintenance(options: {
  readonly usage: string
  readonly work: (parts: { readonly database: Database; readonly logger: Logger }) => Promise<string>
}): Promise<void> {
  if (process.argv.includes('--help')) return void process.stdout.write(options.usage)
  try {
    const config = parseConfig({ ...process.env, ROLE: 'all' })
    const logger = createLogger({ level: 'warn', production: false })
    await using stack = new AsyncDisposableStack()
    const url = config.DATABASE_URL ?? stack.use(await startEmbeddedPostgres({ dataDir: config.DATA_DIR, logger })).url
    const database = stack.use(
      await connectDatabase({ url, maxConnections: 2, statementMs: maintenanceStatementMs, logger }),
    )
    await migrate(database, logger)
    process.stdout.write(`${await options.work({ database, logger })}\n`)
  } catch (error) {
    process.stderr.write(`${isTidingsError(error) ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
