import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { startProcess } from '../support/processes.ts'

const command = (name: string) => new URL(`../../src/main/${name}.ts`, import.meta.url)

test('npm run db:new-epoch renews the epoch of the database that the settings name, and says it', async () => {
  await using test = await createTestDatabase()
  const readEpoch = async (): Promise<string> => {
    const { rows } = await test.database.pool.query<{ value: string }>(`select value from meta where key = 'epoch'`)
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

test('npm run analytics:rebuild counts what there is, and says how much that was', async () => {
  await using test = await createTestDatabase()
  await using child = startProcess(command('rebuild-analytics'), [], { DATABASE_URL: test.url })
  expect(await child.readLine()).toBe('Counted 0 logs anew.')
  expect(await child.ended).toBe(0)
})

test('a command that cannot do its work says why, and fails', async () => {
  await using child = startProcess(command('new-epoch'), [], { DATABASE_URL: 'mysql://there' })
  await expect(child.readLine()).rejects.toThrow(/DATABASE_URL is \(hidden\); allowed: a URL that begins with postgres/)
  expect(await child.ended).toBe(1)
})
