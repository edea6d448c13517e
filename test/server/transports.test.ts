import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openStream, resultOf } from './sse/sse.ts'
import { ask, type GraphqlBody, open, type ServerFixture, startTestServer, subscribe, until } from './support.ts'

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer()
})
afterAll(() => fixture[Symbol.asyncDispose]())

const watch = 'subscription ($id: ID!, $after: String) { watch(taskId: $id, after: $after) { seq type cursor } }'
const replay = 'subscription ($id: ID!) { watch(taskId: $id, fromStart: true) { seq type cursor } }'
const start = async (steps: number): Promise<string> => {
  const { body } = await fixture.post('mutation ($n: Int!) { start(steps: $n) }', { variables: { n: steps } })
  return String(body.data?.['start'])
}
const cursorOf = ({ data }: GraphqlBody) => (data?.['watch'] as { cursor: string } | undefined)?.cursor
const typesOf = (results: readonly unknown[], field = 'watch') =>
  results.map((result) => (result as { data: Record<string, { type: string }> }).data[field]?.type)

test('answers queries the same over POST, GET and WebSocket', async () => {
  const posted = await fixture.post('query ($name: String) { hello(name: $name) }', { variables: { name: 'Ada' } })
  expect(posted).toMatchObject({ status: 200, body: { data: { hello: 'Hello Ada' } } })
  const got = await fetch(`${fixture.server.url}/graphql?query={hello}`)
  expect(got.headers.get('cache-control')).toBe('no-store')
  expect(await got.json()).toEqual({ data: { hello: 'Hello you' } })
  expect(await ask(fixture.client(), '{ hello }')).toEqual({ data: { hello: 'Hello you' } })
})

test('reads a body as JSON or as the text of the document, also with a byte order mark', async () => {
  const post = async (type: string, body: string | Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${fixture.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    return { status: response.status, body: (await response.json()) as unknown }
  }
  const greeting = { status: 200, body: { data: { hello: 'Hello Ådä 🚀' } } }
  const query = '{ hello(name: "Ådä 🚀") }'
  const json = JSON.stringify({ query })
  expect(await post('application/json; charset=utf-8', json)).toEqual(greeting)
  expect(await post('application/json', `\uFEFF${json}`)).toEqual(greeting)
  expect(await post('application/graphql+json', json)).toEqual(greeting)
  expect(await post('application/graphql', query)).toEqual(greeting)
  for (const invalid of ['', '{', 'null', '3', `${json}x`])
    expect(await post('application/json', invalid), invalid).toMatchObject({
      status: 400,
      body: { errors: [{ message: expect.stringMatching(/JSON|expected to be object/) }] },
    })
  const unreadable = await post('application/json', new Uint8Array([0xff, 0xfe, ...new TextEncoder().encode(json)]))
  expect(unreadable.status).toBe(400)
})

test('refuses mutations over GET and batches', async () => {
  const got = await fetch(`${fixture.server.url}/graphql?query=${encodeURIComponent('mutation { start(steps: 1) }')}`)
  expect(got.status).toBe(405)
  const batch = await fetch(`${fixture.server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ query: '{ hello }' }, { query: '{ hello }' }]),
  })
  expect(batch.status).toBe(400)
})

test('sends every event of a task over a WebSocket, and completes after the last one', async () => {
  const id = await start(2)
  await using watching = subscribe(fixture.client(), replay, { id })
  await until(() => expect(watching.results).not.toHaveLength(0))
  fixture.steps.step(2)
  expect(await watching.ended).toBe('complete')
  expect(typesOf(watching.results).at(-1)).toBe('TaskCompleted')
})

test('sends the same over an event stream, with headers that keep proxies from buffering it', async () => {
  const id = await start(1)
  await using stream = await openStream(fixture.server.url, replay, { variables: { id } })
  expect(stream.response.status).toBe(200)
  expect(Object.fromEntries(stream.response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    'cache-control': 'no-store, no-transform',
  })
  expect(stream.response.headers.get('content-encoding')).toBeNull()
  const first = resultOf(await stream.next())
  expect(first.data).toHaveProperty('watch.cursor')
  const events = (await stream.rest()).filter((one) => 'event' in one)
  expect(events.at(-1)).toEqual({ event: 'complete', data: '' })
  expect(typesOf(events.slice(0, -1).map(resultOf)).at(-1)).toBe('TaskCompleted')
})

test('opens an event stream over GET, as EventSource does', async () => {
  const id = await start(1)
  const query = new URLSearchParams({ query: replay, variables: JSON.stringify({ id }) })
  const response = await fetch(`${fixture.server.url}/graphql?${query}`, { headers: { accept: 'text/event-stream' } })
  const text = await response.text()
  expect(text).toMatch(/^:\n\nevent: next\ndata: \{/)
  expect(text).toMatch(/event: complete\ndata:\n\n$/)
})

test('catches up over HTTP: the events after a cursor, then the end, although the task continues', async () => {
  const id = await start(1_000)
  await using stream = await openStream(fixture.server.url, watch, { variables: { id }, extensions: { catchUp: true } })
  const events = (await stream.rest()).filter((one) => 'event' in one)
  expect(events.at(-1)).toEqual({ event: 'complete', data: '' })
  const cursor = cursorOf(resultOf(events.at(-2) as never))
  fixture.steps.step(1)
  await until(async () => {
    await using later = await openStream(fixture.server.url, watch, {
      variables: { id, after: cursor },
      extensions: { catchUp: true },
    })
    const types = typesOf(
      (await later.rest()).filter((one) => 'event' in one && one.event === 'next').map((one) => resultOf(one as never)),
    )
    expect(types).toContain('TaskItemCompleted')
    expect(types).not.toContain('snapshot')
  })
})

test('does not catch up over a WebSocket, where no client could request it', async () => {
  const client = fixture.client()
  const id = await start(1_000)
  let results = 0
  const leave = client.subscribe(
    { query: watch, variables: { id }, extensions: { catchUp: true } },
    { next: () => results++, error: () => undefined, complete: () => undefined },
  )
  await until(() => expect(results).toBeGreaterThan(0))
  expect(fixture.server.metrics.subscriptions.get('watch')).toBeGreaterThan(0)
  leave()
})

test('answers a refused subscription over an event stream with its errors and a complete, not with a failure', async () => {
  await using stream = await openStream(fixture.server.url, watch, { variables: { id: 'task_none' } })
  expect(stream.response.status).toBe(200)
  const [opening, next, complete] = await stream.rest()
  expect(opening).toEqual({ comment: '' })
  expect(resultOf(next as never).errors).toMatchObject([
    {
      message: 'There is no task "task_none"',
      extensions: { code: 'NOT_FOUND', retryable: false, details: { id: 'task_none' } },
    },
  ])
  expect(complete).toEqual({ event: 'complete', data: '' })
})

test('answers a query and a syntax error over an event stream as well', async () => {
  await using query = await openStream(fixture.server.url, '{ hello }')
  expect(resultOf(await query.next())).toEqual({ data: { hello: 'Hello you' } })
  expect(await query.next()).toEqual({ event: 'complete', data: '' })
  await using broken = await openStream(fixture.server.url, '{ hello')
  expect(resultOf(await broken.next()).errors).toMatchObject([{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }])
})

test('refuses a subscription for a client that does not accept event streams, and returns its source', async () => {
  const { status, body } = await fixture.post('subscription { silence }', { headers: { accept: 'application/json' } })
  expect(status).toBe(406)
  expect(body.errors?.[0]?.message).toContain('text/event-stream')
  expect(open.quiet).toBe(0)
})

test('accepts uploads', async () => {
  const form = new FormData()
  form.set(
    'operations',
    JSON.stringify({ query: 'mutation ($file: File!) { upload(file: $file) }', variables: { file: null } }),
  )
  form.set('map', JSON.stringify({ 0: ['variables.file'] }))
  form.set('0', new File(['x'.repeat(70_000)], 'notes.md'))
  const response = await fetch(`${fixture.server.url}/graphql`, { method: 'POST', body: form })
  expect(await response.json()).toEqual({ data: { upload: 70_000 } })
})

test('leaves nothing behind when clients disconnect in any way', async () => {
  const client = fixture.client()
  const watching = Array.from({ length: 5 }, () => subscribe(client, 'subscription { silence }'))
  const streams = await Promise.all(
    Array.from({ length: 5 }, () => openStream(fixture.server.url, 'subscription { silence }')),
  )
  await until(() => expect(fixture.server.metrics.subscriptions.get('silence')).toBe(10))
  expect(open.quiet).toBe(10)
  for (const one of watching.slice(0, 2)) await one[Symbol.asyncDispose]()
  for (const stream of streams) await stream[Symbol.asyncDispose]()
  void client.terminate()
  await until(() => {
    expect(open.quiet).toBe(0)
    expect(fixture.server.metrics.subscriptions.has('silence')).toBe(false)
    expect(fixture.server.metrics.connections.sse).toBe(0)
  })
})

test('leaves nothing behind when a client disconnects while its event stream is being opened', async () => {
  const isAsked = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  await using slow = await startTestServer({
    on: fixture.fixture,
    async createContext(viewer, { catchUp }) {
      isAsked.resolve()
      await goOn.promise
      return { viewer, catchUp }
    },
  })
  const socket = connect(slow.server.port, '127.0.0.1')
  const path = `/graphql?query=${encodeURIComponent('subscription { silence }')}`
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
  await isAsked.promise
  socket.resetAndDestroy()
  // Later requests are answered, so the server has noticed by then.
  for (let i = 0; i < 2; i++) await fetch(`${slow.server.url}/health/live`)
  goOn.resolve()
  await using _other = await openStream(slow.server.url, 'subscription { silence }')
  await until(() => expect(open.quiet).toBe(1))
  expect(slow.server.connections.size).toBe(1)
  expect(slow.server.metrics.subscriptions.get('silence')).toBe(1)
})

test('refuses WebSockets and event streams when live updates are turned off, and still answers polling', async () => {
  await using off = await startTestServer({ environment: { LIVE_UPDATES: 'false' }, on: fixture.fixture })
  const id = await start(2)
  const socket = new WebSocket(off.server.wsUrl, 'graphql-transport-ws')
  socket.on('error', () => undefined)
  const status = await new Promise((resolve) =>
    socket.once('unexpected-response', (_, response) => {
      resolve(response.statusCode)
      socket.terminate()
    }),
  )
  expect(status).toBe(406)
  const one = { query: replay, variables: { id } }
  const several = { operations: [{ id: '1', ...one }] }
  for (const body of [one, several]) {
    const response = await fetch(`${off.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(body),
    })
    expect(response.status).toBe(406)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'LIVE_UPDATES_OFF' } }] })
  }
  await using polled = await openStream(off.server.url, replay, { variables: { id }, extensions: { catchUp: true } })
  expect(polled.response.status).toBe(200)
  expect((await polled.rest()).filter((event) => 'event' in event).at(-1)).toEqual({ event: 'complete', data: '' })
  expect((await off.post('{ hello }')).body).toEqual({ data: { hello: 'Hello you' } })
})
