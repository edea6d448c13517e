import { cp } from 'node:fs/promises'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createTestDatabase } from '../../support/database.ts'
import type { TestDirectory } from '../../support/directory.ts'
import { checkTypes, installPacked, root, startServerIn } from '../../support/packed.ts'

const frameworks = ['express', 'fastify', 'hono'] as const

let directory: TestDirectory
beforeAll(async () => {
  const installed = await installPacked(
    ...['@types/node@24', 'express@5', '@types/express@5', 'fastify@5', 'hono@4', '@hono/node-server@2'],
  )
  directory = installed.directory
  for (const name of ['http', ...frameworks])
    await cp(`${root}examples/${name}`, directory.join(name), { recursive: true })
})
afterAll(async () => {
  await directory[Symbol.asyncDispose]()
})

const watch = `subscription ($taskId: ID!) { taskProgress(taskId: $taskId, fromStart: true) { __typename seq cursor } }`

test.each(frameworks)('runs mounted in %s, over every transport, beside its own routes', async (framework) => {
  // Fastify's and Express' own types are not checked.
  await checkTypes(directory, `${framework}/server.ts`, true)
  await using database = await createTestDatabase({ empty: true })
  await using server = await startServerIn(directory.path, `${framework}/server.ts`, database.url)
  const { url } = server
  const hello = await fetch(`${url}/hello`)
  expect((await hello.text()).toLowerCase()).toBe(`hello from ${framework}`)
  expect((await fetch(`${url}/nothing`)).status).toBe(404)

  const request = async (body: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) })
    return await response.json()
  }
  const started = (await request({
    query:
      'mutation { exportReport(input: { reportId: "r", pages: 3 }) { ... on ExportReportSuccess { task { id } } } }',
  })) as { readonly data: { readonly exportReport: { readonly task: { readonly id: string } } } }
  const variables = { taskId: started.data.exportReport.task.id }

  const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
  const overSocket: unknown[] = []
  for await (const { data } of client.iterate({ query: watch, variables })) overSocket.push(data?.['taskProgress'])
  await client.dispose()
  expect(overSocket.at(-1)).toMatchObject({ __typename: 'TaskCompleted', seq: overSocket.length })

  const parameters = new URLSearchParams({ query: watch, variables: JSON.stringify(variables) })
  const stream = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  const events = (await stream.text()).split('\n').filter((line) => line.startsWith('data: {'))
  expect(events.map((line) => JSON.parse(line.slice('data: '.length)).data.taskProgress)).toEqual(overSocket)

  const query = `query ($taskId: ID!) { task(id: $taskId) { status } }`
  expect(await request({ query, variables })).toEqual({ data: { task: { status: 'COMPLETED' } } })
  expect(await server.stop()).toBe(0)
})
