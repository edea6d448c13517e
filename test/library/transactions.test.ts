import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { createClient } from 'graphql-ws'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { createTidings, type Tidings } from 'tidings'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { exportReport } from '../../examples/http/tasks.ts'
import * as withDrizzle from '../../examples/transactions/drizzle.ts'
import * as withKysely from '../../examples/transactions/kysely.ts'
import * as withPg from '../../examples/transactions/pg.ts'
import * as withPostgres from '../../examples/transactions/postgres.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startProcess } from '../support/processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The user of a server without tokens. */
const owner = 'local-developer'
const undo = new AsyncDisposableStack()
let database: TestDatabase
let tidings: Tidings
let wsUrl: string
/** Stores a report and starts its export in one transaction of each library; with the id of a stored report it is rolled back. */
let libraries: readonly (readonly [name: string, createReport: (id: string) => Promise<string>])[]

beforeAll(async () => {
  database = undo.use(await createTestDatabase())
  // Long, so that only notifications of the database bring the tasks in time.
  const sweepMs = 60_000
  tidings = undo.use(
    createTidings({
      tasks: [exportReport],
      databaseUrl: database.url,
      logger: silentLogger,
      sweepMs,
      concurrency: { EXPORT_REPORT: 8 },
      maxRunningPerUser: 0,
    }),
  )
  wsUrl = (await tidings.listen({ port: 0 })).wsUrl
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  // `end` does not wait for the end of the connections, which dropping the database terminates.
  pool.on('connect', (client) => client.on('error', () => undefined))
  const kysely = new Kysely<withKysely.Tables>({ dialect: new PostgresDialect({ pool }) })
  // It does not read addresses of Unix sockets.
  const { host, port, user = '', password = '', database: name = '' } = new pg.Client(database.url)
  const sql = postgres({ host, port, user, password, database: name, max: 2 })
  undo.defer(() => sql.end())
  undo.defer(() => pool.end())
  // Checked at the commit, after the task was started.
  await pool.query(`create table report (id text primary key deferrable initially deferred, owner text not null);
    insert into report values ('stored', '')`)
  libraries = [
    ['pg', (id) => withPg.createReport(pool, tidings, id, owner)],
    ['Kysely', (id) => withKysely.createReport(kysely, tidings, id, owner)],
    ['Drizzle', (id) => withDrizzle.createReport(drizzle(pool), tidings, id, owner)],
    ['postgres', (id) => withPostgres.createReport(sql, tidings, id, owner)],
  ]
})
afterAll(() => undo.disposeAsync())

const watch = `subscription ($taskId: ID!) {
  taskProgress(taskId: $taskId, fromStart: true) {
    __typename
    ... on TaskCompleted { result { ... on ExportReportOutput { url pages } } }
  }
}`

/** Subscribes to a task and returns its events other than those of its progress and of the queue. */
async function follow(taskId: string): Promise<readonly unknown[]> {
  const client = createClient({ url: wsUrl, webSocketImpl: WebSocket, retryAttempts: 0 })
  const events: { readonly __typename: string }[] = []
  for await (const { data } of client.iterate<{ taskProgress: { __typename: string } }>({
    query: watch,
    variables: { taskId },
  }))
    if (data) events.push(data.taskProgress)
  await client.dispose()
  return events.filter(({ __typename }) => !['TaskAdvanced', 'TaskQueueMoved'].includes(__typename))
}

const eventsOf = (reportId: string, pages = 20): readonly unknown[] => [
  { __typename: 'TaskQueued' },
  { __typename: 'TaskStarted' },
  { __typename: 'TaskCompleted', result: { url: `https://files.example.com/${reportId}.pdf`, pages } },
]

/** Counts the rows of every table of the database, also of those of the queue. */
async function countRows(): Promise<Readonly<Record<string, number>>> {
  const { pool } = database.database
  const tables = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  )
  const counts = await Promise.all(
    tables.rows.map(async ({ name }) => {
      const { rows } = await pool.query<{ count: number }>(`select count(*) as count from ${name}`)
      return [name, rows[0]?.count ?? 0] as const
    }),
  )
  return Object.fromEntries(counts)
}

test('transactions that are rolled back a thousand times leave nothing', async () => {
  const before = await countRows()
  expect(before).toMatchObject({ 'tidings.task': 0, 'tidings.event': 0, 'tidings.topic': 0, 'tidings.worker': 1 })
  await Promise.all(
    libraries.map(async ([name, createReport]) => {
      for (let count = 0; count < 250; count++)
        await expect(createReport('stored'), name).rejects.toThrow(/report_pkey|Failed query: commit/)
    }),
  )
  expect(await countRows()).toEqual(before)
})

test('a worker runs the tasks of committed transactions, and subscribers receive all events', async () => {
  const ids = await Promise.all(libraries.map(([name, createReport]) => createReport(name)))
  const followed = await Promise.all(ids.map(follow))
  expect(followed).toEqual(libraries.map(([name]) => eventsOf(name)))
})

test('a trigger starts a task, once for its key', async () => {
  const { pool } = database.database
  await pool.query(await readFile(`${root}/examples/transactions/trigger.sql`, 'utf8'))
  await pool.query('insert into report (id, owner) values ($1, $2)', ['of a trigger', owner])
  await pool.query('drop trigger report_export on report')
  const { rows } = await pool.query<{ id: string }>(
    `select id from tidings.task where input = '{"reportId": "of a trigger"}'`,
  )
  expect(rows).toHaveLength(1)
  expect(await follow(rows[0]?.id ?? '')).toEqual(eventsOf('of a trigger'))
  const again = `select tidings.start_task('EXPORT_REPORT', '{"reportId": "of a trigger"}', $1, 'export of a trigger') as id`
  expect((await pool.query(again, [owner])).rows).toEqual(rows)
})

test('a process that is neither server nor worker starts a task with a connection of its own', async () => {
  await using child = startProcess(new URL('../support/start-child.ts', import.meta.url), [database.url, 'r_1', owner])
  const taskId = await child.readLine()
  expect(await child.readLine()).toBe('committed')
  expect(await follow(taskId)).toEqual(eventsOf('r_1', 2))
  expect(await child.ended).toBe(0)
})

test('a subscription before the commit is refused', async () => {
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query('begin')
  const { id } = await tidings.start(exportReport, { reportId: 'r_2', pages: 1 }, { owner, transaction: client })
  await expect(follow(id)).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
  await client.query('commit')
  await client.end()
  expect(await follow(id)).toEqual(eventsOf('r_2', 1))
})
