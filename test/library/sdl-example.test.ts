import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { driveSdl } from '../support/drive-example.ts'
import { root, type StartedServer, startServerIn } from '../support/packed.ts'

const undo = new AsyncDisposableStack()
let server: StartedServer

beforeAll(async () => {
  const database = undo.use(await createTestDatabase())
  server = undo.use(await startServerIn(root, 'examples/sdl/server.ts', database.url))
})
afterAll(() => undo.disposeAsync())

test('a schema merged with the one of Tidings is served over every transport, with the context of its team', () =>
  driveSdl(server.url))

test('the example shuts down in order on SIGTERM', async () => {
  expect(await server.stop()).toBe(0)
})
