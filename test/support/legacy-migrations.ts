import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'

const directory = new URL('../../src/db/legacy/', import.meta.url)

/**
 * Applies the legacy migrations before a number that are missing, as the versions of that time did.
 *
 * @param client - of a database whose `search_path` is the schema of the tables
 */
export async function applyLegacyMigrations(client: pg.ClientBase, before: string): Promise<void> {
  await client.query(
    `create table if not exists migration (
      id integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
    )`,
  )
  const { rowCount } = await client.query('select from migration')
  const files = (await readdir(directory)).sort().filter((file) => file < before)
  for (const file of files.slice(rowCount ?? 0)) {
    const sql = await readFile(new URL(file, directory), 'utf8')
    await client.query(`begin; ${sql}`)
    await client.query('insert into migration (id, name, checksum) values ($1, $2, $3)', [
      Number(file.slice(0, 4)),
      file.slice(5, -'.sql'.length),
      createHash('sha256').update(sql).digest('hex'),
    ])
    await client.query('commit')
  }
}
