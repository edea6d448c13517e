import { getNamedType, isUnionType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { schema } from '../../schema/studio/index.ts'
import { type Door, openDoor } from '../audit/support.ts'
import { openStream, resultOf } from '../server/sse/sse.ts'
import { signToken, subscribe } from '../server/support.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor({
    RATE_LIMITS: 'queries=8,subscriptions=3,polls=6,connections=4,failedTokens=3,sessions=2,typing=2,changes=2',
    RATE_LIMIT_ADDRESS_FACTOR: '10',
  })
})
afterAll(() => door[Symbol.asyncDispose]())

const isLimited = (wanted: object) =>
  vi.waitFor(async () =>
    expect(await door.entries()).toContainEqual(expect.objectContaining({ event: 'LIMITED', ...wanted })),
  )
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** Sends a request until it is answered with 429. @returns that answer, and the number of the others */
async function flood(send: () => Promise<Response>, most = 60): Promise<{ answer: Response; before: number }> {
  for (let before = 0; before < most; before++) {
    const answer = await send()
    if (answer.status === 429) return { answer, before }
    await answer.body?.cancel()
  }
  throw new Error(`None of ${most} was refused`)
}
const get = (query: string, headers: Record<string, string>) =>
  fetch(`${door.server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
const waits = (answer: Response) => Number(answer.headers.get('retry-after'))

describe('operations beyond their budget', () => {
  test('queries: 429 with the time to wait, and only for the caller over its budget', async () => {
    const headers = await door.headers('fast')
    const { answer, before } = await flood(() => get('query Fast { viewer { id } }', headers))
    expect(before).toBe(8)
    expect(waits(answer)).toBeGreaterThan(0)
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
    })
    expect((await get('{ viewer { id } }', await door.headers('slow'))).status).toBe(200)
    await isLimited({ userId: 'fast', reason: 'queries', subject: 'Fast' })
    expect(door.server.metrics.refusals.get('queries')).toBeGreaterThan(0)
  })

  test('queries without a token: by the address', async () => {
    const { before } = await flood(() => get('{ viewer { id } }', {}))
    expect(before).toBe(8)
    expect((await get('{ viewer { id } }', await door.headers('known'))).status).toBe(200)
  })

  test('mutations: RateLimitedError, for each field of a document', async () => {
    const headers = await door.headers('talker')
    const create = (id: number) =>
      `s${id}: createSession(input: { clientId: "c${id}", title: "x" }) { __typename ... on RateLimitedError { retryAfterMs message } }`
    const { data } = await door.post<Record<string, { __typename: string; retryAfterMs?: number }>>(
      `mutation { ${create(1)} ${create(2)} ${create(3)} }`,
      {},
      headers,
    )
    const names = Object.values(data).map(({ __typename }) => __typename)
    expect(names).toEqual(['CreateSessionSuccess', 'CreateSessionSuccess', 'RateLimitedError'])
    expect(data['s3']?.retryAfterMs).toBeGreaterThan(0)
    await isLimited({ userId: 'talker', reason: 'rate', subject: 'sessions' })
  })

  test('subscriptions: the operation is refused, and its socket stays', async () => {
    const client = door.client('subscriber')
    const query = 'subscription { notifications { __typename } }'
    const all = Array.from({ length: 4 }, () => subscribe(client, query))
    expect(await all[3]?.ended).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
    await vi.waitFor(() => expect(all.slice(0, 3).every(({ results }) => results.length > 0)).toBe(true))
    await client.dispose()
  })

  test('a client that polls uses a budget of its own', async () => {
    const headers = await door.headers('poller')
    const query = 'subscription Poll { notifications { __typename } }'
    for (let n = 0; n < 6; n++) {
      await using stream = await openStream(door.server.url, query, { headers, extensions: { catchUp: true } })
      expect(stream.response.status).toBe(200)
      expect((await stream.rest()).at(-1)).toMatchObject({ event: 'complete' })
    }
    await using refused = await openStream(door.server.url, query, { headers, extensions: { catchUp: true } })
    expect(resultOf(await refused.next()).errors).toMatchObject([
      { extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } },
    ])
    await isLimited({ userId: 'poller', reason: 'polls', subject: 'Poll' })
  })

  test('a mutation without failures of its own: 429', async () => {
    const headers = await door.headers('reader')
    const { answer, before } = await flood(() => get('mutation { markAllNotificationsRead { __typename } }', headers))
    expect(before).toBe(2)
    expect(waits(answer)).toBeGreaterThan(0)
  })

  test('every mutation has a budget, and a result that says so', () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {})
    expect(fields.length).toBeGreaterThan(30)
    const silent = fields.filter(({ type }) => {
      const named = 'ofType' in type ? type.ofType : type
      return !isUnionType(named) || !named.getTypes().some(({ name }) => name === 'RateLimitedError')
    })
    // It has no failures of its own, so its refusal is an error of the request.
    expect(silent.map(({ name }) => name)).toEqual(['markAllNotificationsRead'])
    const budgets = fields.flatMap(({ name, type }) => {
      const { budget } = getNamedType(type).extensions as { readonly budget?: string }
      return budget === undefined || budget === 'changes' ? [] : [[name, budget]]
    })
    expect(Object.fromEntries(budgets)).toEqual({
      importDocument: 'uploads',
      shareDocument: 'invitations',
      createSession: 'sessions',
      inviteToSession: 'invitations',
      joinSession: 'invitations',
      removeParticipant: 'invitations',
      sendMessage: 'messages',
      addContextCard: 'messages',
      removeContextCard: 'messages',
      setTyping: 'typing',
      notify: 'notifications',
      submitQuiz: 'submissions',
    })
  })
})

describe('connection attempts', () => {
  const openSocket = (headers: Record<string, string> = {}): Promise<{ status: number; retryAfter: number }> =>
    new Promise((resolve) => {
      const socket = new WebSocket(door.server.wsUrl, 'graphql-transport-ws', { headers })
      socket.on('error', () => undefined)
      socket.on('unexpected-response', (request, response) => {
        request.destroy()
        resolve({ status: response.statusCode ?? 0, retryAfter: Number(response.headers['retry-after']) })
      })
      socket.on('open', () => {
        socket.terminate()
        resolve({ status: 101, retryAfter: 0 })
      })
    })

  test('with one token are limited, over both transports together', async () => {
    const token = await signToken({ sub: 'reconnecting' })
    const query = 'subscription { notifications { __typename } }'
    for (let n = 0; n < 2; n++) {
      await using stream = await openStream(door.server.url, query, { headers: bearer(token) })
      expect(stream.response.status).toBe(200)
    }
    const connect = () => subscribe(door.client('reconnecting', { token: `Bearer ${token}` }), '{ __typename }').ended
    expect(await connect()).toBe('complete')
    expect(await connect()).toBe('complete')
    expect(await connect()).toMatchObject({ code: 1013, reason: expect.stringContaining('try again in') })
    await isLimited({ userId: 'reconnecting', reason: 'connections', subject: 'ws' })
  })

  test('with tokens that are refused are limited by the token and by the address, and a good token still works', async () => {
    const bad = await flood(() => get('{ __typename }', bearer('the.same.token')))
    expect(bad.before).toBe(3)
    expect(waits(bad.answer)).toBeGreaterThan(0)
    expect(await subscribe(door.client('x', { token: 'Bearer the.same.token' }), '{ __typename }').ended).toMatchObject(
      {
        code: 1013,
      },
    )
    let tried = 0
    const guessed = await flood(() => get('{ __typename }', bearer(`a.guess.${tried++}`)))
    expect(guessed.before).toBeLessThanOrEqual(30)
    expect((await get('{ __typename }', await door.headers('honest'))).status).toBe(200)
    await isLimited({ userId: null, reason: 'failedTokens' })
  })

  test('of one address are limited, before a socket is opened', async () => {
    let last = { status: 101, retryAfter: 0 }
    for (let n = 0; n < 45 && last.status === 101; n++) last = await openSocket()
    expect(last.status).toBe(429)
    expect(last.retryAfter).toBeGreaterThan(0)
    await isLimited({ userId: null, reason: 'connections', subject: 'ws' })
    expect(door.server.metrics.refusals.get('connections')).toBeGreaterThan(0)
  })
})
