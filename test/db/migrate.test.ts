import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type MigrationSeries, migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'

/** Writes the migrations of a schema `team`. */
async function writeMigrations(files: Readonly<Record<string, string>>): Promise<MigrationSeries> {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-migrations-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  for (const [name, sql] of Object.entries(files)) await writeFile(join(directory, name), sql)
  return { directory, schema: 'team', firstTable: 'moved' }
}

const first = { '0001_first.sql': 'create table team.one (id integer);' }
const second = { '0002_second.sql': 'create table team.two (id integer); insert into team.one values (1);' }

/** The beginning of the SHA-256 of every released migration: a server refuses a database with another. */
const released = {
  '0001_record.sql': '7f616241bd01',
  '0002_studio.sql': '74e5e5431881',
  '0003_documents.sql': 'f40a782fdee2',
  '0004_quizzes.sql': '0d242335578b',
  '0005_presence.sql': 'ffaf0d652f60',
  '0006_analytics.sql': '09e45cb50494',
  '0007_trace.sql': 'a05663b199b5',
  '0008_admin.sql': '14fc28e80eff',
  '0009_notifications.sql': 'd3420cb47808',
  '0010_projects.sql': 'f903a89050b8',
  '0011_sessions.sql': '57a5ac55eba6',
  '0012_document_topics.sql': '9cda3af4e0ee',
  '0013_roadmap_topics.sql': '2778927c0b96',
  '0014_references.sql': 'f254beae13c1',
  '0015_task_attempts.sql': '7f5761196672',
  '0016_viewer_updates.sql': '1953e868d150',
  '0017_session_links.sql': '735249acd26a',
  '0018_folded_search.sql': '33b03892868e',
  '0019_sizes_and_updates.sql': '7ac5a571a826',
  '0020_server_statistics.sql': 'aed58fa3c9cb',
  '0021_main_content.sql': 'ac225b4fcff8',
  '0022_previous_versions.sql': '2ef59e12ce29',
  '0023_item_pages.sql': '7088a1bf827a',
  '0024_item_lookup.sql': 'a00021dd6a84',
  '0025_output_index.sql': '06ff89d392d6',
  '0026_timeline.sql': '48362addbdff',
  '0027_start_task.sql': 'd07c2091198e',
  '0028_publish_events.sql': '97295d48bd14',
}

test('released migrations are unchanged: a later one corrects them', async () => {
  const directory = new URL('../../src/db/legacy/', import.meta.url)
  const files = (await readdir(directory)).sort()
  const digestOf = async (file: string): Promise<string> => {
    const sql = (await readFile(new URL(file, directory), 'utf8')).replaceAll('\r\n', '\n')
    return createHash('sha256').update(sql).digest('hex').slice(0, 12)
  }
  const entries = await Promise.all(Object.keys(released).map(async (file) => [file, await digestOf(file)]))
  expect(files).toEqual(expect.arrayContaining(Object.keys(released)))
  expect(Object.fromEntries(entries)).toEqual(released)
})

describe('migrate', () => {
  test('brings an empty database up to the schema of the code', async () => {
    await using empty = await createTestDatabase({ empty: true })
    expect(await migrate(empty.database, silentLogger)).toEqual([
      '0030_tables.sql',
      '0031_functions.sql',
      '0032_event_partitions.sql',
    ])
    const { rows } = await empty.database.pool.query('select name from tidings.topic')
    expect(rows).toEqual([])
  })

  test('applies each file once, in order, and new ones later', async () => {
    await using empty = await createTestDatabase({ empty: true })
    const old = await writeMigrations(first)
    expect(await migrate(empty.database, silentLogger, old)).toEqual(['0001_first.sql'])
    expect(await migrate(empty.database, silentLogger, old)).toEqual([])
    const directory = await writeMigrations({ ...second, ...first })
    expect(await migrate(empty.database, silentLogger, directory)).toEqual(['0002_second.sql'])
    const { rows } = await empty.database.pool.query('select id, name from team.migration order by id')
    expect(rows).toEqual([
      { id: 1, name: 'first' },
      { id: 2, name: 'second' },
    ])
  })

  test('applies each file once when many servers start at once', async () => {
    await using empty = await createTestDatabase({ empty: true })
    const directory = await writeMigrations({ ...first, ...second })
    const applied = await Promise.all(Array.from({ length: 8 }, () => migrate(empty.database, silentLogger, directory)))
    expect(applied.flat()).toEqual(['0001_first.sql', '0002_second.sql'])
    const { rows } = await empty.database.pool.query('select id from team.one')
    expect(rows).toEqual([{ id: 1 }])
  })

  test('leaves nothing of a failing file, and continues from there once it is corrected', async () => {
    await using empty = await createTestDatabase({ empty: true })
    const broken = await writeMigrations({
      ...first,
      '0002_second.sql': 'create table team.two (id integer); select 1/0;',
    })
    await expect(migrate(empty.database, silentLogger, broken)).rejects.toThrow(
      'The migration 0002_second.sql failed: division by zero',
    )
    const { rows } = await empty.database.pool.query(
      `select to_regclass('team.one') as one, to_regclass('team.two') as two`,
    )
    expect(rows).toEqual([{ one: 'team.one', two: null }])
    const directory = await writeMigrations({ ...first, ...second })
    expect(await migrate(empty.database, silentLogger, directory)).toEqual(['0002_second.sql'])
  })

  test('refuses a database that a newer version has migrated', async () => {
    await using empty = await createTestDatabase({ empty: true })
    await migrate(empty.database, silentLogger, await writeMigrations({ ...first, ...second }))
    await expect(migrate(empty.database, silentLogger, await writeMigrations(first))).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('has migration 2 (second), and this version of Tidings knows only 1'),
    })
  })

  test('refuses when an applied file has changed', async () => {
    await using empty = await createTestDatabase({ empty: true })
    await migrate(empty.database, silentLogger, await writeMigrations(first))
    const directory = await writeMigrations({ '0001_first.sql': 'create table team.one (id bigint);' })
    await expect(migrate(empty.database, silentLogger, directory)).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('0001_first.sql has changed since it was applied'),
    })
  })

  test('treats files with other line endings as unchanged', async () => {
    await using empty = await createTestDatabase({ empty: true })
    const sql = 'create table team.one (\n  id integer\n);\n'
    await migrate(empty.database, silentLogger, await writeMigrations({ '0001_first.sql': sql }))
    const directory = await writeMigrations({ '0001_first.sql': sql.replaceAll('\n', '\r\n') })
    expect(await migrate(empty.database, silentLogger, directory)).toEqual([])
  })

  test.each([
    [['0001_first.sql', '0003_third.sql'], '0003_third.sql should have the number 2'],
    [['0001_first.sql', '0001_again.sql'], 'should have the number 2'],
    [['1_first.sql'], '1_first.sql is not named like 0001_what_it_does.sql'],
  ])('refuses files named %j', async (names, message) => {
    await using empty = await createTestDatabase({ empty: true })
    const directory = await writeMigrations(Object.fromEntries(names.map((name) => [name, 'select 1;'])))
    await expect(migrate(empty.database, silentLogger, directory)).rejects.toThrow(message)
  })
})
