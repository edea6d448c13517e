/**
 * A process that is neither a server nor a worker and starts a task in a transaction: `node start-child.ts DATABASE_URL REPORT OWNER`.
 * Prints the id of the task before the commit, and `committed` after it.
 */
import pg from 'pg'
import { createTidings } from 'tidings'
import { exportReport } from '../../examples/http/tasks.ts'

const [url = '', reportId = '', owner = ''] = process.argv.slice(2)
const client = new pg.Client(url)
await client.connect()
await client.query('begin')
// Its database is never used: the transaction has a connection of its own.
const tidings = createTidings({ tasks: [exportReport], databaseUrl: 'postgres://127.0.0.1:1/none' })
const { id } = await tidings.start(exportReport, { reportId, pages: 2 }, { owner, transaction: client })
console.log(id)
await client.query('commit')
console.log('committed')
await client.end()
