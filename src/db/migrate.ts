import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { engineSchema, nameSchema } from '../schema-name.ts'
import type { Database } from './connect.ts'

/** A folder of migrations, and the schema whose tables they create. */
export interface MigrationSeries {
  /** Its files are named `NNNN_what_it_does.sql`, without gaps, and name the schema of every table. */
  readonly directory: string
  /** As the files name it. Its table `migration` records the files that were applied. */
  readonly schema: string
  /**
   * A table of the first file. Where it exists without a record, the last legacy migration has moved it there: the file is recorded
   * without being applied.
   */
  readonly firstTable: string
}

/** One step of a schema, from a file `NNNN_name.sql`. */
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

const engineMigrations: MigrationSeries = {
  directory: fileURLToPath(new URL('./migrations', import.meta.url)),
  schema: engineSchema,
  firstTable: 'task',
}
/**
 * The migrations of the versions that had all tables, also those of the applications, in one schema, mostly `public`. They bring
 * databases of those versions up to the last one, which moves the tables to schemas of their own. No file is added.
 */
const legacyDirectory = fileURLToPath(new URL('./legacy', import.meta.url))
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
 * Migrates a schema of a database to this version of the code. Forward only; each file runs in its own transaction. Servers may start
 * concurrently: one migrates, the others wait for it.
 *
 * @param series - by default that of the engine, which first moves the tables of a version that had all of them in one schema
 * @returns the names of the files applied by this call
 * @throws TidingsError `BAD_CONFIGURATION` when the database is newer than the code, or an applied file has changed
 */
export async function migrate(
  database: Pick<Database, 'openPool' | 'schema'>,
  logger: Logger,
  series: MigrationSeries = engineMigrations,
): Promise<readonly string[]> {
  const migrations = await readMigrations(series.directory)
  const legacyMigrations = series === engineMigrations ? await readMigrations(legacyDirectory) : []
  const pool = database.openPool({
    applicationName: 'tidings migrate',
    maxConnections: 1,
    statementMs: migrationMs,
    isDirect: true,
    // The legacy migrations create a schema `tidings` whatever the settings say.
    isVerbatim: true,
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => pool.end())
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey])
    const moved = await applyLegacy(client, legacyMigrations, { engine: database.schema, logger })
    const created = await applySeries(client, migrations, { series, engine: database.schema, logger })
    await client.query('select pg_advisory_unlock($1)', [lockKey])
    return [...moved, ...created]
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    // After a failure the connection is closed, which releases the lock in any state.
    client.release(failure)
  }
}

/** Whether the database has been migrated before, by any version. */
export async function hasTables({ pool, schema }: Pick<Database, 'pool' | 'schema'>): Promise<boolean> {
  const { rows } = await pool.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
    `${schema}.task`,
  ])
  return rows[0]?.exists === true || (await findLegacySchema(pool)) !== null
}

/** Where and how the migrations of a series are applied. */
interface SeriesOptions {
  readonly series: MigrationSeries
  /** The schema of the engine in this database. */
  readonly engine: string
  readonly logger: Logger
}

async function applySeries(
  client: pg.PoolClient,
  migrations: readonly Migration[],
  { series, engine, logger }: SeriesOptions,
): Promise<readonly string[]> {
  const schema = series.schema === engineSchema ? engine : series.schema
  if (series.schema !== engineSchema && schema === engine)
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `DATABASE_SCHEMA is "${engine}", which other tables have; choose another name`,
    )
  await createSchema(client, schema)
  const record = `${schema}.migration`
  await client.query(
    `create table if not exists ${record} (
      id integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now()
    )`,
  )
  const [first] = migrations
  // A legacy version whose tables were in this schema has left its own rows.
  const applied = await readApplied(client, record, first?.id ?? 0)
  checkHistory(migrations, applied)
  let pending = migrations.slice(applied.length)
  if (applied.length === 0 && first !== undefined && (await hasTable(client, `${schema}.${series.firstTable}`))) {
    await recordMigration(client, record, first)
    pending = pending.slice(1)
  }
  for (const migration of pending)
    await apply(client, { ...migration, sql: nameSchema(migration.sql, engine) }, { record, logger })
  return pending.map(({ file }) => file)
}

/** Applies what is missing of the legacy migrations, if the database has the tables of such a version. */
async function applyLegacy(
  client: pg.PoolClient,
  migrations: readonly Migration[],
  { engine, logger }: Omit<SeriesOptions, 'series'>,
): Promise<readonly string[]> {
  const last = migrations.at(-1)
  const schema = last === undefined ? null : await findLegacySchema(client)
  if (last === undefined || schema === null) return []
  // Such a version was started on a database of a later one, and has created tables beside it before it failed.
  if (schema !== engine && (await hasTable(client, `${engine}.${engineMigrations.firstTable}`))) return []
  const record = `${schema}.migration`
  const applied = (await readApplied(client, record, 0)).filter(({ id }) => id <= last.id)
  checkHistory(migrations, applied)
  const pending = migrations.slice(applied.length)
  if (pending.includes(last)) await createSchema(client, engine)
  for (const migration of pending) {
    // Only the last one names the schemas of today.
    const sql = migration === last ? nameSchema(migration.sql, engine) : migration.sql
    await apply(client, { ...migration, sql }, { record, searchPath: schema, logger })
  }
  return pending.map(({ file }) => file)
}

/**
 * Returns the schema, quoted where necessary, in which a legacy version has its tables: the first of the search path with its record
 * of migrations. Other programs have tables of this name too, and the record of later versions begins with another number.
 */
async function findLegacySchema(client: Pick<pg.ClientBase, 'query'>): Promise<string | null> {
  const { rows } = await client.query<{ schema: string }>(
    `select quote_ident(schema) as schema from unnest(current_schemas(false)) with ordinality as path (schema, place)
     join pg_class c on c.relname = 'migration' and c.relkind = 'r' and c.relnamespace = quote_ident(schema)::regnamespace
     where (select count(*) from pg_attribute where attrelid = c.oid and attname in ('id', 'name', 'checksum', 'applied_at')) = 4
     order by place`,
  )
  for (const { schema } of rows) {
    const first = await client.query(`select from ${schema}.migration where id::text = '1' and name = 'record'`)
    if (first.rowCount !== 0) return schema
  }
  return null
}

async function createSchema(client: pg.PoolClient, schema: string): Promise<void> {
  const { rows } = await client.query<{ isKeyword: boolean; exists: boolean }>(
    `select quote_ident($1) <> $1 as "isKeyword", exists (select from pg_namespace where nspname = $1) as exists`,
    [schema],
  )
  if (rows[0]?.isKeyword === true)
    throw new TidingsError('BAD_CONFIGURATION', `DATABASE_SCHEMA is "${schema}", a keyword of SQL; choose another name`)
  // `if not exists` would require the privilege to create schemas, which a role may lack for which one was created.
  if (rows[0]?.exists !== true) await client.query(`create schema ${schema}`)
}

async function hasTable(client: pg.PoolClient, table: string): Promise<boolean> {
  const { rows } = await client.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [table])
  return rows[0]?.exists === true
}

async function readApplied(
  client: pg.PoolClient,
  record: string,
  firstId: number,
): Promise<readonly AppliedMigration[]> {
  const { rows } = await client.query<AppliedMigration>(
    `select id, name, checksum from ${record} where id >= $1 order by id`,
    [firstId],
  )
  return rows
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
  const firstId = migrations[0]?.id ?? 1
  for (const [index, migration] of migrations.entries())
    if (migration.id !== firstId + index)
      throw new Error(
        `The migration ${migration.file} should have the number ${firstId + index}: no gaps, no number twice`,
      )
  return migrations
}

/** Throws unless the applied migrations are a prefix of the known ones. */
function checkHistory(migrations: readonly Migration[], appliedMigrations: readonly AppliedMigration[]): void {
  const lastId = migrations.at(-1)?.id ?? 0
  for (const [index, row] of appliedMigrations.entries()) {
    const migration = migrations[index]
    if (migration === undefined || row.id > lastId)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The database has migration ${row.id} (${row.name}), and this version of Tidings knows only ${lastId}; run a newer version, or use another database`,
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

async function apply(
  client: pg.PoolClient,
  migration: Migration,
  { record, searchPath, logger }: { readonly record: string; readonly searchPath?: string; readonly logger: Logger },
): Promise<void> {
  const startedAt = performance.now()
  try {
    await client.query('begin')
    if (searchPath !== undefined) await client.query(`set local search_path = ${searchPath}`)
    await client.query(migration.sql)
    await recordMigration(client, record, migration)
    await client.query('commit')
  } catch (error) {
    throw new Error(`The migration ${migration.file} failed: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
  logger.info(
    { schema: record.split('.')[0], migration: migration.file, tookMs: Math.round(performance.now() - startedAt) },
    'applied migration',
  )
}

async function recordMigration(
  client: pg.PoolClient,
  record: string,
  { id, name, checksum }: Migration,
): Promise<void> {
  await client.query(`insert into ${record} (id, name, checksum) values ($1, $2, $3)`, [id, name, checksum])
}
