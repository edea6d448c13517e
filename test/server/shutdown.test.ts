import { Agent, get } from 'node:http'
import { expect, test } from 'vitest'
import { openStream, resultOf } from './sse/sse.ts'
import { open, startTestServer, subscribe, until } from './support.ts'

const watch = 'subscription ($id: ID!, $after: String) { watch(taskId: $id, after: $after) { seq type cursor } }'

test('closes sockets with a code after which clients reconnect, ends streams without complete, and leaves nothing behind', async () => {
  const fixture = await startTestServer()
  const { engine } = fixture.fixture
  const { body } = await fixture.post('mutation { start(steps: 100) }')
  const id = body.data?.['start']
  await using overSocket = subscribe(fixture.client(), watch, { id })
  await using stream = await openStream(fixture.server.url, watch, { variables: { id } })
  expect(resultOf(await stream.next())).toHaveProperty('data.watch.cursor')
  await until(() => expect(overSocket.results).not.toHaveLength(0))
  expect(engine.feeds.size).toBe(1)

  await fixture.server.close({ spreadMs: 0 })
  expect(await overSocket.ended).toMatchObject({ code: 1012, reason: 'This server is restarting; connect again' })
  const rest = await stream.rest()
  expect(rest.at(-1)).toEqual({ comment: 'this server is restarting; connect again' })
  expect(rest).not.toContainEqual({ event: 'complete', data: '' })
  expect(stream.isCut).toBe(true)
  expect(fixture.server.connections.size).toBe(0)
  expect(fixture.server.metrics.subscriptions.size).toBe(0)
  expect(engine.feeds.size).toBe(0)
  await fixture[Symbol.asyncDispose]()
})

test('reports that it is draining, answers running requests, and accepts nothing new', async () => {
  await using fixture = await startTestServer()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const read = (path: string) =>
    new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
      get(`${fixture.server.url}${path}`, { agent }, (response) => {
        response
          .resume()
          .once('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }))
      }).once('error', reject)
    })
  expect(await read('/health/ready')).toEqual({ status: 200, connection: 'keep-alive' })
  // In progress when draining begins: the connection of the stream.
  await using stream = await openStream(fixture.server.url, 'subscription { silence }')
  await until(() => expect(open.quiet).toBe(1))
  fixture.server.beginDraining()
  await expect(fetch(`${fixture.server.url}/health/ready`)).rejects.toThrow()
  expect(open.quiet).toBe(1)
  await fixture.server.close({ spreadMs: 0 })
  expect(await stream.next()).toBeNull()
  expect(open.quiet).toBe(0)
  agent.destroy()
})

test('moves many clients in portions, and cuts those that stay', async () => {
  await using fixture = await startTestServer()
  const closedAt: number[] = []
  const clients = Array.from({ length: 40 }, () =>
    fixture.client({
      lazy: false,
      on: { closed: () => closedAt.push(performance.now()) },
      onNonLazyError: () => undefined,
    }),
  )
  await until(() => expect(fixture.server.metrics.connections.ws).toBe(40))
  const closing = fixture.server.close({ spreadMs: 200 })
  await until(() => expect(closedAt.length).toBeGreaterThan(0))
  expect(closedAt.length).toBeLessThan(40)
  await closing
  await until(() => expect(closedAt).toHaveLength(40))
  for (const client of clients) await client.dispose()
})
