import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { type Engine, type EngineConfig, startEngine } from '../../src/tasks/engine.ts'
import type { TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { createTestDirectory } from '../support/directory.ts'

/** The default settings of the engine, without limits on starts. */
export const benchConfig: EngineConfig = {
  ROLE: 'all',
  REDIS_URL: undefined,
  REDIS_PUBSUB: 'sharded',
  REDIS_TLS_CA: undefined,
  REDIS_TLS_CERT: undefined,
  REDIS_TLS_KEY: undefined,
  QUEUE_PREFIX: undefined,
  QUEUE_BACKEND: 'postgres',
  COALESCE_MS: 50,
  LEASE_MS: 10_000,
  SWEEP_MS: 2_000,
  CHECK_MS: 3_000,
  QUEUE_MOVED_MS: 300,
  MAX_RUNNING_PER_USER: 0,
  CONCURRENCY: {},
  MAX_STARTS_PER_MINUTE: 1_000_000,
  IDEMPOTENCY_HOURS: 24,
  TASK_RETENTION_DAYS: {},
}

/**
 * A migrated embedded PostgreSQL with its default settings, `synchronous_commit` on. Disposing
 * removes it.
 */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string
  readonly database: Database
}

/** Starts the database of one measurement. */
export async function startBenchDatabase(): Promise<BenchDatabase> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory({ isOnDisk: true }))
  const postgres = stack.use(await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger }))
  const database = stack.use(await connectDatabase({ url: postgres.url, maxConnections: 20, logger: silentLogger }))
  await migrate(database, silentLogger)
  const opened = stack.move()
  return { url: postgres.url, database, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Starts an engine on a database with the default settings, overridden by `config`. */
export function startBenchEngine(
  database: Database,
  definitions: readonly TaskDefinition[],
  config: Partial<EngineConfig> = {},
): Promise<Engine> {
  return startEngine({ config: { ...benchConfig, ...config }, database, definitions, logger: silentLogger })
}
