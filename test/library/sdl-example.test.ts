import { readFile } from 'node:fs/promises'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createTestDatabase } from '../support/database.ts'
import { followStream, request } from '../support/foreign-client.ts'
import { root, type StartedServer, startServerIn } from '../support/packed.ts'

const undo = new AsyncDisposableStack()
let server: StartedServer

beforeAll(async () => {
  const database = undo.use(await createTestDatabase())
  server = undo.use(await startServerIn(root, 'examples/sdl/server.ts', database.url))
})
afterAll(() => undo.disposeAsync())

const watch = `subscription ($taskId: ID!, $after: Cursor) {
  taskProgress(taskId: $taskId, after: $after, fromStart: true) {
    __typename
    seq
    cursor
    ... on TaskCompleted { result { ... on ExportReportOutput { pages report { title lastExport { id } } } } }
  }
}`

test('a schema merged with the one of Tidings is served over every transport, with the context of its team', async () => {
  const { url } = server
  const started = await request(url, 'mutation { exportAgain(reportId: "report_1") { title lastExport { id kind } } }')
  const taskId = (started as { exportAgain: { lastExport: { id: string } } }).exportAgain.lastExport.id
  expect(started).toEqual({ exportAgain: { title: 'Sales', lastExport: { id: taskId, kind: 'EXPORT_REPORT' } } })
  expect(await request(url, '{ me }')).toEqual({ me: 'local-developer' })
  expect(await request(url, 'mutation { exportReport(input: { reportId: "r" }) { __typename } }')).toEqual({
    exportReport: { __typename: 'ExportReportSuccess' },
  })

  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
  const overSocket: unknown[] = []
  for await (const { data } of client.iterate({ query: watch, variables: { taskId } }))
    overSocket.push(data?.['taskProgress'])
  await client.dispose()
  expect(overSocket.at(-1)).toMatchObject({
    __typename: 'TaskCompleted',
    seq: overSocket.length,
    result: { pages: 2, report: { title: 'Sales', lastExport: { id: taskId } } },
  })

  expect(await followStream(url, { query: watch, variables: { taskId } })).toEqual(overSocket)
  const { cursor } = overSocket[2] as { readonly cursor: string }
  const resumed = await followStream(url, { query: watch, variables: { taskId, after: cursor } })
  expect(resumed).toEqual(overSocket.slice(3))
  expect(await followStream(url, { query: watch, variables: { taskId } }, cursor)).toEqual(resumed)
})

test('docs/guide/your-own-schema.md shows the example', async () => {
  const guide = await readFile(`${root}docs/guide/your-own-schema.md`, 'utf8')
  expect(guide).toContain(`\n${await readFile(`${root}examples/sdl/server.ts`, 'utf8')}\`\`\`\n`)
})

test('the example shuts down in order on SIGTERM', async () => {
  expect(await server.stop()).toBe(0)
})
