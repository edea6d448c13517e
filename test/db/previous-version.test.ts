import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { searchPassages } from '../../src/studio/documents/search.ts'
import { readDocument } from '../../src/studio/quizzes/material.ts'
import { foldText } from '../../src/studio/text/fold.ts'
import { createTestDatabase } from '../support/database.ts'

test('a server of the version before 0017 still stores links and passages during an upgrade', async () => {
  await using test = await createTestDatabase()
  const { pool } = test.database
  await pool.query(`insert into session (id, owner, title, client_id) values ('session_1', 'ada', 'Owls', 'c')`)
  const insertLink = `insert into session_link (digest, session_id, created_by, expires_at)
    values ($1, 'session_1', 'ada', now() + interval '1 hour') returning id, use_count, is_single_use`
  const links = [await pool.query(insertLink, ['d1']), await pool.query(insertLink, ['d2'])].flatMap(({ rows }) => rows)
  expect(links).toEqual(
    [1, 2].map(() => ({ id: expect.stringMatching(/^invitation_/), use_count: 0, is_single_use: false })),
  )
  expect(links[0].id).not.toBe(links[1].id)

  await pool.query(
    `insert into document (id, owner, name, format, status, title, size_bytes, original)
     values ('document_1', 'ada', 'a.md', 'MARKDOWN', 'READY', 'A', 2, '')`,
  )
  await pool.query(
    `insert into passage (document_id, position, section_key, page, heading, text)
     values ('document_1', 0, '1', null, 'Cafés', 'Die Straße nach Zürich')`,
  )
  for (const query of ['cafes', 'zurich', 'strasse']) {
    const found = await searchPassages(pool, { userId: 'ada', query, limit: 5 })
    expect(found, query).toHaveLength(1)
  }

  await pool.query(
    `insert into quiz (id, owner, document_id, title, status, requested_count, kinds)
     values ('quiz_1', 'ada', 'document_1', 'A', 'DRAFT', 1, '{CLOZE}')`,
  )
  await pool.query(`insert into roadmap (id, owner, title) values ('roadmap_1', 'ada', 'A')`)
  const topics = await pool.query(
    `select name, seq::int, closed from topic where name ~ '^(quiz|roadmap):' order by name`,
  )
  expect(topics.rows).toEqual(['quiz:quiz_1', 'roadmap:roadmap_1'].map((name) => ({ name, seq: 0, closed: false })))
})

test('a database of version 0020 is upgraded', async () => {
  const all = new URL('../../src/db/migrations/', import.meta.url).pathname
  const earlier = await mkdtemp(join(tmpdir(), 'tidings-migrations-'))
  onTestFinished(() => rm(earlier, { recursive: true }))
  const files = (await readdir(all)).sort()
  const copy = async (from: string, before: string): Promise<void> => {
    for (const name of files) if (name >= from && name < before) await cp(join(all, name), join(earlier, name))
  }
  await using empty = await createTestDatabase({ empty: true })
  const { pool } = empty.database
  await copy('', '0018')
  await migrate(empty.database, silentLogger, { directory: earlier })
  await pool.query(
    `insert into document (id, owner, name, format, status, title, size_bytes, original)
     values ('document_1', 'ada', 'a.md', 'MARKDOWN', 'READY', 'A', 2, '')`,
  )
  await pool.query(
    `insert into passage (document_id, position, section_key, page, heading, text)
     values ('document_1', 0, '1', null, 'Łódź', 'Das Smørrebrød'), ('document_1', 1, '1', null, '', 'Die Straße')`,
  )
  await copy('0018', '0021')
  await migrate(empty.database, silentLogger, { directory: earlier })
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

  const applied = await migrate(empty.database, silentLogger)
  expect(applied).toEqual(files.filter((name) => name >= '0021'))
  const find = async (query: string): Promise<number> =>
    (await searchPassages(pool, { userId: 'ada', query, limit: 5 })).length
  expect(await find('lodz smorrebrod')).toBe(1)
  expect(await find('strasse')).toBe(1)
  expect(await find('application')).toBe(1)
  expect((await pool.query('select search from passage where position = 1')).rows).toEqual(before.rows)
  const topics = await pool.query(`select name from topic where name ~ '^(quiz|roadmap):' order by name`)
  expect(topics.rows).toEqual([{ name: 'quiz:quiz_1' }, { name: 'roadmap:roadmap_1' }])
})

test('messages of a session are no changes of the lists of its participants', async () => {
  await using test = await createTestDatabase()
  const { pool } = test.database
  await pool.query(`insert into session (id, owner, title, client_id) values ('session_1', 'ada', 'Owls', 'c')`)
  await pool.query(`insert into session_participant (session_id, user_id) values ('session_1', 'ada')`)
  await pool.query(`insert into topic (name) values ('viewer:ada')`)
  await pool.query('update session set message_count = message_count + 1')
  expect((await pool.query('select from viewer_change')).rowCount).toBe(0)
  await pool.query(`update session set title = 'Birds'`)
  expect((await pool.query('select from viewer_change')).rowCount).toBe(1)
})

test('sections that a server of the version before 0021 stores are main content', async () => {
  await using test = await createTestDatabase()
  const { pool } = test.database
  await pool.query(
    `insert into document (id, owner, name, format, status, title, size_bytes, original)
     values ('document_1', 'ada', 'a.md', 'MARKDOWN', 'READY', 'Tides', 2, '')`,
  )
  await pool.query(
    `insert into section (document_id, key, position, level, heading, body, page)
     select 'document_1', s.key, s.position, s.level, s.heading, s.body, s.page
     from jsonb_to_recordset($1::jsonb) as s(key text, position int, level smallint, heading text, body text, page int)`,
    [JSON.stringify([{ key: 'a', position: 0, level: 1, heading: 'References', body: 'Text', isMain: false }])],
  )
  const { sections } = await readDocument(test.database, 'document_1')
  expect(sections).toEqual([{ key: 'a', heading: 'References', body: 'Text' }])
})

test('the database folds the passages of the version before as the application folds queries', async () => {
  await using test = await createTestDatabase()
  const words = [
    ...['ß', 'æ', 'œ', 'ø', 'đ', 'ð', 'þ', 'ł', 'ħ', 'ı', 'ς'].flatMap((letter) => [letter, letter.toUpperCase()]),
    ...['Café', 'Cafe\u0301', 'Отчёт', 'STRAẞE', 'Smørrebrød', 'Łódź', 'Þórður', 'ΟΔΥΣΣΕΎΣ', 'Σίσυφος', 'İstanbul ısı'],
    ...['ＡＢＣ １２', 'ﻣﺮﺣﺒﺎ', 'مَرْحَبًا', 'שָׁלוֹם', '보고서', 'が'],
  ]
  const { rows } = await test.database.pool.query(
    'select word, fold_text(word) as folded from unnest($1::text[]) with ordinality as t(word, place) order by place',
    [words],
  )
  expect(rows).toEqual(words.map((word) => ({ word, folded: foldText(word) })))
})

test('a server of the version before 0027 whose role has the name of the new schema finds that the database is newer', async () => {
  await using test = await createTestDatabase()
  const client = await test.database.pool.connect()
  // The default of a role `tidings`, and the first statements of that version.
  await client.query('set search_path = tidings, public')
  await client.query('create table if not exists migration (id integer primary key, name text not null)')
  const { rows } = await client.query('select id from migration order by id')
  client.release(true)
  expect(rows.length).toBeGreaterThanOrEqual(27)
  expect(await migrate(test.database, silentLogger)).toEqual([])
})
