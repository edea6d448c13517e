import { DEFAULT_SCHEMA, runMigrations } from 'bullmq'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { studioMigrations } from '../../src/studio/migrations.ts'
import { createTestDirectory } from './directory.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * The migrated database from which test databases are cloned, on the PostgreSQL server of this
     * run.
     */
    templateUrl: string
  }
}

const undo = new AsyncDisposableStack()

/** Starts one real PostgreSQL server for the run, and migrates its database `tidings` once. */
export async function setup(project: TestProject): Promise<void> {
  const directory = undo.use(await createTestDirectory())
  const postgres = undo.use(
    await startEmbeddedPostgres({
      dataDir: directory.join('data'),
      logger: silentLogger,
      // Nothing here has to outlive a crash of the machine.
      settings: {
        max_connections: '500',
        fsync: 'off',
        full_page_writes: 'off',
        wal_level: 'minimal',
        max_wal_senders: '0',
      },
    }),
  )
  await using template = await connectDatabase({ url: postgres.url, maxConnections: 1, logger: silentLogger })
  await migrate(template, silentLogger)
  await migrate(template, silentLogger, studioMigrations)
  // Every engine would create BullMQ's tables otherwise, a tenth of a second each.
  const client = await template.pool.connect()
  await runMigrations(client, DEFAULT_SCHEMA)
  client.release()
  const { username, password } = new URL(postgres.url)
  // Thousands of connections are opened in a run: their passwords need not resist guessing. A statement that does not name
  // the schema of a table fails, also if the role has the name of a schema.
  await template.pool.query(
    `alter role ${pg.escapeIdentifier(username)} set search_path = public; set scram_iterations = 1; alter role ${pg.escapeIdentifier(username)} password ${pg.escapeLiteral(decodeURIComponent(password))}`,
  )
  project.provide('templateUrl', postgres.url)
}

/** Stops the server and removes its files. */
export async function teardown(): Promise<void> {
  await undo.disposeAsync()
}
