import { glob, readFile } from 'node:fs/promises'
import pg from 'pg'
import { createTidings, defineTask, defineTopic, stage, type Transaction } from 'tidings'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { connectDatabase, type Database, withTransaction } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { startApp } from '../../src/main/app.ts'
import { parseStudioConfig } from '../../src/studio/config.ts'
import { studioMigrations } from '../../src/studio/migrations.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLegacyDatabase } from '../support/legacy-database.ts'
import { applyLegacyMigrations } from '../support/legacy-migrations.ts'
import { hangMs } from '../support/patience.ts'

/** Describes all objects of some schemas. Names of NOT NULL constraints keep former names of tables since PostgreSQL 18. */
const catalog = `
  with schemas as (select oid, nspname from pg_namespace where nspname = any($1::text[])),
  tables as (select c.*, nspname from pg_class c join schemas s on s.oid = c.relnamespace)
  select format('%s %s.%s %s %s', relkind, nspname, relname, relpersistence, reloptions) as object from tables
  union all
  select format('column %s.%s.%s %s %s %s %s %s %s', nspname, relname, attname, attnum - (
      select count(*) from pg_attribute g where g.attrelid = t.oid and g.attnum between 1 and a.attnum and g.attisdropped
    ), format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid))
  from tables t join pg_attribute a on attrelid = t.oid and attnum > 0 and not attisdropped and relkind in ('r', 'v')
  left join pg_attrdef d on adrelid = attrelid and adnum = attnum
  union all
  select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(c.oid))
  from pg_constraint c join tables t on t.oid = conrelid where contype <> 'n'
  union all
  select pg_get_indexdef(indexrelid) from pg_index join tables t on t.oid = indrelid
  union all
  select pg_get_triggerdef(g.oid) from pg_trigger g join tables t on t.oid = tgrelid where not tgisinternal
  union all
  select format('%s %s', pg_get_functiondef(p.oid), proacl) from pg_proc p join schemas s on s.oid = pronamespace
  order by 1`

async function describe(database: Database, schemas: readonly string[]): Promise<readonly string[]> {
  return await withTransaction(database, async (client) => {
    // All names are written with their schema.
    await client.query(`set local search_path = ''`)
    const { rows } = await client.query<{ object: string }>(catalog, [schemas])
    return rows.map(({ object }) => object)
  })
}
async function schemasOf({ pool }: Pick<Database, 'pool'>): Promise<readonly string[]> {
  const { rows } = await pool.query<{ nspname: string }>(
    `select nspname from pg_namespace where nspname !~ '^(pg_|information_schema)' order by nspname`,
  )
  return rows.map(({ nspname }) => nspname)
}

/** Opens a connection of an application. */
async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url)
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

const root = new URL('../../', import.meta.url)
const schemas = ['tidings', 'studio']
const defineGreeting = (text: string) =>
  defineTask({
    kind: 'GREET',
    input: z.object({ name: z.string() }),
    result: z.object({ text: z.string() }),
    async *run({ input }) {
      yield stage('greeting')
      return await Promise.resolve({ text: `${text} ${input.name}` })
    },
  })
const greet = defineGreeting('Hello')
const door = defineTopic({ name: 'door', events: { opened: z.object({}) }, authorize: () => true })

test.each(['public', 'team', 'tidings'])(
  'the tables of an older version in the schema %s become those of a new database',
  async (schema) => {
    await using empty = await createTestDatabase({ empty: true })
    await migrate(empty.database, silentLogger)
    await migrate(empty.database, silentLogger, studioMigrations)
    await using legacy = await createLegacyDatabase({ schema })
    await legacy.migrateBefore('0029')
    const { pool } = legacy.database
    await pool.query(`insert into viewer_change (user_id, type, payload) values ('ada', 'X', '{}')`)
    await pool.query(`create role team_reader; grant select on task, event to team_reader;
      grant execute on function tidings.start_task(text, jsonb, text, text) to team_reader`)

    expect(await migrate(legacy.database, silentLogger)).toEqual([
      '0029_schemas.sql',
      '0031_functions.sql',
      '0032_event_partitions.sql',
    ])
    expect(await migrate(legacy.database, silentLogger, studioMigrations)).toEqual(['0031_functions.sql'])
    expect(await migrate(legacy.database, silentLogger)).toEqual([])
    const { rows } = await pool.query(
      `select has_table_privilege('team_reader', 'tidings.task', 'select')
           and has_table_privilege('team_reader', 'tidings.event', 'select') as reads,
         has_function_privilege('team_reader', 'tidings.start_task(text, jsonb, text, text)', 'execute') as starts`,
    )
    expect(rows).toEqual([{ reads: true, starts: true }])
    await pool.query('drop owned by team_reader; drop role team_reader')
    expect(await describe(legacy.database, schemas)).toEqual(await describe(empty.database, schemas))
    // The record of the older versions remains, for them.
    if (schema !== 'tidings')
      expect(await describe(legacy.database, [schema])).toContainEqual(`r ${schema}.migration p `)
  },
)

test('an older version refuses a database whose tables were moved, and nothing is moved twice', async () => {
  await using legacy = await createLegacyDatabase()
  await legacy.migrateBefore('0029')
  await migrate(legacy.database, silentLogger)
  // It compares the newest row with its last migration, 28.
  const { rows } = await legacy.database.pool.query('select max(id) as id from migration')
  expect(rows).toEqual([{ id: 29 }])
  await legacy.database.pool.query(`insert into migration (id, name, checksum) values (30, 'other', '')`)
  expect(await migrate(legacy.database, silentLogger)).toEqual([])
})

test('an older version that was started on a new database does not keep others from starting', async () => {
  await using empty = await createTestDatabase({ empty: true })
  await migrate(empty.database, silentLogger)
  await using client = await connect(empty.url)
  // It fails at 0027, whose functions exist.
  await applyLegacyMigrations(client, '0027')
  await expect(applyLegacyMigrations(client, '0028')).rejects.toThrow('already exists')
  expect(await migrate(empty.database, silentLogger)).toEqual([])
})

test('a team has only the tables of the engine, in one schema, also when an older version had created those of the applications', async () => {
  await using empty = await createTestDatabase({ empty: true })
  await using tidings = createTidings({ tasks: [greet], databaseUrl: empty.url, logger: silentLogger })
  expect(await tidings.migrate()).toEqual(['0030_tables.sql', '0031_functions.sql', '0032_event_partitions.sql'])
  expect(await schemasOf(empty.database)).toEqual(['public', 'tidings'])
  expect(await describe(empty.database, ['public'])).toEqual([])
  const open = await empty.database.pool.query(
    `select proname from pg_proc where pronamespace = 'tidings'::regnamespace and has_function_privilege('public', oid, 'execute')`,
  )
  expect(open.rows).toEqual([])
  await tidings.worker()
  // The tables of the queue, which BullMQ creates.
  expect(await schemasOf(empty.database)).toEqual(['bullmq', 'public', 'tidings'])
  expect(await describe(empty.database, ['public'])).toEqual([])

  await using legacy = await createLegacyDatabase()
  await legacy.migrateBefore('0029')
  await migrate(legacy.database, silentLogger)
  expect(await schemasOf(legacy.database)).toEqual(['public', 'tidings'])
  expect(await describe(legacy.database, ['tidings'])).toEqual(await describe(empty.database, ['tidings']))
})

test('every statement names the schema of its tables, also those that no test runs', async () => {
  await using full = await createTestDatabase()
  const { rows } = await full.database.pool.query<{ names: string }>(
    `select string_agg(distinct tablename, '|') as names from pg_tables where schemaname in ('tidings', 'studio')`,
  )
  const unqualified = new RegExp(`\\b(?:from|join|into|update|table|truncate|references) (?:${rows[0]?.names})\\b`, 'g')
  const found: string[] = []
  for (const folder of ['src', 'schema', 'examples'])
    for await (const file of glob(`${folder}/**/*.{ts,sql}`, { cwd: root })) {
      if (file.includes('node_modules') || file.startsWith('src/db/legacy')) continue
      const text = await readFile(new URL(file, root), 'utf8')
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(?:^|\s)(?:\/\/|--).*/gm, '')
      found.push(...Array.from(code.matchAll(unqualified), ([match]) => `${file}: ${match}`))
    }
  expect(rows[0]?.names.split('|').length).toBeGreaterThan(40)
  expect(found).toEqual([])
})

test('a table `migration` of another program is not taken for that of an older version', async () => {
  await using empty = await createTestDatabase({ empty: true })
  const { pool } = empty.database
  await pool.query('create table migration (id integer, name text)')
  await migrate(empty.database, silentLogger)
  await pool.query(`alter table migration add column checksum text, add column applied_at text`)
  await pool.query(`insert into migration (id, name) values (1, 'users')`)
  expect(await migrate(empty.database, silentLogger)).toEqual([])
})

test('two schemas of one database are separate: each runs its own tasks, started by every way', async () => {
  await using empty = await createTestDatabase({ empty: true })
  const [hello, welcome] = [greet, defineGreeting('Welcome')]
  const options = { databaseUrl: empty.url, topics: [door], logger: silentLogger }
  await using first = createTidings({ ...options, tasks: [hello] })
  await using second = createTidings({ ...options, tasks: [welcome], databaseSchema: 'other_team' })
  await Promise.all([first.worker(), second.worker()])
  expect(await schemasOf(empty.database)).toEqual(['bullmq', 'other_team', 'public', 'tidings'])
  await using client = await connect(empty.url)
  const notified: string[] = []
  client.on('notification', ({ channel }) => notified.push(channel))
  await client.query('listen "tidings.started"; listen "other_team.started"')
  const key = { owner: 'ada', idempotencyKey: 'same' }
  const ids = { tidings: [] as string[], other_team: [] as string[] }
  for (const [schema, tidings, kind] of [
    ['tidings', first, hello],
    ['other_team', second, welcome],
  ] as const) {
    const started = await tidings.start(kind, { name: 'x' }, key)
    expect(started.isNew).toBe(true)
    await client.query('begin')
    // As libraries take it that have a template tag.
    const transaction: Transaction = (strings, ...values) => client.query(strings.join('$1'), values)
    const within = await tidings.start(kind, { name: 'x' }, { owner: 'ada', transaction })
    await tidings.start(kind, { name: 'x' }, { ...key, transaction: client }).then(({ isNew }) => {
      expect(isNew).toBe(false)
    })
    await tidings.publish(door, schema, { opened: {} }, { transaction: client })
    const { rows } = await client.query<{ id: string }>(
      `select ${schema}.start_task('GREET', '{"name": "x"}', 'ada') as id`,
    )
    await client.query('commit')
    expect(notified.splice(0)).toEqual([`${schema}.started`])
    ids[schema].push(started.id, within.id, rows[0]?.id ?? '')
    const topics = await client.query(`select name from ${schema}.topic where name not like 'task:%'`)
    expect(topics.rows).toEqual([{ name: `door:${schema}` }])
  }
  const listening = await client.query(
    `select query from pg_stat_activity
     where datname = current_database() and application_name = 'tidings listen' order by query`,
  )
  expect(listening.rows).toEqual([{ query: 'listen "other_team.started"' }, { query: 'listen "tidings.started"' }])
  for (const [schema, text] of [
    ['tidings', 'Hello x'],
    ['other_team', 'Welcome x'],
  ] as const)
    await vi.waitFor(async () => {
      const { rows } = await client.query(`select id, status, result->>'text' as text from ${schema}.task order by id`)
      expect(rows).toEqual(ids[schema].toSorted().map((id) => ({ id, status: 'COMPLETED', text })))
    }, hangMs)
  const inOther = await describe(empty.database, ['other_team'])
  expect(inOther.map((object) => object.replaceAll('other_team', 'tidings')).toSorted()).toEqual(
    (await describe(empty.database, ['tidings'])).toSorted(),
  )
})

test('an older version is moved to the schema of the settings', async () => {
  await using legacy = await createLegacyDatabase()
  await legacy.migrateBefore('0028')
  await legacy.database.pool.query(`select tidings.start_task('GREET', '{"name": "x"}', 'ada')`)
  await using database = await connectDatabase({
    url: legacy.url,
    schema: 'other_team',
    maxConnections: 2,
    logger: silentLogger,
  })
  await migrate(database, silentLogger)
  expect(await schemasOf(database)).toEqual(['other_team', 'public'])
  const { rows } = await database.pool.query('select kind from tidings.task')
  expect(rows).toEqual([{ kind: 'GREET' }])
  // The triggers of the applications are on the tables of that schema.
  await migrate(database, silentLogger, studioMigrations)
  await database.pool.query(`insert into tidings.topic (name) values ('viewer:ada')`)
  await database.pool.query(`select tidings.start_task('GREET', '{"name": "y"}', 'ada')`)
  const changes = await database.pool.query('select type from studio.viewer_change')
  expect(changes.rows).toEqual([{ type: 'ViewerTaskChanged' }])
})

test('a schema of other objects keeps them, and that of the applications is refused', async () => {
  await using empty = await createTestDatabase({ empty: true })
  const { pool } = empty.database
  const inSchema = (schema: string) =>
    connectDatabase({ url: empty.url, schema, maxConnections: 1, logger: silentLogger })
  await pool.query(
    `create table report (id text); create function hello() returns text language sql as 'select ''hello'''`,
  )
  await using database = await inSchema('public')
  await migrate(database, silentLogger)
  expect(await schemasOf(database)).toEqual(['public'])
  const { rows } = await pool.query(`select has_function_privilege('public', 'hello()', 'execute') as mayCall`)
  expect(rows).toEqual([{ maycall: true }])
  await using studio = await inSchema('studio')
  await migrate(studio, silentLogger)
  await expect(migrate(studio, silentLogger, studioMigrations)).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
    message: expect.stringContaining('DATABASE_SCHEMA is "studio", which other tables have') as string,
  })
})

test.each([
  ['order', 'databaseSchema is "order", a keyword of SQL'],
  ['Team', 'databaseSchema is "Team"; allowed: lower-case letters'],
  ['pg_team', 'databaseSchema is "pg_team"; allowed'],
  ['a"b', 'databaseSchema is '],
])('refuses the schema %s', async (databaseSchema, message) => {
  await using empty = await createTestDatabase({ empty: true })
  await expect(
    (async () => {
      await using tidings = createTidings({
        tasks: [greet],
        databaseUrl: empty.url,
        databaseSchema,
        logger: silentLogger,
      })
      await tidings.migrate()
    })(),
  ).rejects.toMatchObject({ code: 'BAD_CONFIGURATION', message: expect.stringContaining(message) as string })
})

test('a database of version 0028 with the data of every application is served, and its queued task is finished', async () => {
  await using empty = await createTestDatabase({ empty: true })
  const dump = await readFile(new URL('../fixtures/database-0028.sql', import.meta.url), 'utf8')
  await using client = await connect(empty.url)
  await client.query(dump)
  const countsOf = async (condition: string): Promise<Record<string, number>> => {
    const { rows: tables } = await client.query<{ schema: string; name: string }>(
      `select schemaname as schema, tablename as name from pg_tables where ${condition} and tablename <> 'migration'
         and tablename !~ '^event_'`,
    )
    const counts = tables.map(async ({ schema, name }) => {
      const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from ${schema}.${name}`)
      return [name, rows[0]?.n ?? 0] as const
    })
    return Object.fromEntries(await Promise.all(counts))
  }
  const before = await countsOf(`schemaname = 'public'`)
  expect(Object.entries(before).filter(([, n]) => n === 0)).toEqual([])
  const database = empty.database
  await migrate(database, silentLogger)
  await migrate(database, silentLogger, studioMigrations)
  expect(await countsOf(`schemaname in ('tidings', 'studio')`)).toEqual(before)

  const app = await startApp({
    config: parseStudioConfig({
      NODE_ENV: 'test',
      PORT: '0',
      PREVIEW_PORT: '0',
      DATABASE_URL: empty.url,
      FIRST_RUN: 'false',
      SELF_TEST: 'true',
      // The data is as old as the dump.
      RETENTION_HOURS: '87600',
      TASK_RETENTION_DAYS: '*=0',
    }),
    logger: silentLogger,
  })
  try {
    const { engine, documents, roadmaps, quizzes, projects, sessions } = app.services
    const { rows } = await client.query<{ id: string; status: string }>(
      `select id, status from tidings.task where kind = 'SELF_TEST' order by created_at`,
    )
    expect(rows).toHaveLength(4)
    for (const { id, status } of rows) {
      const types: string[] = []
      for await (const update of engine.follow({ taskId: id, fromStart: true }))
        if (update.is === 'event') types.push(update.event.type)
      expect([status, types.at(0), types.at(-1)]).toEqual([status, 'TaskQueued', 'TaskCompleted'])
    }
    const owner = 'ada'
    const page = { owner, limit: 5 }
    const [document] = await documents.list(page)
    expect(document).toMatchObject({ title: 'Tides', status: 'READY' })
    expect(await roadmaps.list(page)).toHaveLength(1)
    expect(await quizzes.list(page)).toMatchObject([{ status: 'PUBLISHED' }])
    expect(await projects.list(page)).toMatchObject([{ status: 'READY' }])
    expect(await sessions.list({ ...page, userId: owner } as never)).toHaveLength(1)
  } finally {
    await app.shutDown()
  }
})
