import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { silentLogger } from '../../../src/logger.ts'
import { createRateLimits, type RateLimits } from '../../../src/rate-limits/rate-limits.ts'
import { drainRequestBody } from '../../../src/server/request/drain-request-body.ts'
import { openStream } from '../sse/sse.ts'
import {
  ask,
  type GraphqlBody,
  open as openSources,
  type ServerFixture,
  secret,
  signToken,
  startTestServer,
  subscribe,
  testConfig,
  until,
} from '../support.ts'

const protocol = 'graphql-transport-ws'

/** Sends the head of a request with one socket: an HTTP client would stop sending when it is answered. */
function beginRequest(
  url: string,
  {
    path = '/graphql',
    type,
    bytes,
    localAddress,
    connection = 'keep-alive',
  }: { path?: string; type: string; bytes: number; localAddress?: string; connection?: 'keep-alive' | 'close' },
) {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, localAddress })
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: ${type}\r\nContent-Length: ${bytes}\r\nConnection: ${connection}\r\n\r\n`,
  )
  return { socket, errors, closed, answer: () => answer }
}

describe('sizes', () => {
  let fixture: ServerFixture
  beforeAll(async () => {
    fixture = await startTestServer({
      environment: { MAX_BODY_BYTES: '2000', MAX_UPLOAD_BYTES: '100000', MAX_MESSAGE_BYTES: '3000' },
    })
  })
  afterAll(() => fixture[Symbol.asyncDispose]())

  /**
   * Sends a body in chunks, so that its length is not announced, and stops when the response
   * arrives.
   */
  const stream = (type: string, bytes: number): Promise<{ status: number; body: GraphqlBody; sentBytes: number }> =>
    new Promise((resolve, reject) => {
      const sent = request(`${fixture.server.url}/graphql`, { method: 'POST', headers: { 'content-type': type } })
      let sentBytes = 0
      let isAnswered = false
      const piece = Buffer.alloc(1_000, 32)
      const write = (): void => {
        if (isAnswered || sent.destroyed) return
        if (sentBytes >= bytes) return void sent.end()
        sentBytes += piece.length
        if (sent.write(piece)) setImmediate(write)
        else sent.once('drain', write)
      }
      sent.on('response', (response) => {
        isAnswered = true
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as GraphqlBody, sentBytes })
          sent.destroy()
        })
      })
      sent.on('error', (error) => (isAnswered ? undefined : reject(error)))
      write()
    })
  const upload = (bytes: number) => {
    const form = new FormData()
    form.set('operations', JSON.stringify({ query: 'mutation ($file: File!) { upload(file: $file) }', variables: {} }))
    form.set('map', JSON.stringify({ 0: ['variables.file'] }))
    form.set('0', new File(['x'.repeat(bytes)], 'notes.md'))
    return fetch(`${fixture.server.url}/graphql`, { method: 'POST', body: form })
  }

  test('answers a body that is too large with 413, by its announced length', async () => {
    const { status, body } = await fixture.post(`{ hello } # ${'x'.repeat(2_000)}`)
    expect(status).toBe(413)
    expect(body.errors).toEqual([
      {
        message: 'The request is too large; at most 2000 bytes are allowed (MAX_BODY_BYTES)',
        extensions: { code: 'REQUEST_TOO_LARGE' },
      },
    ])
    expect((await fixture.post(`{ hello } # ${'x'.repeat(1_500)}`)).status).toBe(200)
  })

  test('answers a body of unannounced length as soon as it exceeds the limit', async () => {
    const { status, sentBytes } = await stream('application/json', 50_000_000)
    expect(status).toBe(413)
    expect(sentBytes).toBeLessThan(10_000_000)
    expect((await stream('multipart/form-data; boundary=x', 50_000_000)).status).toBe(413)
  })

  test('accepts uploads up to their own limit', async () => {
    expect(await (await upload(90_000)).json()).toEqual({ data: { upload: 90_000 } })
    const refused = await upload(150_000)
    expect(refused.status).toBe(413)
    expect(await refused.json()).toMatchObject({ errors: [{ message: expect.stringContaining('MAX_UPLOAD_BYTES') }] })
  })

  test('answers so that a proxy that closes the connection can read it, also before the body has arrived', async () => {
    const bytes = 1_500_000
    for (const [type, status, localAddress] of [
      ['application/json', '413', '127.0.0.7'],
      ['text/plain', '415', '127.0.0.8'],
    ] as const) {
      const sender = beginRequest(fixture.server.url, { type, bytes, localAddress, connection: 'close' })
      await until(() => expect(sender.answer()).toContain(`HTTP/1.1 ${status}`))
      sender.socket.write(Buffer.alloc(bytes, 32))
      // All of it is read, and the connection is closed cleanly.
      await sender.closed
      expect(sender.errors).toEqual([])
    }
  })

  test('count a body that is refused for its depth as work', async () => {
    const workOf = async (length: number): Promise<number> => {
      const before = fixture.server.metrics.workBytes
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${fixture.server.url}/graphql`, {
        method: 'POST',
        headers,
        body: '['.repeat(length),
      })
      expect(response.status).toBe(400)
      return fixture.server.metrics.workBytes - before
    }
    expect((await workOf(800)) - (await workOf(300))).toBe(500)
  })

  test('discards a few megabytes of an address, and reads no more of it before it closes the connection', async () => {
    const bytes = 200_000_000
    // An address of its own: what others send is read.
    const sender = beginRequest(fixture.server.url, { type: 'text/plain', bytes, localAddress: '127.0.0.9' })
    const { socket } = sender
    const part = Buffer.alloc(1_000_000, 32)
    const send = (): void => {
      while (socket.writable && socket.write(part));
    }
    socket.on('drain', send)
    send()
    await sender.closed
    expect(sender.answer()).toContain('HTTP/1.1 415')
    // The rest is what the operating system has taken.
    expect(socket.bytesWritten - socket.writableLength).toBeLessThan(bytes / 4)
  })

  test('closes the connection of a client that does not, when the request arrived after the beginning of the answer', async () => {
    const closed = Promise.withResolvers<void>()
    const server = createServer((incoming, response) => {
      incoming.socket.once('close', () => closed.resolve())
      drainRequestBody(incoming, response)
      response.write('early')
      incoming.resume().on('end', () => response.end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n')
    await once(socket, 'data')
    socket.write('{}')
    await closed.promise
    socket.destroy()
    server.close()
  })

  test('closes the connection of a client that keeps sending slowly after an early answer', async () => {
    for (const [type, path, status] of [
      ['application/json', '/nothing', '404'],
      ['text/plain', '/graphql', '415'],
      ['application/json', '/graphql', '413'],
    ] as const) {
      const sender = beginRequest(fixture.server.url, { type, path, bytes: 1_000_000 })
      const drip = setInterval(() => sender.socket.write(' '), 50)
      // A reset while it still sends is as good as an end.
      await sender.closed
      clearInterval(drip)
      expect(sender.answer()).toContain(`HTTP/1.1 ${status}`)
      expect(sender.answer().toLowerCase()).toContain('\r\nconnection: close\r\n')
    }
  })

  test.each([
    ['no multipart at all', 'multipart/form-data', 'nothing'],
    [
      'no operations',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
    ],
    ['no JSON', 'application/json', '{'],
    ['no object', 'application/json', '1'],
    ['no query', 'application/json', '{}'],
    ['a query that is no text', 'application/json', '{"query":1}'],
  ])('answers a request with client errors, not a server failure, when it has %s', async (_what, type, body) => {
    const response = await fetch(`${fixture.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    expect(response.status).toBeLessThan(500)
    expect(await response.json()).toMatchObject({ errors: [{ message: expect.any(String) }] })
  })

  test('closes a socket after a message that is too large', async () => {
    const client = fixture.client()
    await using watching = subscribe(client, `{ hello } # ${'x'.repeat(3_000)}`)
    expect(await watching.ended).toMatchObject({ code: 1009 })
  })
})

describe('sockets', () => {
  test('refuses only the operation that exceeds the limit on its socket', async () => {
    await using fixture = await startTestServer({ environment: { MAX_SUBSCRIPTIONS_PER_SOCKET: '2' } })
    const client = fixture.client()
    await using first = subscribe(client, 'subscription { silence }')
    await using second = subscribe(client, 'subscription { silence }')
    await until(() => expect(fixture.server.metrics.subscriptions.get('silence')).toBe(2))
    await using third = subscribe(client, 'subscription { silence }')
    expect(await third.ended).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryable: true } }])
    await second[Symbol.asyncDispose]()
    await until(() => expect(fixture.server.metrics.subscriptions.get('silence')).toBe(1))
    expect(await ask(client, '{ hello }')).toHaveProperty('data.hello')
    expect(first.results).toEqual([])
    expect(fixture.server.metrics.refusals.get('subscriptions')).toBe(1)
  })

  test('limits the connections of one address, sockets and event streams together, and accepts another when one has closed', async () => {
    await using fixture = await startTestServer({
      environment: { MAX_SOCKETS_PER_ADDRESS: '2', TRUST_PROXY: 'true' },
    })
    const from = (address: string) => ({ 'x-forwarded-for': `6.6.6.6, ${address}` })
    const open = async (address: string) => {
      const socket = new WebSocket(fixture.server.wsUrl, protocol, { headers: from(address) })
      const status = await new Promise((resolve) => {
        socket.on('error', () => undefined)
        socket.on('open', () => resolve('open'))
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
      })
      return { socket, status }
    }
    const first = await open('1.1.1.1')
    await using stream = await openStream(fixture.server.url, 'subscription { silence }', { headers: from('1.1.1.1') })
    expect([first.status, stream.response.status]).toEqual(['open', 200])
    expect((await open('1.1.1.1')).status).toBe(429)
    await using refused = await openStream(fixture.server.url, 'subscription { silence }', { headers: from('1.1.1.1') })
    expect(refused.response.status).toBe(429)
    const other = await open('2.2.2.2')
    expect(other.status).toBe('open')
    first.socket.terminate()
    other.socket.terminate()
    await until(() => expect(fixture.server.connections.size).toBe(1))
    const again = await open('1.1.1.1')
    expect(again.status).toBe('open')
    again.socket.terminate()

    // One machine has all the addresses of such a network; some proxies add the port.
    const many = [await open('2001:db8:1:2::3'), await open('[2001:db8:1:2:ffff::4]:4711')]
    expect(many.map(({ status }) => status)).toEqual(['open', 'open'])
    expect((await open('2001:db8:1:2::5')).status).toBe(429)
    const neighbor = await open('2001:db8:1:3::3')
    expect(neighbor.status).toBe('open')
    for (const { socket } of [...many, neighbor]) socket.terminate()
  })

  test('limits the connections of one address that open together, and those of clients that have left', async () => {
    await using limits = await createRateLimits({
      budgets: testConfig().RATE_LIMITS,
      addressFactor: 10,
      redis: null,
      prefix: 'test',
      logger: silentLogger,
    })
    let counted = 0
    let gate = Promise.withResolvers<void>()
    const take: RateLimits['take'] = async (name, caller) => {
      if (name === 'connections') {
        counted++
        await gate.promise
      }
      return limits.take(name, caller)
    }
    await using fixture = await startTestServer({
      environment: { MAX_SOCKETS_PER_ADDRESS: '5', JWT_SECRET: secret },
      rateLimits: { take, [Symbol.asyncDispose]: () => Promise.resolve() },
    })
    const { metrics, connections, url, wsUrl } = fixture.server

    const sockets = Array.from({ length: 9 }, () => new WebSocket(wsUrl, protocol))
    const opened = sockets.map(
      (socket) =>
        new Promise((resolve) => {
          socket.on('error', () => undefined)
          socket.on('open', () => resolve(101))
          socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
        }),
    )
    await until(() => expect(counted).toBe(9))
    gate.resolve()
    const statuses = await Promise.all(opened)
    expect(statuses.sort()).toEqual([...Array(5).fill(101), ...Array(4).fill(429)])
    expect(connections.size).toBe(5)
    for (const socket of sockets) socket.terminate()
    await until(() => expect(connections.size).toBe(0))

    gate = Promise.withResolvers()
    const left = new AbortController()
    const headers = { authorization: `Bearer ${await signToken()}` }
    const disconnected = fetch(`${url}/graphql?query=subscription{silence}`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: left.signal,
    })
    await until(() => expect(counted).toBe(10))
    left.abort()
    await expect(disconnected).rejects.toThrow()
    // Answered after the server has seen the end of the request before.
    expect((await fixture.post('{ hello }', { headers })).status).toBe(200)
    gate.resolve()
    await until(() => expect([openSources.quiet, connections.size, metrics.connectionsOpened.sse]).toEqual([0, 0, 0]))
  })

  test('limits the TCP connections of one address to twice as many', async () => {
    await using fixture = await startTestServer({ environment: { MAX_SOCKETS_PER_ADDRESS: '2' } })
    const { hostname, port } = new URL(fixture.server.url)
    const sockets = Array.from({ length: 6 }, () => connect(Number(port), hostname).on('error', () => undefined))
    await until(() => expect(fixture.server.metrics.refusals.get('tcp')).toBe(2))
    await until(() => expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(2))
    for (const socket of sockets) socket.destroy()
    await until(async () => expect((await fixture.post('{ hello }')).status).toBe(200))
  })

  test('limits the connections of one viewer; the next is asked to retry later', async () => {
    await using fixture = await startTestServer({ environment: { MAX_SOCKETS_PER_VIEWER: '2', JWT_SECRET: secret } })
    const [mine, yours] = [await signToken({ sub: 'me' }), await signToken({ sub: 'you' })]
    const clients = [mine, mine, yours].map((token) => fixture.client({ connectionParams: { token }, lazy: false }))
    await until(() => expect(fixture.server.connections.size).toBe(3))
    await using refused = subscribe(fixture.client({ connectionParams: { token: mine } }), '{ hello }')
    expect(await refused.ended).toMatchObject({ code: 1013 })
    await using stream = await openStream(fixture.server.url, 'subscription { silence }', {
      headers: { authorization: `Bearer ${mine}` },
    })
    expect(stream.response.status).toBe(429)
    await clients[0]?.dispose()
    await until(() => expect(fixture.server.connections.size).toBe(2))
    await using accepted = subscribe(fixture.client({ connectionParams: { token: mine } }), '{ hello }')
    expect(await accepted.ended).toBe('complete')
  })

  class OfferingLegacyFirst extends WebSocket {
    constructor(url: string, subprotocol: string) {
      super(url, ['graphql-ws', subprotocol])
    }
  }

  test('closes a socket that sends no connection_init, and one of another subprotocol', async () => {
    await using fixture = await startTestServer({ initMs: 20 })
    const closeCode = async (socket: WebSocket) => (await once(socket, 'close'))[0] as number
    expect(await closeCode(new WebSocket(fixture.server.wsUrl, protocol))).toBe(4408)
    expect(await closeCode(new WebSocket(fixture.server.wsUrl))).toBe(4406)
    // The legacy subprotocol of subscriptions-transport-ws.
    expect(await closeCode(new WebSocket(fixture.server.wsUrl, 'graphql-ws'))).toBe(4406)
    const both = fixture.client({ lazy: false, webSocketImpl: OfferingLegacyFirst })
    expect(await ask(both, '{ hello }')).toHaveProperty('data.hello')
  })

  test('closes a socket without a token after a while, when tokens are required', async () => {
    await using fixture = await startTestServer({ environment: { JWT_SECRET: secret }, initMs: 500, anonymousMs: 100 })
    const connected = fixture.client({ connectionParams: { token: await signToken() }, lazy: false })
    const closed = new Promise((resolve) => {
      fixture.client({ lazy: false, on: { closed: resolve }, onNonLazyError: () => undefined })
    })
    expect(await closed).toMatchObject({ code: 4401, reason: 'A socket without a token ends; connect with a token' })
    expect(await ask(connected, '{ hello }')).toHaveProperty('data.hello')
  })

  test('closes a socket after a message of many fragments', async () => {
    await using fixture = await startTestServer()
    const socket = new WebSocket(fixture.server.wsUrl, protocol)
    await once(socket, 'open')
    const [first, ...rest] = JSON.stringify({ type: 'connection_init', payload: { much: 'x'.repeat(100) } })
    socket.send(first ?? '', { fin: false })
    for (const [index, character] of rest.entries()) socket.send(character, { fin: index === rest.length - 1 })
    expect((await once(socket, 'close'))[0]).toBe(1008)
  })

  test('cuts a socket with a peer that no longer answers pings, and keeps the others', async () => {
    await using fixture = await startTestServer({ keepAliveMs: 50 })
    const alive = fixture.client({ lazy: false })
    const dead = new WebSocket(fixture.server.wsUrl, protocol, { autoPong: false })
    dead.on('open', () => dead.send(JSON.stringify({ type: 'connection_init' })))
    expect((await once(dead, 'close'))[0]).toBe(1006)
    expect(await ask(alive, '{ hello }')).toHaveProperty('data.hello')
    expect(fixture.server.connections.size).toBe(1)
  })

  test('pings a socket that sent nothing, and none that did', async () => {
    await using fixture = await startTestServer({ keepAliveMs: 100 })
    /** Pings of the silent socket since the last one of the other: on a stalled machine that one may be silent for once. */
    let pings = 0
    const [silent, busy] = await Promise.all(
      [() => pings++, () => (pings = 0)].map(async (onPing) => {
        const socket = new WebSocket(fixture.server.wsUrl, protocol)
        socket.on('ping', onPing)
        await once(socket, 'open')
        socket.send(JSON.stringify({ type: 'connection_init' }))
        return socket
      }),
    )
    const sending = setInterval(() => busy?.send(JSON.stringify({ type: 'ping' })), 20)
    try {
      await until(() => expect(pings).toBeGreaterThan(5))
    } finally {
      clearInterval(sending)
      silent?.terminate()
      busy?.terminate()
    }
  })

  test('keeps a quiet event stream open with comments', async () => {
    await using fixture = await startTestServer({ keepAliveMs: 20 })
    const response = await fetch(
      `${fixture.server.url}/graphql?query=${encodeURIComponent('subscription { silence }')}`,
      {
        headers: { accept: 'text/event-stream' },
      },
    )
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk)
      if (text === ':\n\n:\n\n:\n\n') break
    }
  })
})
