import {
  connectDatabase,
  createLogger,
  type Database,
  describeDatabaseUrl,
  hasTables,
  isTidingsError,
  type Logger,
  migrate,
  startEmbeddedPostgres,
  TidingsError,
} from '../engine.ts'
import { parseConfig } from '../environment.ts'
import { studioMigrations } from '../studio/migrations.ts'
import { readEnvironment } from './environment.ts'

/** The timeout of one statement: a command may process all rows of a table. */
const maintenanceStatementMs = 600_000

/**
 * Runs a command on an existing database, embedded or not, and prints its result. Exits with code 1
 * and the reason when it fails, also when the database does not exist: a command that creates an
 * empty one would report success on the wrong data.
 *
 * @param options.usage - printed for `--help`, instead of running the command
 * @param options.work - returns the text printed at the end
 */
export async function runMaintenance(options: {
  readonly usage: string
  readonly work: (parts: { readonly database: Database; readonly logger: Logger }) => Promise<string>
}): Promise<void> {
  if (process.argv.includes('--help')) return void process.stdout.write(options.usage)
  try {
    const config = parseConfig({ ...readEnvironment(), ROLE: 'all' })
    const logger = createLogger({ level: 'warn', production: false })
    await using stack = new AsyncDisposableStack()
    const url =
      config.DATABASE_URL ??
      stack.use(await startEmbeddedPostgres({ dataDir: config.DATA_DIR, logger, mustExist: true })).url
    const database = stack.use(
      await connectDatabase({
        url,
        schema: config.DATABASE_SCHEMA,
        maxConnections: 2,
        statementMs: maintenanceStatementMs,
        logger,
      }),
    )
    if (!(await hasTables(database)))
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The database ${describeDatabaseUrl(url)} has no tables of Tidings; correct DATABASE_URL, or restore the backup first`,
      )
    await migrate(database, logger)
    await migrate(database, logger, studioMigrations)
    process.stdout.write(`${await options.work({ database, logger })}\n`)
  } catch (error) {
    process.stderr.write(`${isTidingsError(error) ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
