import { expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { searchPassages } from '../../src/studio/documents/search.ts'
import { studioMigrations } from '../../src/studio/migrations.ts'
import { readDocument } from '../../src/studio/quizzes/material.ts'
import { foldText } from '../../src/studio/text/fold.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLegacyDatabase } from '../support/legacy-database.ts'

test('a database of version 0020 is upgraded', async () => {
  await using legacy = await createLegacyDatabase()
  const { pool } = legacy.database
  await legacy.migrateBefore('0018')
  await pool.query(
    `insert into document (id, owner, name, format, status, title, size_bytes, original)
     values ('document_1', 'ada', 'a.md', 'MARKDOWN', 'READY', 'A', 2, '')`,
  )
  await pool.query(
    `insert into passage (document_id, position, section_key, page, heading, text)
     values ('document_1', 0, '1', null, 'Łódź', 'Das Smørrebrød'), ('document_1', 1, '1', null, '', 'Die Straße')`,
  )
  await pool.query(
    `insert into section (document_id, key, position, level, heading, body) values ('document_1', 'a', 0, 1, 'References', 'Text')`,
  )
  await legacy.migrateBefore('0021')
  const before = await pool.query('select search from passage where position = 1')
  await pool.query(
    `insert into passage (document_id, position, section_key, page, heading, text, search)
     values ('document_1', 2, '2', null, '', 'Ærø', to_tsvector('simple', 'folded by the application'))`,
  )
  await pool.query(
    `insert into quiz (id, owner, document_id, title, status, requested_count, kinds)
     values ('quiz_1', 'ada', 'document_1', 'A', 'DRAFT', 1, '{CLOZE}')`,
  )
  await pool.query(`insert into roadmap (id, owner, title) values ('roadmap_1', 'ada', 'A')`)

  const applied = await migrate(legacy.database, silentLogger)
  expect(applied[0]).toBe('0021_main_content.sql')
  expect(applied.slice(-3)).toEqual(['0029_schemas.sql', '0031_functions.sql', '0032_event_partitions.sql'])
  expect(await migrate(legacy.database, silentLogger, studioMigrations)).toEqual(['0031_functions.sql'])
  expect(await migrate(legacy.database, silentLogger)).toEqual([])
  const find = async (query: string): Promise<number> =>
    (await searchPassages(pool, { userId: 'ada', query, limit: 5 })).length
  expect(await find('lodz smorrebrod')).toBe(1)
  expect(await find('strasse')).toBe(1)
  expect(await find('application')).toBe(1)
  expect((await pool.query('select search from studio.passage where position = 1')).rows).toEqual(before.rows)
  const { sections } = await readDocument(legacy.database, 'document_1')
  expect(sections).toEqual([{ key: 'a', heading: 'References', body: 'Text' }])
  const topics = await pool.query(`select name from tidings.topic where name ~ '^(quiz|roadmap):' order by name`)
  expect(topics.rows).toEqual([{ name: 'quiz:quiz_1' }, { name: 'roadmap:roadmap_1' }])
})

test('messages of a session are no changes of the lists of its participants', async () => {
  await using test = await createTestDatabase()
  const { pool } = test.database
  await pool.query(`insert into studio.session (id, owner, title, client_id) values ('session_1', 'ada', 'Owls', 'c')`)
  await pool.query(`insert into studio.session_participant (session_id, user_id) values ('session_1', 'ada')`)
  await pool.query(`insert into tidings.topic (name) values ('viewer:ada')`)
  await pool.query('update studio.session set message_count = message_count + 1')
  expect((await pool.query('select from studio.viewer_change')).rowCount).toBe(0)
  await pool.query(`update studio.session set title = 'Birds'`)
  expect((await pool.query('select from studio.viewer_change')).rowCount).toBe(1)
})

test('the database folds passages of an older version as the application folds queries', async () => {
  await using legacy = await createLegacyDatabase()
  await legacy.migrateBefore('0029')
  const words = [
    ...['ß', 'æ', 'œ', 'ø', 'đ', 'ð', 'þ', 'ł', 'ħ', 'ı', 'ς'].flatMap((letter) => [letter, letter.toUpperCase()]),
    ...['Café', 'Cafe\u0301', 'Отчёт', 'STRAẞE', 'Smørrebrød', 'Łódź', 'Þórður', 'ΟΔΥΣΣΕΎΣ', 'Σίσυφος', 'İstanbul ısı'],
    ...['ＡＢＣ １２', 'ﻣﺮﺣﺒﺎ', 'مَرْحَبًا', 'שָׁלוֹם', '보고서', 'が'],
  ]
  const { rows } = await legacy.database.pool.query(
    'select word, fold_text(word) as folded from unnest($1::text[]) with ordinality as t(word, place) order by place',
    [words],
  )
  expect(rows).toEqual(words.map((word) => ({ word, folded: foldText(word) })))
})

test('a server of an older version whose role has the name of the schema finds that the database is newer', async () => {
  await using test = await createTestDatabase()
  const client = await test.database.pool.connect()
  // The default of a role `tidings`, and the first statements of those versions.
  await client.query('set search_path = tidings, public')
  await client.query('create table if not exists migration (id integer primary key, name text not null)')
  const { rows } = await client.query('select id from migration order by id')
  client.release(true)
  expect(rows[0].id).toBeGreaterThan(28)
  expect(await migrate(test.database, silentLogger)).toEqual([])
})
