import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Database } from './connect.ts'

/** One step of the schema, from a file `NNNN_name.sql`. */
interface Migration {
  readonly id: number
  readonly name: string
  readonly file: string
  readonly sql: string
  readonly checksum: string
}
interface AppliedMigration {
  readonly id: number
  readonly name: string
  readonly checksum: string
}

const ownMigrations = fileURLToPath(new URL('./migrations', import.meta.url))
/**
 * An arbitrary number that no other lock in the database may use ("tidings" in ASCII, first four
 * bytes).
 */
const lockKey = 0x74696469
/**
 * Maximum time of one statement of a migration, and of the wait for another migrating process;
 * milliseconds.
 */
export const migrationMs = 600_000

/**
 * Migrates the schema of a database to this version of the code. Forward only; each file runs in
 * its own transaction. Servers may start concurrently: one migrates, the others wait for it.
 *
 * @param options.directory - folder of files `NNNN_name.sql`; default `src/db/migrations`
 * @returns the names of the files applied by this call
 * @throws TidingsError `BAD_CONFIGURATION` when the database is newer than the code, or an applied
 *   file has changed
 */
export async function migrate(
  database: Pick<Database, 'openPool'>,
  logger: Logger,
  options: { directory?: string } = {},
): Promise<readonly string[]> {
  const migrations = await readMigrations(options.directory ?? ownMigrations)
  const pool = database.openPool({
    applicationName: 'tidings migrate',
    maxConnections: 1,
    statementMs: migrationMs,
    isDirect: true,
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => pool.end())
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey])
    // All tables are in the schema of the first one. By default, new ones would be in `tidings` for a role of that name, where
    // `migration` is a view.
    await client.query(
      `select set_config('search_path', quote_ident(coalesce(
         (select schema from unnest(current_schemas(false)) with ordinality as path (schema, place)
          join pg_class on relname = 'migration' and relkind = 'r' and relnamespace = quote_ident(schema)::regnamespace
          order by place limit 1),
         current_schema()
       )), false)`,
    )
    await client.query(
      `create table if not exists migration (
        id integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`,
    )
    const { rows: appliedMigrations } = await client.query<AppliedMigration>(
      'select id, name, checksum from migration order by id',
    )
    checkHistory(migrations, appliedMigrations)
    const pending = migrations.slice(appliedMigrations.length)
    for (const migration of pending) await apply(client, migration, logger)
    await client.query('select pg_advisory_unlock($1)', [lockKey])
    return pending.map((migration) => migration.file)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    // After a failure the connection is closed, which releases the lock in any state.
    client.release(failure)
  }
}

/** Whether the database has been migrated before, by any version. */
export async function hasTables(database: Pick<Database, 'pool'>): Promise<boolean> {
  const { rows } = await database.pool.query<{ exists: boolean }>(
    `select to_regclass('migration') is not null as exists`,
  )
  return rows[0]?.exists === true
}

async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).sort()
  const migrations = await Promise.all(
    files.map(async (file): Promise<Migration> => {
      const [, digits, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file) ?? []
      if (digits === undefined || name === undefined)
        throw new Error(`The migration ${file} is not named like 0001_what_it_does.sql`)
      // Git may check files out with other line endings; that is not a change.
      const sql = (await readFile(`${directory}/${file}`, 'utf8')).replaceAll('\r\n', '\n')
      return { id: Number(digits), name, file, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
  for (const [index, migration] of migrations.entries())
    if (migration.id !== index + 1)
      throw new Error(`The migration ${migration.file} should have the number ${index + 1}: no gaps, no number twice`)
  return migrations
}

/** Throws unless the applied migrations are a prefix of the known ones. */
function checkHistory(migrations: readonly Migration[], appliedMigrations: readonly AppliedMigration[]): void {
  for (const [index, row] of appliedMigrations.entries()) {
    const migration = migrations[index]
    if (migration === undefined || row.id > migrations.length)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The database has migration ${row.id} (${row.name}), and this version of Tidings knows only ${migrations.length}; run a newer version, or use another database`,
        { migration: row.id },
      )
    if (migration.id !== row.id || migration.checksum !== row.checksum)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The migration ${migration.file} has changed since it was applied to this database (as ${row.id}, ${row.name}); restore the file and put the change into a new one`,
        { migration: row.id },
      )
  }
}

async function apply(client: pg.PoolClient, migration: Migration, logger: Logger): Promise<void> {
  const startedAt = performance.now()
  try {
    await client.query('begin')
    await client.query(migration.sql)
    await client.query('insert into migration (id, name, checksum) values ($1, $2, $3)', [
      migration.id,
      migration.name,
      migration.checksum,
    ])
    await client.query('commit')
  } catch (error) {
    throw new Error(`The migration ${migration.file} failed: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
  logger.info({ migration: migration.file, tookMs: Math.round(performance.now() - startedAt) }, 'applied migration')
}
