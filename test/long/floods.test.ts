import { once } from 'node:events'
import { parse } from 'graphql'
import { describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { AuditDetails } from '../../src/audit/audit-event.ts'
import { workOf } from '../../src/server/connections/work.ts'
import { declaredParams } from '../../src/server/request/declared-params.ts'
import { openBody, openStream, resultOf } from '../server/sse/sse.ts'
import {
  ask,
  open,
  type ServerFixture,
  secret,
  signToken,
  startTestServer,
  subscribe,
  until,
} from '../server/support.ts'

interface Message {
  readonly type: string
  readonly id?: string
  readonly payload?: unknown
}

/** Opens a socket that sends and receives messages as they are. */
async function connect(fixture: ServerFixture, { begins = true } = {}) {
  const socket = new WebSocket(fixture.server.wsUrl, 'graphql-transport-ws')
  const received: Message[] = []
  socket.on('message', (data: Buffer) => received.push(JSON.parse(String(data)) as Message))
  socket.on('error', () => undefined)
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  await once(socket, 'open')
  const send = (message: object): void => socket.send(JSON.stringify(message))
  if (begins) {
    send({ type: 'connection_init' })
    await until(() => expect(received).toEqual([{ type: 'connection_ack' }]))
    received.length = 0
  }
  return { socket, received, send, closed, [Symbol.asyncDispose]: () => Promise.resolve(socket.terminate()) }
}

/** Records the audit log of a server. */
function createAudit() {
  const notes: (AuditDetails & { readonly event: string })[] = []
  const admin = {
    audit: {
      note: (event: string, _caller: unknown, about: AuditDetails = {}) => void notes.push({ event, ...about }),
      writtenAt: null,
    },
    serverStatistics: { announce: () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }) },
  }
  return { notes, admin: admin as unknown as NonNullable<Parameters<typeof startTestServer>[0]>['admin'] }
}

describe('messages of a socket', () => {
  test('wait, in order, when they make more work than allowed, and other sockets are served meanwhile', async () => {
    // A burst of four times as much is allowed: about 140 pings.
    const perSecond = 20_000
    await using fixture = await startTestServer({
      environment: { MAX_SOCKET_WORK: `${perSecond}`, MAX_VIEWER_WORK: '1000000' },
    })
    await using flood = await connect(fixture)
    const pings = Array.from({ length: 200 }, (_, index) => ({ type: 'ping', payload: { index } }))
    const startedAt = performance.now()
    for (const ping of pings) flood.send(ping)
    await until(() => expect(flood.received.length).toBeGreaterThan(100))
    expect(await ask(fixture.client(), '{ hello }')).toHaveProperty('data.hello')
    await until(() => expect(flood.received).toEqual(pings.map((ping) => ({ ...ping, type: 'pong' }))))
    // No machine is fast enough to do more than the limit allows: the time that it must take at least.
    const work = pings.slice(1).reduce((sum, ping) => sum + JSON.stringify(ping).length + workOf.message, 0)
    expect(performance.now() - startedAt).toBeGreaterThan(((work - 4 * perSecond) / perSecond) * 1_000)
    flood.send({ type: 'subscribe', id: 'a', payload: { query: '{ hello }' } })
    await until(() => expect(flood.received.at(-1)).toEqual({ type: 'complete', id: 'a' }))
  })

  test('wait without being taken for dead: the server pings their socket meanwhile', async () => {
    await using fixture = await startTestServer({ environment: { MAX_SOCKET_WORK: '1024' }, keepAliveMs: 50 })
    await using flood = await connect(fixture)
    const isClosed = vi.fn()
    void flood.closed.then(isClosed)
    // About two seconds of work beyond the burst: the pongs of the client go unread meanwhile.
    const count = 12
    for (let index = 0; index < count; index++) flood.send({ type: 'ping' })
    await until(() => expect(flood.received.length).toBeGreaterThan(0))
    let pings = 0
    let pingsBeforeTheEnd = 0
    flood.socket.on('ping', () => {
      pings++
      if (flood.received.length < count) pingsBeforeTheEnd = pings
    })
    await until(() => expect(flood.received.length).toBe(count))
    expect(pingsBeforeTheEnd).toBeGreaterThan(2)
    expect(isClosed).not.toHaveBeenCalled()
  })

  test('are answered, and operations refused, when their viewer has made too much work elsewhere', async () => {
    const { notes, admin } = createAudit()
    await using fixture = await startTestServer({ environment: { MAX_VIEWER_WORK: '8192' }, admin })
    await using client = await connect(fixture)
    client.send({ type: 'subscribe', id: 'open', payload: { query: 'subscription { silence }' } })
    await until(() => expect(open.quiet).toBe(1))
    let operations = 0
    const query = 'subscription { breaks(after: 1, how: "") }'
    await until(async () => {
      // The work of a document that is unknown to the server is many times its size.
      await fixture.post(`{ hello } # ${operations} ${'x'.repeat(2_000)}`)
      client.received.length = 0
      client.send({ type: 'ping' })
      client.send({ type: 'subscribe', id: `${++operations}`, payload: { query } })
      await until(() => expect(client.received.length).toBeGreaterThan(1))
      expect(client.received).toEqual([
        { type: 'pong' },
        {
          type: 'error',
          id: `${operations}`,
          payload: [
            {
              message: 'The requests of this viewer make too much work; try again later (MAX_VIEWER_WORK)',
              extensions: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) },
            },
          ],
        },
      ])
    })
    client.socket.ping()
    await once(client.socket, 'pong')
    client.send({ type: 'complete', id: 'open' })
    await until(() => expect(open.quiet).toBe(0))
    expect(fixture.server.metrics.refusals.get('work')).toBeGreaterThan(0)
    expect(notes.filter(({ event, subject }) => event === 'LIMITED' && subject === 'ws')).toMatchObject([
      { reason: 'work' },
    ])
    await until(async () => {
      client.received.length = 0
      client.send({ type: 'subscribe', id: `${++operations}`, payload: { query } })
      await until(() => expect(client.received.length).toBeGreaterThan(0))
      expect(client.received[0]).toMatchObject({ type: 'next' })
    })
  })

  test('wait when the reserve of their socket is used up while their viewer has made too much work', async () => {
    await using fixture = await startTestServer({ environment: { MAX_VIEWER_WORK: '1024' } })
    await using client = await connect(fixture)
    // Eight of them use up the work of the viewer; 15 more the reserve, and a large one has to wait.
    const pings = Array.from({ length: 26 }, (_, index) => ({ type: 'ping', payload: { index } }))
    for (const ping of pings) client.send(ping)
    client.send({ type: 'subscribe', id: 'a', payload: { query: `{ hello } # ${'x'.repeat(9_000)}` } })
    await until(() => expect(client.received.at(-1)).toEqual({ type: 'complete', id: 'a' }))
    const pongs = pings.map((ping) => ({ ...ping, type: 'pong' }))
    expect(client.received).toEqual([
      ...pongs,
      expect.objectContaining({ type: 'next' }),
      { type: 'complete', id: 'a' },
    ])
  })

  test('end it with 1013 when they continue, which is recorded, and an address that made too much work is refused', async () => {
    const { notes, admin } = createAudit()
    await using fixture = await startTestServer({
      environment: { MAX_SOCKET_WORK: '1024', MAX_VIEWER_WORK: '1000000', MAX_ADDRESS_WORK: '2048' },
      floodMs: 50,
      admin,
    })
    await using flood = await connect(fixture)
    for (let index = 0; index < 100; index++) flood.send({ type: 'ping' })
    expect(await flood.closed).toEqual({ code: 1013, reason: 'Too many messages; connect again later' })
    expect(notes.filter(({ event }) => event === 'LIMITED')).toMatchObject([{ reason: 'messages', subject: 'ws' }])

    let status = 200
    for (let index = 0; index < 20 && status === 200; index++) status = (await fixture.post('{ hello }')).status
    expect(status).toBe(429)
    const answer = await fixture.post('{ hello }')
    expect(answer.body.errors?.[0]).toEqual({
      message: 'The requests of this address make too much work; try again later (MAX_ADDRESS_WORK)',
      extensions: { code: 'RATE_LIMITED', retryable: true },
    })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    const refused = new WebSocket(fixture.server.wsUrl, 'graphql-transport-ws')
    refused.on('error', () => undefined)
    const [, response] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(response.statusCode).toBe(429)
    await until(async () => expect((await fixture.post('{ hello }')).status).toBe(200))
  })

  test('and requests of one address that arrive together are handled in several turns, others between them', async () => {
    await using fixture = await startTestServer({ environment: { TRUST_PROXY: 'true' } })
    const order: string[] = []
    const post = async (address: string, query: string): Promise<void> => {
      const { status } = await fixture.post(query, { headers: { 'x-forwarded-for': address } })
      order.push(`${address} ${status}`)
    }
    // Connections exist, and the code is compiled.
    await Promise.all(Array.from({ length: 40 }, () => post('10.0.0.1', '{ hello }')))
    order.length = 0
    // The work of each is half of a turn.
    const flood = Array.from({ length: 39 }, (_, index) =>
      post('10.0.0.1', `{ hello } # ${index} ${'x'.repeat(2_000)}`),
    )
    await Promise.all([...flood, post('10.0.0.2', '{ hello }')])
    expect(order).toHaveLength(40)
    expect(order.indexOf('10.0.0.2 200')).toBeLessThan(39)
    expect(order.filter((entry) => entry === '10.0.0.1 200')).toHaveLength(39)
  })

  test('and operations of one event stream are parsed in several turns, others between them', async () => {
    await using fixture = await startTestServer({ environment: { TRUST_PROXY: 'true' } })
    const order: string[] = []
    const ask = async (): Promise<void> => {
      await fixture.post('{ hello }', { headers: { 'x-forwarded-for': '10.0.0.2' } })
      order.push('other')
    }
    await ask()
    order.length = 0
    // The work of each is most of a turn.
    const operations = Array.from({ length: 16 }, (_, index) => ({
      id: String(index),
      query: `subscription { breaks(after: 1, how: "") } # ${index} ${'x'.repeat(3_500)}`,
    }))
    const read = async (): Promise<void> => {
      await using stream = await openBody(fixture.server.url, { operations }, { 'x-forwarded-for': '10.0.0.1' })
      for (let event = await stream.next(); event !== null; event = await stream.next())
        if (event.event === 'complete' && event.data !== '') order.push(event.data)
    }
    await Promise.all([read(), ask()])
    expect(order).toHaveLength(17)
    expect(order.indexOf('other')).toBeLessThan(8)
  })

  test('that belong to no operation are handled: pings before connection_init, pongs, ends of operations that have ended', async () => {
    await using fixture = await startTestServer()
    await using early = await connect(fixture, { begins: false })
    early.send({ type: 'pong' })
    early.send({ type: 'complete', id: 'a' })
    early.send({ type: 'ping' })
    await until(() => expect(early.received).toEqual([{ type: 'pong' }]))
    early.send({ type: 'ping', payload: 'text' })
    expect(await early.closed).toMatchObject({ code: 4400 })
  })

  test('that start too many operations are refused one by one, and recorded once', async () => {
    const { notes, admin } = createAudit()
    await using fixture = await startTestServer({ environment: { MAX_SUBSCRIPTIONS_PER_SOCKET: '2' }, admin })
    await using client = await connect(fixture)
    for (const id of 'abcd') client.send({ type: 'subscribe', id, payload: { query: 'subscription { silence }' } })
    const errors = [
      {
        message: expect.stringContaining('At most 2 operations'),
        extensions: { code: 'RATE_LIMITED', retryable: true },
      },
    ]
    await until(() => expect(client.received).toEqual(['c', 'd'].map((id) => ({ type: 'error', id, payload: errors }))))
    expect(notes.filter(({ event }) => event === 'LIMITED')).toHaveLength(1)
    expect(fixture.server.metrics.refusals.get('subscriptions')).toBe(2)
    // An id in use is a defect of the client.
    client.send({ type: 'subscribe', id: 'a', payload: { query: 'subscription { silence }' } })
    expect(await client.closed).toMatchObject({ code: 4409 })
  })
})

test('requests with refused tokens make work, and their tokens are not checked when it is too much', async () => {
  await using fixture = await startTestServer({ environment: { JWT_SECRET: secret, MAX_ADDRESS_WORK: '2048' } })
  const headers = { authorization: `Bearer ${await signToken({}, { secret: 'x'.repeat(32) })}` }
  await until(async () => expect((await fixture.post('{ hello }', { headers })).status).toBe(429))
  const valid = { authorization: `Bearer ${await signToken()}` }
  await until(async () => expect((await fixture.post('{ hello }', { headers: valid })).status).toBe(200))
})

describe('an operation retains', () => {
  test('only the variables that it declares, and the extensions that the server reads', () => {
    const { definitions } = parse('subscription ($a: Int, $b: Int) { silence }')
    const [operation] = definitions
    if (operation?.kind !== 'OperationDefinition') throw new Error('The document has one operation')
    const given = { variables: { a: 1, c: 'x', toString: 2 }, extensions: { catchUp: true, other: 'x' } }
    expect(declaredParams(operation, given)).toEqual({ variables: { a: 1 }, extensions: { catchUp: true } })
    const values = { catchUp: 'x'.repeat(100), traceparent: 'x'.repeat(100) }
    expect(declaredParams(operation, { extensions: values })).toEqual({})
    const traced = { catchUp: false, traceparent: 'x'.repeat(55) }
    expect(declaredParams(operation, { extensions: traced })).toEqual({ extensions: traced })
    expect(declaredParams(operation, { variables: null, extensions: ['x'] })).toEqual({})
  })

  test('no more on an event stream than a message may have', async () => {
    await using fixture = await startTestServer({ environment: { MAX_MESSAGE_BYTES: '2000' } })
    const query = 'subscription ($how: String!, $after: Int!) { breaks(after: $after, how: $how) }'
    const open = (how: string) =>
      openStream(fixture.server.url, query, { variables: { how, after: 1, undeclared: 'x'.repeat(3_000) } })
    await using refused = await open('x'.repeat(3_000))
    expect(resultOf(await refused.next()).errors?.[0]?.message).toContain('too large together (MAX_MESSAGE_BYTES)')
    await using accepted = await open('x')
    expect(resultOf(await accepted.next())).toEqual({ data: { breaks: 1 } })
  })

  const queryOf = (name: string, chars: number) => `subscription ${name} { silence } # ${'x'.repeat(chars)}`
  test.each([
    // Longer than a text that is cached: each operation has a document of its own.
    ['that is not cached', [1, 2, 3].map((id) => ({ id: `${id}`, query: queryOf('a', 35_000) }))],
    // Operations with the same text have the same document.
    [
      'that is cached',
      ['a', 'a', 'b', 'a', 'c'].map((name, index) => ({ id: `${index}`, query: queryOf(name, 30_000) })),
    ],
  ])('its document %s, and no more on a stream or socket with all its other operations', async (_name, operations) => {
    await using fixture = await startTestServer({ environment: { MAX_MESSAGE_BYTES: '80000' } })
    const id = operations.at(-1)?.id
    await using stream = await openBody(fixture.server.url, { operations })
    const error = {
      message:
        'The documents and variables of the operations on this stream are too large together (MAX_MESSAGE_BYTES)',
      extensions: { code: 'RATE_LIMITED', retryable: true },
    }
    expect(JSON.parse((await stream.next())?.data ?? '')).toMatchObject({ id, payload: { errors: [error] } })
    await using client = await connect(fixture)
    for (const { id, query } of operations) client.send({ type: 'subscribe', id, payload: { query } })
    const message = error.message.replace('stream', 'socket')
    await until(() => expect(client.received).toEqual([{ type: 'error', id, payload: [{ ...error, message }] }]))
  })
})

test('JSON that is nested too deeply is refused before it is parsed, on every transport', async () => {
  await using fixture = await startTestServer()
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const body = `{"query":"{ hello }","variables":{"name":${nested}}}`
  const post = (type: string, text: string) =>
    fetch(`${fixture.server.url}/graphql`, { method: 'POST', headers: { 'content-type': type }, body: text })
  const answer = await post('application/json', body)
  expect([answer.status, await answer.json()]).toEqual([
    400,
    {
      errors: [
        {
          message: 'The JSON of the request is nested more than 100 levels deep; that is the maximum',
          extensions: { code: 'BAD_INPUT' },
        },
      ],
    },
  ])
  const field = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${body}\r\n--x--\r\n`
  expect((await post('multipart/form-data; boundary=x', field)).status).toBe(400)
  await using client = await connect(fixture)
  client.socket.send(`{"id":"a","type":"subscribe","payload":${body}}`)
  expect(await client.closed).toEqual({ code: 4400, reason: 'The JSON of this message is nested too deeply' })
  // Brackets in text are no nesting.
  const text = '['.repeat(200)
  const named = await fixture.post('query ($name: String) { hello(name: $name) }', {
    variables: { name: `\\"${text}` },
  })
  expect(named.body.data).toEqual({ hello: `Hello \\"${text}` })
})

test('requests without a token are smaller', async () => {
  await using fixture = await startTestServer({
    environment: { JWT_SECRET: secret, MAX_ANONYMOUS_BODY_BYTES: '2000' },
  })
  const query = `{ viewer { userId } } # ${'x'.repeat(2_000)}`
  const anonymous = await fixture.post(query)
  expect(anonymous.status).toBe(413)
  expect(anonymous.body.errors?.[0]?.message).toContain('at most 2000 bytes are allowed (MAX_ANONYMOUS_BODY_BYTES)')
  const headers = { authorization: `Bearer ${await signToken()}` }
  expect((await fixture.post(query, { headers })).status).toBe(200)
  await using stream = await openStream(fixture.server.url, '{ viewer { userId } }', { headers })
  expect(resultOf(await stream.next())).toHaveProperty('data.viewer')
  await using refused = subscribe(fixture.client(), query)
  expect(await refused.ended).toMatchObject({ code: 1009 })
})
