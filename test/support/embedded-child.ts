/**
 * A process that owns an embedded PostgreSQL, for tests that end such a process in every way:
 * `node embedded-child.ts DIRECTORY [exit]`. Prints its URL as one line once it has started.
 */
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { silentLogger } from '../../src/logger.ts'

const [dataDir = '', ending = 'wait'] = process.argv.slice(2)
const postgres = await startEmbeddedPostgres({ dataDir, logger: silentLogger })
async function end(): Promise<void> {
  // The database must still respond after a Ctrl-C, which the terminal sends to every process of
  // the group.
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query('create table written_after_interrupt (id integer)')
  await client.end()
  await postgres[Symbol.asyncDispose]()
  console.log('ended in order')
  clearInterval(forever)
}
const forever = setInterval(() => undefined, 60_000)
process.once('SIGINT', () => void end())
console.log(postgres.url)
if (ending === 'exit') process.exit(0)
