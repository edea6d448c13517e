import { parseConfig } from '../config.ts'
import { connectDatabase } from '../db/connect.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { migrate } from '../db/migrate.ts'
import { isTidingsError } from '../errors.ts'
import { createAppender } from '../log/append.ts'
import { createLogger } from '../logger.ts'
import { rebuildAnalytics } from '../studio/analytics/rebuild.ts'

const usage = `Counts the figures of quizzes anew, from the logs of tasks and reviews.

Usage: npm run analytics:rebuild     DATABASE_URL or DATA_DIR say which database

Servers may go on with a database of its own; with the embedded one, stop the server first. What was counted of logs that are
no longer kept (RETENTION_HOURS) stays as it is.
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
    // Servers find in the log what is told of it, at their next comparison.
    const appender = stack.use(createAppender({ database, logger, publish: () => undefined }))
    const { counted, kept } = await rebuildAnalytics({ database, appender })
    const partly = kept === 0 ? '' : `; of ${kept}, whose beginning is no longer kept, what is left`
    process.stdout.write(`Counted ${counted} logs anew${partly}.\n`)
  } catch (error) {
    process.stderr.write(`${isTidingsError(error) ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
