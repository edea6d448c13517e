import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createClient } from 'graphql-ws'
import { createTidings } from 'tidings'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { exportReport } from '../../examples/http/tasks.ts'
import { createTestDatabase } from '../support/database.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const undo = new AsyncDisposableStack()
let url: string
let ended: Promise<unknown[]>
let stop: () => void

beforeAll(async () => {
  const database = undo.use(await createTestDatabase())
  const child = spawn(process.execPath, ['examples/http/server.ts'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: database.url, PORT: '0', NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  undo.defer(() => void child.kill('SIGKILL'))
  ended = once(child, 'exit')
  stop = () => void child.kill('SIGTERM')
  for await (const line of createInterface({ input: child.stdout })) {
    url = line
    break
  }
  expect(url, 'the first line of the server').toMatch(/^http:/)
})
afterAll(() => undo.disposeAsync())

const watch = `subscription ($taskId: ID!) {
  taskProgress(taskId: $taskId, fromStart: true) {
    __typename
    ... on TaskCompleted { task { kind } result { ... on ExportReportOutput { url pages } } }
    ... on TaskFailed { error { code message retryable advice details { ... on ExportReportQuotaError { resetsAt } } } }
  }
}`

async function start(input: object): Promise<string> {
  const query = `mutation ($input: ExportReportInput!) {
    exportReport(input: $input) { ... on ExportReportSuccess { task { id } } ... on InvalidInputError { issues { path } } }
  }`
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  })
  const body = (await response.json()) as { data: { exportReport: { task?: { id: string } } } }
  return body.data.exportReport.task?.id ?? JSON.stringify(body)
}

test('the example serves its page, and refuses an invalid input', async () => {
  expect(await (await fetch(url)).text()).toBe(await readFile(`${root}/examples/http/page.html`, 'utf8'))
  expect(await start({ reportId: 'report_1', pages: 1_000 })).toBe(
    '{"data":{"exportReport":{"issues":[{"path":"input.pages"}]}}}',
  )
})

test('the example delivers a typed result over a WebSocket', async () => {
  const taskId = await start({ reportId: 'report_1', format: 'CSV', pages: 2 })
  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
  const events = []
  for await (const { data } of client.iterate({ query: watch, variables: { taskId } }))
    events.push(data?.['taskProgress'])
  await client.dispose()
  expect(events.at(0)).toEqual({ __typename: 'TaskQueued' })
  expect(events.at(-1)).toEqual({
    __typename: 'TaskCompleted',
    task: { kind: 'EXPORT_REPORT' },
    result: { url: 'https://files.example.com/report_1.csv', pages: 2 },
  })
})

test('the example delivers a typed error over an event stream', async () => {
  const taskId = await start({ reportId: 'report_1', pages: 101 })
  const parameters = new URLSearchParams({ query: watch, variables: JSON.stringify({ taskId }) })
  const response = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  const frames = (await response.text()).split('\n').filter((line) => line.startsWith('data: {'))
  expect(JSON.parse(frames.at(-1)?.slice('data: '.length) ?? '')).toMatchObject({
    data: {
      taskProgress: {
        __typename: 'TaskFailed',
        error: {
          code: 'QUOTA',
          message: 'The quota of pages is used up.',
          retryable: false,
          advice: 'Export fewer pages.',
          details: { resetsAt: '2030-01-01T00:00:00Z' },
        },
      },
    },
  })
})

test('the schema of the example has the types of its kind, and none of the Studio', () => {
  const text = createTidings({ tasks: [exportReport] }).printSchema()
  expect(text).toContain('exportReport(')
  expect(text).toContain('union TaskErrorDetails = ExportReportQuotaError')
  expect(text).toContain('union TaskResult = ExportReportOutput')
  expect(text).not.toMatch(/roadmap|quiz|document\b|project|session|concept/i)
})

test('the example shuts down in order on SIGTERM', async () => {
  stop()
  expect(await ended).toEqual([0, null])
})
