/**
 * Measures how long the service stops when a database of a version with all tables in one schema is moved to schemas of their own:
 * `node bin/run.js test/bench/move-tables.ts`, the times in `docs/guide/upgrading.md`. Its argument is the number of events, by
 * default 1,000,000; a tenth as many tasks and objects exist.
 */
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { studioMigrations } from '../../src/studio/migrations.ts'
import { createTestDirectory } from '../support/directory.ts'
import { applyLegacyMigrations } from '../support/legacy-migrations.ts'

const events = Number(process.argv[2] ?? 1_000_000)
const perTask = 10
await using directory = await createTestDirectory({ isOnDisk: true })
await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
await using database = await connectDatabase({
  url: postgres.url,
  maxConnections: 2,
  statementMs: 1_800_000,
  logger: silentLogger,
})
const client = await database.pool.connect()
await client.query('set search_path = public')
await applyLegacyMigrations(client, '0029')
await client.query(
  `insert into task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at, finished_at)
   select 'task_' || n, 'EXPORT_REPORT', 'COMPLETED', 'user ' || n % 1000, '{}', 3, '{"percent": 100}', now(), now(), now()
   from generate_series(1, $1) n`,
  [events / perTask],
)
await client.query(
  `insert into topic (name, seq, closed) select 'task:task_' || n, $2, true from generate_series(1, $1) n`,
  [events / perTask, perTask],
)
await client.query(
  `insert into event (topic, seq, type, at, payload)
   select 'task:task_' || n, seq, 'TaskAdvanced', now(), '{"progress": {"percent": 50, "message": "Page 7 of 12"}}'
   from generate_series(1, $1) n, generate_series(1, $2) seq`,
  [events / perTask, perTask],
)
await client.query(
  `insert into document (id, owner, name, status, title, size_bytes, original)
   select 'document_' || n, 'user ' || n % 1000, 'a.md', 'READY', 'A', 1000, convert_to(repeat('tide ', 200), 'UTF8')
   from generate_series(1, $1) n`,
  [events / perTask],
)
await client.query('vacuum analyze')
const { rows } = await client.query<{ size: string }>(
  'select pg_size_pretty(pg_database_size(current_database())) as size',
)
client.release(true)
const startedAt = performance.now()
const applied = [
  ...(await migrate(database, silentLogger)),
  ...(await migrate(database, silentLogger, studioMigrations)),
]
const tookMs = Math.round(performance.now() - startedAt)
console.log(`${events} events, ${rows[0]?.size}: ${applied.join(', ')} in ${tookMs} ms`)
