import { access, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { createTestDirectory } from '../support/directory.ts'
import { startProcess } from '../support/processes.ts'

const command = (name: string) => new URL(`../../src/main/${name}.ts`, import.meta.url)

test('npm run db:new-epoch renews the epoch of the configured database, and prints it', async () => {
  await using test = await createTestDatabase()
  const readEpoch = async (): Promise<string> => {
    const { rows } = await test.database.pool.query<{ value: string }>(
      `select value from tidings.meta where key = 'epoch'`,
    )
    return rows[0]?.value ?? ''
  }
  const before = await readEpoch()
  await using child = startProcess(command('new-epoch'), [], { DATABASE_URL: test.url })
  const line = await child.readLine()
  expect(await child.ended).toBe(0)
  const after = await readEpoch()
  expect(after).not.toBe(before)
  expect(line).toBe(`The log’s epoch is now ${after}. Start the servers again.`)
})

test('npm run analytics:rebuild counts the existing logs, and prints how many', async () => {
  await using test = await createTestDatabase()
  await using child = startProcess(command('rebuild-analytics'), [], { DATABASE_URL: test.url })
  expect(await child.readLine()).toBe('Counted 0 logs anew.')
  expect(await child.ended).toBe(0)
})

test('a failing command prints the reason, and exits with an error', async () => {
  await using child = startProcess(command('new-epoch'), [], { DATABASE_URL: 'mysql://there' })
  await expect(child.readLine()).rejects.toThrow(/DATABASE_URL is \(hidden\); allowed: a URL that begins with postgres/)
  expect(await child.ended).toBe(1)
})

test.each(['new-epoch', 'rebuild-analytics'])('%s refuses to create a database', async (name) => {
  await using directory = await createTestDirectory()
  const dataDir = directory.join('data')
  await using missing = startProcess(command(name), [], { DATA_DIR: dataDir, DATABASE_URL: '' })
  await expect(missing.readLine()).rejects.toThrow(/There is no database in .*data; set DATABASE_URL, or set DATA_DIR/)
  expect(await missing.ended).toBe(1)
  await expect(access(dataDir)).rejects.toThrow('ENOENT')
  // Not a database directory.
  await writeFile(directory.join('notes.txt'), '')
  await using other = startProcess(command(name), [], { DATA_DIR: directory.path, DATABASE_URL: '' })
  await expect(other.readLine()).rejects.toThrow('There is no database in')
})

test('db:new-epoch refuses a database without tables of Tidings', async () => {
  await using test = await createTestDatabase({ empty: true })
  await using child = startProcess(command('new-epoch'), [], { DATABASE_URL: test.url })
  await expect(child.readLine()).rejects.toThrow('has no tables of Tidings; correct DATABASE_URL')
  expect(await test.database.pool.query(`select to_regclass('tidings.meta') as meta`)).toMatchObject({
    rows: [{ meta: null }],
  })
})
