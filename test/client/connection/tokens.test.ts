import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createTokens } from '../../../client/base/tokens.ts'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import type { TransportName } from '../../../client/transport/transport.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

const secret = 'a secret of the tests, long enough for HS256'

/**
 * Signs a token of the owner of the tests' tasks that expires after `expiresInMs`; times in a token
 * are whole seconds.
 */
function sign(
  expiresInMs: number,
  options: { readonly secret?: string; readonly issuedAgoMs?: number } = {},
): Promise<string> {
  const now = Date.now()
  return new SignJWT({
    sub: localDeveloper.userId,
    exp: Math.ceil((now + expiresInMs) / 1_000),
    jti: crypto.randomUUID(),
  })
    .setIssuedAt(Math.floor((now - (options.issuedAgoMs ?? 0)) / 1_000))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(options.secret ?? secret))
}

let site: Site
beforeAll(async () => {
  site = await startSite({ JWT_SECRET: secret })
})
afterAll(() => site[Symbol.asyncDispose]())

const is = (client: TidingsClient): ConnectionState => client.connection.getSnapshot()
const seqsOf = async (id: string): Promise<readonly number[]> =>
  (await site.engine.events({ id })).map(({ seq }) => seq)

describe.for<TransportName>(['websocket', 'sse', 'polling'])('over %s', (transport) => {
  test('renews a token before it expires, without losing or repeating an event, and without a gap', async () => {
    // Renewed after a second and valid for nineteen more, so that a busy machine renews it in time.
    const token = vi.fn(() => sign(20_000, { issuedAgoMs: 60_000 }))
    const id = await site.count(60)
    await using client = site.client({ transports: [transport], token, timing: { tokenLeewayMs: 19_000 } })
    const states = recordStates(client)
    const watching = watch(client, id)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
    const stepping = setInterval(() => site.step(), 20)
    await eventually(() => expect(token.mock.calls.length).toBeGreaterThan(3))
    clearInterval(stepping)
    site.step(60)
    await watching.done
    expect(watching.seqs).toEqual(await seqsOf(id))
    const works = states.slice(states.findIndex(({ status }) => status === 'live' || status === 'degraded'))
    expect(works.map(({ status }) => status)).not.toContain('reconnecting')
  })

  test('resumes with a new token after one has expired while connected', async () => {
    // Has no issue time and expires at once: it cannot be renewed in time.
    const tokens = [() => sign(1_000, { issuedAgoMs: 60_000 }), () => sign(60_000)]
    const token = vi.fn(() => (tokens.length > 1 ? tokens.shift() : tokens[0])?.() ?? null)
    const id = await site.count(4)
    await using client = site.client({ transports: [transport], token, timing: { tokenLeewayMs: 0 } })
    const watching = watch(client, id)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
    await eventually(() => expect(token.mock.calls.length).toBeGreaterThan(1))
    site.step(4)
    await watching.done
    expect(watching.seqs).toEqual(await seqsOf(id))
  })

  test('ends with a clear state when the token is permanently refused, and reconnects with another one on request', async () => {
    let token = await sign(60_000, { secret: 'another secret, which this server does not know' })
    const id = await site.count(1, true)
    await using client = site.client({ transports: [transport], token: () => token })
    recordStates(client)
    await eventually(() =>
      expect(is(client)).toMatchObject({ status: 'closed', reason: expect.stringMatching(/token/) }),
    )
    await expect(watch(client, id).done).rejects.toThrow(/token/)
    token = await sign(60_000)
    client.connection.reconnect()
    await eventually(() => expect(['live', 'degraded']).toContain(is(client).status))
    const watching = watch(client, id)
    await watching.done
    expect(watching.seqs).toEqual(await seqsOf(id))
  })

  test('stops asking when the function returns only expired tokens', async () => {
    const token = vi.fn(() => sign(-10_000, { issuedAgoMs: 60_000 }))
    await using client = site.client({ transports: [transport], token })
    recordStates(client)
    await eventually(() => expect(is(client).status).toBe('closed'))
    expect(token.mock.calls.length).toBeLessThan(12)
  })

  test('retries when the token function fails, and reports why it waits', async () => {
    let isDown = true
    const token = (): Promise<string> => (isDown ? Promise.reject(new Error('the login page is away')) : sign(60_000))
    await using client = site.client({ transports: [transport], token })
    recordStates(client)
    await eventually(() =>
      expect(is(client)).toMatchObject({ status: 'reconnecting', reason: expect.stringMatching(/login page/) }),
    )
    isDown = false
    await eventually(() => expect(['live', 'degraded']).toContain(is(client).status))
  })
})

test('queries carry the token, and are sent once more with a new one', async () => {
  const tokens = [await sign(-10_000, { issuedAgoMs: 60_000 }), await sign(60_000)]
  const token = vi.fn(() => tokens.shift() ?? null)
  await using client = site.client({ token })
  const { data } = await client.urql.query('{ viewer { id } }', {}).toPromise()
  expect(data).toMatchObject({ viewer: { id: localDeveloper.userId } })
  expect(token).toHaveBeenCalledTimes(2)
})

test('calls the token function once for concurrent requests, and not again while the token is fresh', async () => {
  const ask = vi.fn(() => sign(60_000))
  const tokens = createTokens({ ask, leewayMs: 1_000 })
  const [first, second] = await Promise.all([tokens.get(), tokens.get()])
  expect(second).toBe(first)
  expect(await tokens.get()).toBe(first)
  expect(ask).toHaveBeenCalledTimes(1)
  tokens.forget('another')
  expect(await tokens.get()).toBe(first)
  tokens.forget(first.token)
  expect(await tokens.get()).not.toBe(first)
})

test('a token without an expiry is requested each time', async () => {
  const ask = vi.fn(() => 'opaque')
  const tokens = createTokens({ ask, leewayMs: 1_000 })
  expect([await tokens.get(), await tokens.get()]).toEqual([
    { token: 'opaque', renewAt: null, userId: null },
    { token: 'opaque', renewAt: null, userId: null },
  ])
  expect(ask).toHaveBeenCalledTimes(2)
})
