import { cp } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import type { TestDirectory } from '../../support/directory.ts'
import { drivePothosYoga, driveSdl } from '../../support/drive-example.ts'
import { checkTypes, installPacked, root, runIn, startServerIn } from '../../support/packed.ts'

let directory: TestDirectory
beforeAll(async () => {
  const installed = await installPacked(
    ...['@types/node@24', '@pothos/core@4', 'graphql-yoga@5', '@graphql-tools/schema@10', 'fastify@5'],
  )
  directory = installed.directory
  for (const name of ['http', 'sdl', 'pothos-yoga', 'fastify-yoga'])
    await cp(`${root}examples/${name}`, directory.join(name), { recursive: true })
})
afterAll(async () => {
  await directory[Symbol.asyncDispose]()
})

test.each([
  ['sdl', driveSdl],
  ['pothos-yoga', drivePothosYoga],
  ['fastify-yoga', drivePothosYoga],
])('runs in the schema of a team as users of the package do: %s', async (name, drive) => {
  // The types of Yoga and Fastify are not checked.
  await checkTypes(directory, `${name}/server.ts`, name !== 'sdl')
  await using database = await createTestDatabase({ empty: true })
  await using server = await startServerIn(directory.path, `${name}/server.ts`, database.url)
  await drive(server.url)
  expect(await server.stop()).toBe(0)
})

test.each(['@pothos/core', 'graphql-yoga', 'graphql', 'zod'])(
  'has one copy of %s, the one of the team',
  async (name) => {
    const copies = await runIn(directory.path, 'npm', 'ls', name, '--all', '--parseable')
    expect(new Set(copies.trim().split('\n').filter(Boolean)).size).toBe(1)
  },
)
