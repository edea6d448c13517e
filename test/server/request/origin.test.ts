import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ServerFixture, secret, startTestServer } from '../support.ts'

/**
 * Sends a request with any Host and Origin. `fetch` sets both itself, and the browser of a hostile
 * page does not ask the server what it may send.
 */
function send(
  fixture: ServerFixture,
  headers: Record<string, string>,
  method = 'POST',
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port: fixture.server.port,
        host: '127.0.0.1',
        path: '/graphql',
        method,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        response.resume()
        resolve({ status: response.statusCode ?? 0, headers: response.headers })
      },
    )
    sent.on('error', reject)
    sent.end(method === 'POST' ? JSON.stringify({ query: '{ hello }' }) : undefined)
  })
}
/** Returns `open`, or the status with which the upgrade was refused. */
function upgrade(fixture: ServerFixture, headers: Record<string, string>): Promise<number | 'open'> {
  return new Promise((resolve) => {
    const socket = new WebSocket(fixture.server.wsUrl, 'graphql-transport-ws', { headers })
    socket.on('error', () => undefined)
    socket.on('unexpected-response', (sent, response) => {
      sent.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('open', () => {
      socket.terminate()
      resolve('open')
    })
  })
}

describe('with tokens', () => {
  let fixture: ServerFixture
  beforeAll(async () => {
    fixture = await startTestServer({
      environment: { JWT_SECRET: secret, ALLOWED_ORIGINS: 'https://app.example, https://other.example/' },
    })
  })
  afterAll(() => fixture[Symbol.asyncDispose]())
  const cases: readonly [what: string, headers: Record<string, string>, status: number][] = [
    ['none, as from programs', {}, 200],
    ['its own', { host: 'api.example', origin: 'https://api.example' }, 200],
    ['its own, with the port spelled out', { host: 'api.example:443', origin: 'https://api.example' }, 200],
    ['one on the list', { origin: 'https://app.example' }, 200],
    ['one on the list with a slash', { origin: 'https://other.example' }, 200],
    ['a foreign one', { origin: 'https://evil.example' }, 403],
    ['a foreign one that begins like one on the list', { origin: 'https://app.example.evil.example' }, 403],
    ['null, as of sandboxed pages', { origin: 'null' }, 403],
    ['a page on another port', { host: 'api.example', origin: 'https://api.example:8443' }, 403],
    ['none, but the browser says cross-site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, 403],
  ]
  test.each(cases)('decides the same for HTTP and WebSocket by origin: %s', async (_what, headers, status) => {
    expect((await send(fixture, headers)).status).toBe(status)
    expect(await upgrade(fixture, headers)).toBe(status === 200 ? 'open' : status)
  })

  test('sends CORS headers for listed origins only', async () => {
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    expect(await send(fixture, preflight, 'OPTIONS')).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': 'https://app.example', vary: 'Origin' },
    })
    const allowed = await send(fixture, preflight)
    expect(allowed.headers['access-control-allow-origin']).toBe('https://app.example')
    expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials')
    expect(
      (await send(fixture, { ...preflight, origin: 'https://evil.example' }, 'OPTIONS')).headers,
    ).not.toHaveProperty('access-control-allow-origin')
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', ''])(
    'refuses what a form of another site could send: "%s"',
    async (type) => {
      expect((await send(fixture, { 'content-type': type })).status).toBe(415)
    },
  )
})

/** Sends a request head as it is, and returns the response head. */
async function sendHead(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let text = ''
  for await (const part of socket.setEncoding('utf8')) {
    text += part
    if (text.includes('\r\n\r\n')) break
  }
  return text
}

describe('headers', () => {
  let fixture: ServerFixture
  beforeAll(async () => {
    fixture = await startTestServer({ environment: { JWT_SECRET: secret, TRUST_PROXY: 'true' } })
  })
  afterAll(() => fixture[Symbol.asyncDispose]())

  const token = 'Bearer x.y.z'
  test.each([
    ['Host: evil.example', 'host'],
    ['HOST: localhost', 'host'],
    ['Origin: http://localhost\r\nOrigin: http://evil.example', 'origin'],
    [`Authorization: ${token}\r\nauthorization: ${token}`, 'authorization'],
    ['Content-Type: application/json\r\nContent-Type: text/plain', 'content-type'],
  ])('are refused when one that decides is sent twice: %s', async (repeated, name) => {
    const { port } = fixture.server
    const message = `The header "${name}" was sent twice; send it once`
    const head = ['GET /graphql?query=%7Bhello%7D HTTP/1.1', 'Host: localhost', repeated]
    const plain = await sendHead(port, [...head, 'Connection: close'])
    expect(plain).toMatch(/^HTTP\/1\.1 400 /)
    expect(plain).toContain(JSON.stringify(message))
    const upgraded = await sendHead(port, [
      ...head,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: graphql-transport-ws',
    ])
    expect(upgraded).toMatch(/^HTTP\/1\.1 400 /)
    expect(upgraded).toContain(message)
  })

  test.each(['Application/JSON', 'APPLICATION/JSON; charset=utf-8', 'application/json ;charset=UTF-8'])(
    'name media types in any case: %s',
    async (type) => {
      const { status, body } = await fixture.post('{ hello }', { headers: { 'content-type': type } })
      expect({ status, body }).toEqual({ status: 200, body: { data: { hello: 'Hello you' } } })
    },
  )

  test('make browsers use HTTPS after an answer over HTTPS, take the type as it is, and share no window', async () => {
    for (const path of ['/graphql', '/graphql?query=%7Bhello%7D', '/nowhere', '/health/live']) {
      const plain = await fetch(`${fixture.server.url}${path}`)
      expect(plain.headers.get('x-content-type-options'), path).toBe('nosniff')
      expect(plain.headers.get('cross-origin-opener-policy'), path).toBe('same-origin')
      expect(plain.headers.get('strict-transport-security'), path).toBeNull()
      const secure = await fetch(`${fixture.server.url}${path}`, { headers: { 'x-forwarded-proto': 'https' } })
      expect(secure.headers.get('strict-transport-security'), path).toBe('max-age=31536000')
    }
  })
})

describe('without tokens', () => {
  let fixture: ServerFixture
  beforeAll(async () => {
    fixture = await startTestServer()
  })
  afterAll(() => fixture[Symbol.asyncDispose]())
  test.each([
    ['localhost:4000', 200],
    ['127.0.0.1', 200],
    ['[::1]:4000', 200],
    ['rebound.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example', 403],
  ])('answers only to loopback host names, against DNS rebinding: %s', async (host, status) => {
    const headers = { host, origin: `http://${host}` }
    expect((await send(fixture, headers)).status).toBe(status)
    expect(await upgrade(fixture, headers)).toBe(status === 200 ? 'open' : status)
  })

  test('refuses a foreign origin', async () => {
    expect((await send(fixture, { origin: 'http://localhost:5173' })).status).toBe(403)
    expect(await upgrade(fixture, { origin: 'https://evil.example' })).toBe(403)
  })
})
