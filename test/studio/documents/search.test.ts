import type { Pool } from 'pg'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { searchPassages } from '../../../src/studio/documents/search.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
  const { pool } = database.database
  await pool.query(
    `insert into studio.document (id, owner, name, format, status, title, size_bytes, original)
     select 'document_' || i, 'ada', 'a.md', 'MARKDOWN', 'READY', 'A', 2, '' from generate_series(1, 50) i`,
  )
  await pool.query(
    `insert into studio.passage (document_id, position, section_key, page, heading, text, search)
     select 'document_' || d, p, '1', null, '', text, to_tsvector('simple', text) || to_tsvector('english', text)
     from generate_series(1, 50) d, generate_series(1, 100) p,
       (select string_agg('filler' || i, ' ') as filler from generate_series(1, 100) i) f,
       lateral (select 'word' || d || 'x' || p || ' ' || filler as text) passage`,
  )
  // Also merges the pending entries of the index, which make it expensive to read.
  await pool.query('vacuum analyze studio.passage')
  return () => database[Symbol.asyncDispose]()
})

/** Returns the statement of a search and its parameters. */
async function statementOf(query: string): Promise<readonly [string, readonly unknown[]]> {
  const statements: [string, readonly unknown[]][] = []
  const recorder = {
    query: (text: string, values: readonly unknown[]) => {
      statements.push([text, values])
      return database.database.pool.query(text, [...values])
    },
  }
  await searchPassages(recorder as unknown as Pool, { userId: 'ada', query, limit: 5 })
  const [statement] = statements
  if (statement === undefined) throw new Error('The search sent no statement')
  return statement
}

test.each(['wórd7x8 filler', 'word7x8 -word9x9 or "word3x9 filler1"', 'word7x9'])(
  'a search for %s uses the index',
  async (query) => {
    const { pool } = database.database
    const [text, values] = await statementOf(query)
    const planned = await pool.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values])
    expect(planned.rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Index Scan on passage_search')

    // As of a statement that a connection prepared and executed often.
    const client = await pool.connect()
    onTestFinished(() => client.release(true))
    await client.query('set plan_cache_mode = force_generic_plan')
    await client.query(`prepare search as ${text}`)
    const literals = values.map((value) => (value === null ? 'null' : client.escapeLiteral(String(value))))
    const generic = await client.query<{ 'QUERY PLAN': string }>(`explain execute search (${literals.join(', ')})`)
    expect(generic.rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Index Scan on passage_search')
  },
)
