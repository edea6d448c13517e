import { createClient } from 'graphql-ws'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { followStream, request } from './foreign-client.ts'

/** Drives the examples of servers with a schema of a team, from their sources and as users of the package. */

interface Event {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
}

/** Follows a task over a WebSocket. */
export async function followSocket(
  url: string,
  operation: { readonly query: string; readonly variables?: Record<string, unknown> },
  connectionParams: Record<string, unknown> = {},
): Promise<Event[]> {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
  })
  try {
    const events: Event[] = []
    for await (const { data } of client.iterate<{ taskProgress: Event }>(operation))
      if (data) events.push(data.taskProgress)
    return events
  } finally {
    await client.dispose()
  }
}

/** Starts and follows a task of `examples/sdl`. */
export async function driveSdl(url: string): Promise<void> {
  const query = `subscription ($taskId: ID!, $after: Cursor) {
    taskProgress(taskId: $taskId, after: $after, fromStart: true) {
      __typename
      seq
      cursor
      ... on TaskCompleted { result { ... on ExportReportOutput { pages report { title lastExport { id } } } } }
    }
  }`
  const started = await request(url, 'mutation { exportAgain(reportId: "report_1") { title lastExport { id kind } } }')
  const taskId = (started as { exportAgain: { lastExport: { id: string } } }).exportAgain.lastExport.id
  expect(started).toEqual({ exportAgain: { title: 'Sales', lastExport: { id: taskId, kind: 'EXPORT_REPORT' } } })
  expect(await request(url, '{ me }')).toEqual({ me: 'local-developer' })
  expect(await request(url, 'mutation { exportReport(input: { reportId: "r" }) { __typename } }')).toEqual({
    exportReport: { __typename: 'ExportReportSuccess' },
  })

  const overSocket = await followSocket(url, { query, variables: { taskId } })
  expect(overSocket.at(-1)).toMatchObject({
    __typename: 'TaskCompleted',
    seq: overSocket.length,
    result: { pages: 2, report: { title: 'Sales', lastExport: { id: taskId } } },
  })
  expect(await followStream(url, { query, variables: { taskId } })).toEqual(overSocket)
  const cursor = overSocket[2]?.cursor
  const resumed = await followStream(url, { query, variables: { taskId, after: cursor } })
  expect(resumed).toEqual(overSocket.slice(3))
  expect(await followStream(url, { query, variables: { taskId } }, cursor)).toEqual(resumed)
}

/** The header with which `examples/pothos-yoga` knows Ada. */
export const ada = { 'x-key': 'key-of-ada' }

/** Starts and follows a task of `examples/pothos-yoga`. */
export async function drivePothosYoga(url: string): Promise<void> {
  const query = `subscription ($taskId: ID!, $after: Cursor) {
    taskProgress(taskId: $taskId, after: $after, fromStart: true) {
      __typename
      seq
      cursor
      ... on TaskCompleted { result { ... on ExportReportOutput { pages } } }
    }
  }`
  /** Sends a subscription that ends when it has caught up. */
  const poll = async (taskId: string, after: string | undefined) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...ada },
      body: JSON.stringify({ query, variables: { taskId, after }, extensions: { catchUp: true } }),
    })
    return { status: response.status, text: await response.text() }
  }
  expect(await request(url, '{ me { name } report(id: "report_1") { title owner { name } } }', ada)).toEqual({
    me: { name: 'Ada' },
    report: { title: 'Sales', owner: { name: 'Ada' } },
  })
  const started = (await request(
    url,
    'mutation { exportReport(input: { reportId: "report_1", pages: 4 }) { ... on ExportReportSuccess { task { id } } } }',
    ada,
  )) as { exportReport: { task: { id: string } } }
  const taskId = started.exportReport.task.id

  const operation = { query, variables: { taskId } }
  const overSocket = await followSocket(url, operation, { key: 'key-of-ada' })
  expect(overSocket.map(({ seq }) => seq)).toEqual(overSocket.map((_, index) => index + 1))
  expect(overSocket.at(-1)).toMatchObject({ __typename: 'TaskCompleted', result: { pages: 4 } })
  await expect(followSocket(url, operation, { key: 'key-of-grace' })).rejects.toMatchObject([
    { extensions: { code: 'NOT_FOUND' } },
  ])

  expect(await followStream(url, operation, undefined, ada)).toEqual(overSocket)
  // An `EventSource` resumes with the id of the last event that it received.
  const cursor = overSocket[2]?.cursor
  expect(await followStream(url, operation, cursor, ada)).toEqual(overSocket.slice(3))
  const polled = await poll(taskId, cursor)
  expect(polled.text.match(/"seq":\d+/g)).toEqual(overSocket.slice(3).map(({ seq }) => `"seq":${seq}`))
  expect(polled.text).toContain(`id: ${overSocket.at(-1)?.cursor}\n`)
  // After the terminal event there is nothing to poll.
  expect(await poll(taskId, overSocket.at(-1)?.cursor)).toEqual({ status: 204, text: '' })
}
