import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createTestDatabase } from '../support/database.ts'
import { ada, drivePothosYoga } from '../support/drive-example.ts'
import { followStream, request } from '../support/foreign-client.ts'
import { root, type StartedServer, startServerIn } from '../support/packed.ts'

const undo = new AsyncDisposableStack()
let server: StartedServer

beforeAll(async () => {
  const database = undo.use(await createTestDatabase())
  server = undo.use(await startServerIn(root, 'examples/pothos-yoga/server.ts', database.url))
})
afterAll(() => undo.disposeAsync())

test('a Yoga of a team, with its own types and plugins, delivers every event over every transport', () =>
  drivePothosYoga(server.url))

test('tasks belong to the viewer of the team, and its fields decide who may start and see them', async () => {
  const { url } = server
  const grace = { 'x-key': 'key-of-grace' }
  const start = 'mutation { exportReport(input: { reportId: "report_1" }) { __typename } }'
  await expect(request(url, start, grace)).rejects.toThrow('You may not start this task (EXPORT_REPORT)')
  await expect(request(url, start)).rejects.toThrow('UNAUTHENTICATED')
  const again = 'mutation { exportAgain(id: "report_1") { lastExport { kind } } }'
  expect(await request(url, again, ada)).toEqual({ exportAgain: { lastExport: { kind: 'EXPORT_REPORT' } } })
  const last = '{ report(id: "report_1") { lastExport { kind } } }'
  expect(await request(url, last, grace)).toEqual({ report: { lastExport: null } })
})

test('unexpected errors are masked, and plugins of the team run over every transport', async () => {
  await expect(request(server.url, 'mutation { fail }', ada)).rejects.toThrow(/"code":"INTERNAL","errorId"/)
  const long = `{ me { name } } # ${'x'.repeat(10_000)}`
  await expect(request(server.url, long, ada)).rejects.toThrow('This operation is too long')
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { key: 'key-of-ada' },
    retryAttempts: 0,
  })
  const results = await Array.fromAsync(client.iterate({ query: '{ me { name } }' }))
  expect(results).toEqual([{ data: { me: { name: 'Ada' } } }])
  await expect(Array.fromAsync(client.iterate({ query: long }))).rejects.toMatchObject([
    { message: 'This operation is too long' },
  ])
  await client.dispose()
})

test('the example shuts down in order on SIGTERM, and an open stream is cut so that its client resumes', async () => {
  const started = (await request(
    server.url,
    'mutation { exportReport(input: { reportId: "report_1", pages: 100 }) { ... on ExportReportSuccess { task { id } } } }',
    ada,
  )) as { exportReport: { task: { id: string } } }
  const { id: taskId } = started.exportReport.task
  const query = 'subscription ($taskId: ID!) { taskProgress(taskId: $taskId) { seq } }'
  const stream = followStream(server.url, { query, variables: { taskId } }, undefined, ada)
  const [outcome, code] = await Promise.all([stream.catch((error: unknown) => error), server.stop()])
  expect(outcome).toBeInstanceOf(Error)
  expect(code).toBe(0)
})
