import pg from 'pg'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { applyLegacyMigrations } from './legacy-migrations.ts'

/** A database of a version that had all tables in one schema. */
export interface LegacyDatabase extends TestDatabase {
  /** Applies the legacy migrations before a number, as those versions did. */
  migrateBefore(number: string): Promise<void>
}

/**
 * Creates a database for the legacy migrations. Its `search_path` is the schema of its tables, so that statements of those versions
 * find them.
 *
 * @param options.schema - of all tables; `public` by default
 */
export async function createLegacyDatabase({ schema = 'public' }: { schema?: string } = {}): Promise<LegacyDatabase> {
  const test = await createTestDatabase({ empty: true, searchPath: schema })
  if (schema !== 'public') await test.database.pool.query(`create schema ${schema}`)
  return {
    ...test,
    async migrateBefore(number) {
      const client = new pg.Client(test.url)
      await client.connect()
      try {
        await applyLegacyMigrations(client, number)
      } finally {
        await client.end()
      }
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  }
}
