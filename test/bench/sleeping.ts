/**
 * Measures the cost of followed topics without events: `node --expose-gc test/bench/sleeping.ts`.
 *
 * 10,000 groups of live delivery with one subscriber each, over the feeds of an engine on an
 * embedded PostgreSQL, without sockets: the topic is measured, not its reader. Prints the heap per
 * topic, and processor time while no events are published.
 */
import { parse } from 'graphql'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import type { Sink } from '../../src/live/deliver/sink.ts'
import { createFeeds } from '../../src/log/feed.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { createApplications } from '../../src/studio/applications.ts'
import { studioMigrations } from '../../src/studio/migrations.ts'
import { startEngine } from '../../src/tasks/engine.ts'
import { emptyProgress } from '../../src/tasks/model/task.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { createTestDirectory } from '../support/directory.ts'
import { query } from './protocol.ts'

const topics = 10_000
const idleMs = 15_000
const heap = (): number => {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
await using directory = await createTestDirectory({ isOnDisk: true })
await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
await using database = await connectDatabase({ url: postgres.url, maxConnections: 6, logger: silentLogger })
await migrate(database, silentLogger)
await migrate(database, silentLogger, studioMigrations)
const config = { ...parseConfig({ NODE_ENV: 'test' }), ROLE: 'server' as const }
await using engine = await startEngine({ config, database, definitions: [], logger: silentLogger })
const services = { engine, ...createApplications(engine), limits: { maxUploadBytes: 1, headStartMs: () => 0 } }
const live = createLiveDelivery(services, config, silentLogger)
const tasks = Array.from({ length: topics }, (_, index) => `task_${index}`)
await database.pool.query(`insert into tidings.topic (name) select 'task:' || unnest($1::text[])`, [tasks])
await database.pool.query(
  `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
   select unnest($1::text[]), 'CREATE_ROADMAP', 'RUNNING', $2, '{}', 1, 3, $3, now(), now()`,
  [tasks, localDeveloper.userId, JSON.stringify(emptyProgress)],
)

const before = heap()
{
  await using feeds = createFeeds({ ...engine, checkMs: 3_600_000, logger: silentLogger })
  const listener = { onEvents: () => undefined, onReset: () => undefined }
  await Promise.all(tasks.map((id) => feeds.attach(`task:${id}`, listener)))
  console.log(`a feed alone: ${Math.round((heap() - before) / topics)} bytes each`)
}

let sent = 0
const sink: Sink = {
  isFull: () => false,
  write: ({ payloads }) => {
    sent += payloads.length
  },
  drained: (listener) => listener(),
  refine: (error) => error,
  opened: () => undefined,
  closed: () => undefined,
}
const document = parse(query)
const empty = heap()
const operationId = Buffer.from('"1"')
const iterators = await Promise.all(
  tasks.map(async (taskId) => {
    const contextValue = {
      ...createContext(services, localDeveloper, { catchUp: false }),
      sinkOperation: { sink, operationId, number: 1 },
    }
    const result = await live.subscribe({ schema, document, contextValue, variableValues: { taskId } })
    if (!(Symbol.asyncIterator in result)) throw new Error('It did not subscribe')
    const iterator = result[Symbol.asyncIterator]()
    void iterator.next()
    return iterator
  }),
)
while (sent < topics) await new Promise((resolve) => setTimeout(resolve, 100))
console.log(`a feed, its group and one subscriber: ${Math.round((heap() - empty) / topics)} bytes each`)
const cpu = process.cpuUsage()
await new Promise((resolve) => setTimeout(resolve, idleMs))
const { user, system } = process.cpuUsage(cpu)
console.log(`${topics} of them, in which nothing happens: ${((user + system) / idleMs / 10).toFixed(2)} % of a core`)
for (const iterator of iterators) await iterator.return?.()
