import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ServerFixture, secret, startTestServer } from './support.ts'

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
