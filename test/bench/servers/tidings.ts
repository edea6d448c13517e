/**
 * The real Tidings: its server, engine and live delivery, on the PostgreSQL of `DATABASE_URL`, with
 * Redis as its bus when `REDIS_URL` is set. Only the events are produced here instead of by a
 * worker:
 *
 * - `BENCH_APPEND` set: through the real appender, so through PostgreSQL, the bus, the feeds and
 *   the groups;
 * - otherwise published directly on the bus, with the seq that the appender would have assigned, so
 *   that fan-out alone is measured, as with the other servers. The comparison of feeds with the log
 *   is disabled meanwhile, as these events are not in the log.
 */
import { createContext, schema } from '../../../schema/studio/index.ts'
import { parseConfig } from '../../../src/config.ts'
import { connectDatabase } from '../../../src/db/connect.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { createLogger, silentLogger } from '../../../src/logger.ts'
import { createLiveDelivery } from '../../../src/main/app.ts'
import { startServer } from '../../../src/server/server.ts'
import { createApplications } from '../../../src/studio/applications.ts'
import { studioMigrations } from '../../../src/studio/migrations.ts'
import { startEngine } from '../../../src/tasks/engine.ts'
import { emptyProgress, taskTopic } from '../../../src/tasks/model/task.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { eventPayload } from '../protocol.ts'
import { serve } from './serve.ts'

const isAppending = process.env['BENCH_APPEND'] !== undefined
const topics = Number(process.env['BENCH_TOPICS'] ?? '1')
const config = {
  ...parseConfig({
    ...process.env,
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    ROLE: 'server',
    FIRST_RUN: 'false',
    REDIS_URL: isAppending ? process.env['REDIS_URL'] : undefined,
    MAX_SOCKETS_PER_ADDRESS: '100000',
    MAX_SOCKETS_PER_VIEWER: '100000',
    MAX_SOCKET_WORK: '1000000000',
    MAX_VIEWER_WORK: '1000000000',
    MAX_ADDRESS_WORK: '1000000000',
  }),
  CHECK_MS: isAppending ? 3_000 : 3_600_000,
}
const logger =
  process.env['BENCH_LOG'] === undefined ? silentLogger : createLogger({ level: config.LOG_LEVEL, production: false })
const database = await connectDatabase({ url: config.DATABASE_URL ?? '', maxConnections: 10, logger })
await migrate(database, logger)
await migrate(database, logger, studioMigrations)
const engine = await startEngine({ config, database, definitions: [], logger })
const services = {
  engine,
  ...createApplications(engine),
  limits: { maxUploadBytes: config.MAX_UPLOAD_BYTES, headStartMs: () => 0 },
}
const server = await startServer({
  config,
  schema,
  live: createLiveDelivery(services, config, logger),
  createContext: (viewer, options) => createContext(services, viewer, options),
  health: { database, bus: engine.bus },
  logger,
})

const run = Date.now().toString(36)
const tasks = Array.from({ length: topics }, (_, index) => `task_${run}_${index}`)
await database.pool.query(`insert into tidings.topic (name) select 'task:' || unnest($1::text[])`, [tasks])
await database.pool.query(
  `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at, started_at)
   select unnest($1::text[]), 'CREATE_ROADMAP', 'RUNNING', $2, '{}', 1, 3, $3, now(), now(), now()`,
  [tasks, localDeveloper.userId, JSON.stringify(emptyProgress)],
)
const seqs = new Uint32Array(topics)
const append = async (topic: string, seq: number): Promise<void> => {
  const result = await engine.appender.append({
    topic,
    events: [{ type: 'TaskAdvanced', payload: eventPayload(seq) }],
  })
  if (!result.accepted) throw new Error(`The append to ${topic} was refused`)
}
const publish = (topic: string, seq: number): void =>
  engine.bus.publish(topic, [
    { topic, seq, type: 'TaskAdvanced', at: new Date().toISOString(), payload: eventPayload(seq) },
  ])
serve({
  port: server.port,
  tasks,
  publish(index) {
    const topic = taskTopic(tasks[index] ?? '')
    const seq = (seqs[index] ?? 0) + 1
    seqs[index] = seq
    return isAppending ? append(topic, seq) : publish(topic, seq)
  },
})
