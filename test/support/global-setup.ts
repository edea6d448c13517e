import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The migrated database that test databases are cloned from, on the PostgreSQL server of this run. */
    templateUrl: string
  }
}

const undo = new AsyncDisposableStack()

/** Starts one real PostgreSQL server for the run, and brings its database `tidings` up to date once. */
export async function setup(project: TestProject): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-test-'))
  undo.defer(() => rm(directory, { recursive: true, force: true }))
  // As root, PostgreSQL runs as another user, who has to pass through.
  await chmod(directory, 0o755)
  const postgres = undo.use(
    await startEmbeddedPostgres({
      dataDir: join(directory, 'data'),
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
  project.provide('templateUrl', postgres.url)
}

/** Ends the server and removes its files. */
export async function teardown(): Promise<void> {
  await undo.disposeAsync()
}
