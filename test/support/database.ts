import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'

/** A database of one test's own, migrated. Disposing drops it, whoever is still connected. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly database: Database
}

/**
 * Makes a database for one test or one file of tests, as a clone of the run's template.
 *
 * @param options.empty - true leaves the tables out, for tests of the migrations themselves
 * @param options.maxConnections - of `database`; 20 by default
 */
export async function createTestDatabase(
  options: { empty?: boolean; maxConnections?: number } = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  const template = new URL(inject('templateUrl'))
  const source = options.empty === true ? 'template0' : template.pathname.slice(1)
  // Cheaper than the default, which writes every page to the WAL.
  await administrate(`create database ${name} template ${source} strategy file_copy`)
  const url = new URL(template)
  url.pathname = `/${name}`
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

/** Runs one statement in the database `postgres`, which no test uses. */
async function administrate(statement: string): Promise<void> {
  const url = new URL(inject('templateUrl'))
  url.pathname = '/postgres'
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
