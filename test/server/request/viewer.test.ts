import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { openStream } from '../sse/sse.ts'
import { ask, type ServerFixture, secret, signToken, startTestServer, subscribe, until } from '../support.ts'

const viewerQuery = '{ viewer { userId roles plan taskIds } }'
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const forgedSecret = 'another secret, as long as the first one'

describe('with a secret', () => {
  let fixture: ServerFixture
  beforeAll(async () => {
    fixture = await startTestServer({
      environment: { JWT_SECRET: secret, JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'tidings' },
    })
  })
  afterAll(() => fixture[Symbol.asyncDispose]())
  const sign = (claims: Record<string, unknown> = {}, options: { expiresInMs?: number; secret?: string } = {}) =>
    signToken({ iss: 'issuer', aud: 'tidings', ...claims }, options)

  test('reads the same viewer from the header, the stream’s header and every form of connection_init', async () => {
    const token = await sign({ roles: ['teacher'], plan: 'pro', tasks: ['task_1'] })
    const viewer = { userId: 'u_1', roles: ['teacher'], plan: 'pro', taskIds: ['task_1'] }
    expect((await fixture.post(viewerQuery, { headers: bearer(token) })).body).toEqual({ data: { viewer } })
    await using stream = await openStream(fixture.server.url, viewerQuery, { headers: bearer(token) })
    expect(await stream.next()).toMatchObject({ data: JSON.stringify({ data: { viewer } }) })
    for (const connectionParams of [bearer(token), { Authorization: `Bearer ${token}` }, { token }])
      expect(await ask(fixture.client({ connectionParams }), viewerQuery)).toEqual({ data: { viewer } })
    class WithHeader extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { headers: bearer(token) })
      }
    }
    expect(await ask(fixture.client({ webSocketImpl: WithHeader }), viewerQuery)).toEqual({ data: { viewer } })
  })

  test('verifies the signature of a token once, and that of a refused one each time', async () => {
    const verify = vi.spyOn(globalThis.crypto.subtle, 'verify')
    const post = async (token: string) => (await fixture.post(viewerQuery, { headers: bearer(token) })).status
    const token = await sign({ sub: 'u_once' })
    for (const status of [200, 200, 200]) expect(await post(token)).toBe(status)
    expect(verify).toHaveBeenCalledTimes(1)
    const expiring = await sign({ sub: 'u_expiring' }, { expiresInMs: 3_000 })
    expect(await post(expiring)).toBe(200)
    // It expires although its signature is remembered.
    await until(async () => expect(await post(expiring)).toBe(401))
    expect(verify).toHaveBeenCalledTimes(2)
    // One that differs from it only in its signature.
    const forged = token.replace(/[\w-]{43}$/, (signature) => [...signature].reverse().join(''))
    for (const status of [401, 401]) expect(await post(forged)).toBe(status)
    expect(verify).toHaveBeenCalledTimes(4)
    verify.mockRestore()
  })

  test('has no viewer without a token', async () => {
    expect((await fixture.post(viewerQuery)).body).toEqual({ data: { viewer: null } })
    expect(await ask(fixture.client(), viewerQuery)).toEqual({ data: { viewer: null } })
  })

  const refused: readonly [what: string, token: () => Promise<string>, code: number][] = [
    ['malformed', () => Promise.resolve('not.a-token'), 4401],
    ['signed by someone else', () => sign({}, { secret: forgedSecret }), 4401],
    ['without a signature', async () => `${(await sign()).split('.').slice(0, 2).join('.')}.`, 4401],
    [
      'of another algorithm',
      () =>
        new SignJWT({ sub: 'u_1' })
          .setProtectedHeader({ alg: 'HS512' })
          .sign(new TextEncoder().encode(`${secret}${secret}`)),
      4401,
    ],
    ['of another issuer', () => sign({ iss: 'other' }), 4401],
    ['for another audience', () => sign({ aud: 'other' }), 4401],
    ['without a user', () => sign({ sub: undefined }), 4401],
    ['of a user who cannot be written down', () => sign({ sub: 'u_\0' }), 4401],
    ['with roles that are no list', () => sign({ roles: 'admin' }), 4401],
    ['without an expiry', () => sign({ exp: undefined }), 4401],
    ['with an expiry beyond all dates', () => sign({ exp: 9e12 }), 4401],
    ['with an expiry beyond all numbers', () => sign({ exp: 1e300 }), 4401],
    ['with an expiry that is no number', () => sign({ exp: '4102444800' }), 4401],
    ['with an expiry before all dates', () => sign({ exp: -9e12 }), 4403],
    ['expired', () => sign({}, { expiresInMs: -2_000 }), 4403],
  ]
  test.each(refused)('refuses a token that is %s, on every transport', async (_what, createToken, code) => {
    const token = await createToken()
    const { status, body, headers } = await fixture.post('{ hello }', { headers: bearer(token) })
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe('Bearer')
    expect(body.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED')
    await using stream = await openStream(fixture.server.url, 'subscription { silence }', { headers: bearer(token) })
    expect(stream.response.status).toBe(401)
    await using watching = subscribe(fixture.client({ connectionParams: bearer(token) }), '{ hello }')
    expect(await watching.ended).toMatchObject({ code, reason: body.errors?.[0]?.message })
  })

  test.each([
    [{ authorization: 42 }, 'authorization'],
    [{ Authorization: ['Bearer x'] }, 'Authorization'],
    [{ authorization: false }, 'authorization'],
    [{ token: { value: 'x' } }, 'token'],
    [{ authorization: null, token: 7 }, 'token'],
  ])('closes a socket whose credentials are not text, instead of serving it anonymously: %j', async (params, name) => {
    await using watching = subscribe(fixture.client({ connectionParams: params }), '{ hello }')
    expect(await watching.ended).toMatchObject({
      code: 4401,
      reason: `"${name}" of connection_init is not a string`,
    })
  })

  test('serves a socket with null credentials without a viewer', async () => {
    const client = fixture.client({ connectionParams: { authorization: null, token: null } })
    expect(await ask(client, viewerQuery)).toEqual({ data: { viewer: null } })
  })

  test('accepts the last expiry that a date can have', async () => {
    const token = await sign({ exp: 8.64e12 })
    expect((await fixture.post('{ hello }', { headers: bearer(token) })).status).toBe(200)
    expect(await ask(fixture.client({ connectionParams: { token } }), '{ hello }')).toHaveProperty('data')
  })

  test('accepts a token of an issuer with a clock that is ahead, within the tolerance', async () => {
    const token = await sign({ nbf: Math.floor(Date.now() / 1_000) + 30 })
    expect((await fixture.post('{ hello }', { headers: bearer(token) })).status).toBe(200)
  })

  test('asks the holder of a token that is not valid yet to retry, on every transport', async () => {
    const validAt = Math.floor(Date.now() / 1_000) + 300
    const token = await sign({ nbf: validAt })
    const message = `The token is not valid before ${new Date(validAt * 1_000).toISOString()}; try again then`
    const { status, body, headers } = await fixture.post('{ hello }', { headers: bearer(token) })
    expect(status).toBe(503)
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(body.errors).toMatchObject([{ message, extensions: { code: 'UNAVAILABLE' } }])
    await using stream = await openStream(fixture.server.url, 'subscription { silence }', { headers: bearer(token) })
    expect(stream.response.status).toBe(503)
    await using watching = subscribe(fixture.client({ connectionParams: bearer(token) }), '{ hello }')
    expect(await watching.ended).toMatchObject({ code: 1013, reason: message })
  })

  test('closes a socket with 4403 when its token expires, and the client resumes with a new one', async () => {
    const closes: { code: number; at: number }[] = []
    const expiries: number[] = []
    const client = fixture.client({
      retryAttempts: 5,
      retryWait: () => Promise.resolve(),
      connectionParams: async () => {
        const token = await sign({}, { expiresInMs: expiries.length === 0 ? 2_000 : 60_000 })
        expiries.push(Math.floor((Date.now() + 2_000) / 1_000) * 1_000)
        return { token }
      },
      on: { closed: (event) => closes.push({ code: (event as CloseEvent).code, at: Date.now() }) },
    })
    await using watching = subscribe(client, 'subscription { silence }')
    await until(() => expect(closes).toMatchObject([{ code: 4403 }]))
    expect(closes[0]?.at).toBeGreaterThanOrEqual(expiries[0] ?? 0)
    await until(() => expect(fixture.server.metrics.subscriptions.get('silence')).toBe(1))
    expect(expiries).toHaveLength(2)
    expect(watching.results).toEqual([])
  })

  test('ends an event stream without complete when its token expires', async () => {
    const token = await sign({}, { expiresInMs: 2_000 })
    await using stream = await openStream(fixture.server.url, 'subscription { silence }', { headers: bearer(token) })
    expect((await stream.rest()).at(-1)).toEqual({ comment: 'the token has expired; connect again with a new one' })
    expect(stream.isCut).toBe(true)
  })

  test('refuses files without a token or with a scoped token', async () => {
    const send = (headers: Record<string, string>) =>
      fetch(`${fixture.server.url}/graphql`, { method: 'POST', headers, body: new FormData() })
    expect((await send({})).status).toBe(401)
    const refused = await send(bearer(await sign({ tasks: ['task_1'] })))
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
    // The form is empty, which is the error for all other tokens.
    expect((await send(bearer(await sign({})))).status).toBe(400)
  })
})

describe('with the issuer’s public keys', () => {
  test('accepts tokens signed by one of them, never one that uses a public key as a secret, and reports when it cannot verify', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
    let isDown = false
    const issuer = createServer((_request, response) => {
      if (isDown) response.writeHead(500).end()
      else response.end(JSON.stringify({ keys: [jwk] }))
    }).listen(0, '127.0.0.1')
    await until(() => expect(issuer.listening).toBe(true))
    const environment = { JWKS_URL: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys` }
    await using fixture = await startTestServer({ environment })
    const signed = await new SignJWT({ sub: 'u_9' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setExpirationTime('1h')
      .sign(privateKey)
    expect((await fixture.post(viewerQuery, { headers: bearer(signed) })).body).toHaveProperty(
      'data.viewer.userId',
      'u_9',
    )

    const confused = await new SignJWT({ sub: 'u_9' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(new TextEncoder().encode(JSON.stringify(jwk)))
    expect((await fixture.post(viewerQuery, { headers: bearer(confused) })).status).toBe(401)

    isDown = true
    await using other = await startTestServer({ environment, on: fixture.fixture })
    const { status, body } = await other.post(viewerQuery, { headers: bearer(signed) })
    expect({ status, code: body.errors?.[0]?.extensions['code'] }).toEqual({ status: 503, code: 'UNAVAILABLE' })
    await using watching = subscribe(other.client({ connectionParams: bearer(signed) }), '{ hello }')
    expect(await watching.ended).toMatchObject({ code: 1013 })
    issuer.close()
  })
})

test('tokens without an expiry are accepted only when a setting allows it', async () => {
  await using fixture = await startTestServer({ environment: { JWT_SECRET: secret, JWT_REQUIRE_EXP: 'false' } })
  const token = await signToken({ exp: undefined })
  expect((await fixture.post(viewerQuery, { headers: bearer(token) })).body).toHaveProperty('data.viewer.userId', 'u_1')
})

test('without a secret all requests are from the local developer', async () => {
  await using fixture = await startTestServer()
  const { body } = await fixture.post(viewerQuery, { headers: bearer('whatever') })
  expect(body).toHaveProperty('data.viewer.userId', 'local-developer')
})
