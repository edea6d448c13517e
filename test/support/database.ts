import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'

/**
 * A separate database for one test, migrated. Disposing drops it, regardless of open connections.
 */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly database: Database
}

/**
 * Creates a database for one test or one test file, as a clone of the run's template.
 *
 * @param options.empty - true omits the tables, for tests of the migrations themselves
 * @param options.maxConnections - of `database`; 20 by default
 * @param options.searchPath - of all connections; `public` by default, where none of the tables of Tidings are
 */
export async function createTestDatabase(
  options: { empty?: boolean; maxConnections?: number; searchPath?: string } = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  const template = new URL(inject('templateUrl'))
  const source = options.empty === true ? 'template0' : template.pathname.slice(1)
  // Cheaper than the default, which writes every page to the WAL.
  await administrate(`create database ${name} template ${source} strategy file_copy`)
  const url = new URL(template)
  url.pathname = `/${name}`
  if (options.searchPath !== undefined)
    await administrate(`alter role ${template.username} in database ${name} set search_path = ${options.searchPath}`)
  const drop = () => administrate(`drop database if exists ${name} with (force)`)
  try {
    const database = await connectDatabase({
      url: url.href,
      maxConnections: options.maxConnections ?? 20,
      // A machine may be slow, and some tests hold a lock for a while.
      statementMs: 60_000,
      logger: silentLogger,
    })
    return {
      url: url.href,
      database,
      [Symbol.asyncDispose]: async () => {
        await database[Symbol.asyncDispose]()
        await drop()
      },
    }
  } catch (error) {
    await drop()
    throw error
  }
}

let administration: pg.Pool | undefined

/**
 * Runs one statement in the database `postgres`, which no test uses, on a dedicated connection of
 * this test process.
 */
async function administrate(statement: string): Promise<void> {
  if (administration === undefined) {
    const url = new URL(inject('templateUrl'))
    url.pathname = '/postgres'
    administration = new pg.Pool({
      connectionString: url.href,
      max: 1,
      idleTimeoutMillis: 60_000,
      allowExitOnIdle: true,
    })
    // At the end of the run PostgreSQL may end before this process does.
    administration.on('error', () => undefined)
  }
  await administration.query(statement)
}
