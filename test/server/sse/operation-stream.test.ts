import { type ClientRequest, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { heapUsed } from '../../support/heap.ts'
import { type GraphqlBody, open, type ServerFixture, secret, signToken, startTestServer, until } from '../support.ts'
import { openBody, type SseStream } from './sse.ts'

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer()
})
afterAll(() => fixture[Symbol.asyncDispose]())

const replay = 'subscription ($id: ID!) { watch(taskId: $id, fromStart: true) { seq type cursor } }'
const silence = 'subscription { silence }'
const start = async (steps: number): Promise<string> => {
  const { body } = await fixture.post('mutation ($n: Int!) { start(steps: $n) }', { variables: { n: steps } })
  return String(body.data?.['start'])
}
interface Received {
  readonly results: Record<string, GraphqlBody[]>
  readonly completed: string[]
  readonly isComplete: boolean
}
/** Reads a stream to its end. */
async function readAll(stream: SseStream): Promise<Received> {
  const results: Record<string, GraphqlBody[]> = {}
  const completed: string[] = []
  let isComplete = false
  for (const event of await stream.rest()) {
    if (!('event' in event)) continue
    if (event.event === 'complete' && event.data === '') isComplete = true
    else {
      const { id, payload } = JSON.parse(event.data) as { id: string; payload: GraphqlBody }
      if (event.event === 'complete') completed.push(id)
      else results[id] = [...(results[id] ?? []), payload]
    }
  }
  return { results, completed, isComplete }
}
const openOperations = (
  operations: readonly object[],
  headers: Record<string, string> = {},
  url = fixture.server.url,
) => openBody(url, { operations }, headers)

describe('several operations in one request', () => {
  test('are answered in one stream; its events name their operation, and it completes after the last', async () => {
    const [a, b] = [await start(2), await start(2)]
    await using stream = await openOperations([
      { id: 'a', query: replay, variables: { id: a } },
      { id: 'b', query: replay, variables: { id: b } },
    ])
    expect(stream.response.status).toBe(200)
    expect(fixture.server.metrics.connections.sse).toBe(1)
    fixture.steps.step(2)
    const { results, completed, isComplete } = await readAll(stream)
    for (const id of ['a', 'b']) {
      const events = (results[id] ?? []).map(({ data }) => (data as { watch: { seq: number; type: string } }).watch)
      // The queue position is not an event of the log.
      const seqs = events.filter(({ type }) => type.startsWith('Task')).map(({ seq }) => seq)
      expect(seqs.length).toBeGreaterThan(2)
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
    }
    expect(completed.sort()).toEqual(['a', 'b'])
    expect(isComplete).toBe(true)
    expect(stream.isCut).toBe(false)
    await until(() => expect(fixture.server.metrics.connections.sse).toBe(0))
  })

  test('get heartbeats as often as the client requested', async () => {
    const hour = 3_600_000
    await using quiet = await startTestServer({ keepAliveMs: hour, confirmMs: hour })
    const operations = [{ id: 'a', query: silence }]
    const response = await fetch(`${quiet.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ operations, heartbeatMs: 1_000 }),
    })
    let text = ''
    // The first comment answers the request; the server alone would send the next one after an
    // hour.
    for await (const chunk of response.body ?? []) {
      text += new TextDecoder().decode(chunk)
      if (text === ':\n\n:\n\n:\n\n') break
    }
  })

  test('fail separately, while the others continue', async () => {
    const id = await start(1)
    await using stream = await openOperations([
      { id: 'syntax', query: 'subscription { ' },
      { id: 'unknown field', query: 'subscription { nothing }' },
      { id: 'foreign', query: replay, variables: { id: 'task_none' } },
      { id: 'variables', query: replay, variables: {} },
      { id: 'query', query: '{ hello }' },
      { id: 'mutation', query: 'mutation { start(steps: 1) }' },
      { id: 'broken', query: 'subscription { breaks(after: 1, how: "broken") }' },
      { id: 'good', query: replay, variables: { id } },
    ])
    fixture.steps.step(1)
    const { results, completed, isComplete } = await readAll(stream)
    const codes = Object.fromEntries(
      Object.entries(results).map(([name, all]) => [name, all.at(-1)?.errors?.[0]?.extensions['code']]),
    )
    expect(codes).toEqual({
      syntax: 'GRAPHQL_PARSE_FAILED',
      'unknown field': 'GRAPHQL_VALIDATION_FAILED',
      foreign: 'NOT_FOUND',
      variables: 'BAD_INPUT',
      query: 'BAD_INPUT',
      mutation: 'BAD_INPUT',
      broken: 'INTERNAL',
      good: undefined,
    })
    expect(completed).toHaveLength(8)
    expect(isComplete).toBe(true)
  })

  test('are caught up together by a client that polls', async () => {
    const [a, b] = [await start(1_000), await start(1_000)]
    const extensions = { catchUp: true }
    await using stream = await openOperations([
      { id: 'a', query: replay, variables: { id: a }, extensions },
      { id: 'b', query: replay, variables: { id: b }, extensions },
    ])
    const { results, isComplete } = await readAll(stream)
    expect([results['a']?.length, results['b']?.length].every((count) => (count ?? 0) > 0)).toBe(true)
    expect(isComplete).toBe(true)
  })

  test('do not retain their request', async () => {
    await using unlimited = await startTestServer({
      environment: { MAX_VIEWER_WORK: '1000000000', MAX_ADDRESS_WORK: '1000000000' },
    })
    const before = await heapUsed()
    const undeclared = 'x'.repeat(900_000)
    const streams: ClientRequest[] = []
    for (let index = 0; index < 20; index++) {
      const sent = request(`${unlimited.server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      })
      streams.push(sent.on('error', () => undefined))
      const operation = { id: '1', query: silence, variables: { undeclared: `${undeclared}${index}` } }
      sent.end(JSON.stringify({ operations: [operation] }))
    }
    await until(() => expect(open.quiet).toBe(20))
    expect((await heapUsed()) - before).toBeLessThan(9_000_000)
    for (const stream of streams) stream.destroy()
    await until(() => expect(open.quiet).toBe(0))
  })

  test('leave nothing behind when the client disconnects', async () => {
    const stream = await openOperations([
      { id: '1', query: silence },
      { id: '2', query: silence },
    ])
    await until(() => expect(open.quiet).toBe(2))
    await stream[Symbol.asyncDispose]()
    await until(() => expect(open.quiet).toBe(0))
    await until(() => expect(fixture.server.connections.size).toBe(0))
  })

  test('are cut together when one of them cannot be served now', async () => {
    await using stream = await openOperations([
      { id: '1', query: silence },
      { id: '2', query: 'subscription { breaks(after: 1, how: "away") }' },
    ])
    const { isComplete, completed } = await readAll(stream)
    expect([isComplete, completed, stream.isCut]).toEqual([false, [], true])
    await until(() => expect(open.quiet).toBe(0))
  })

  test.for([
    [{ operations: [] }, 'malformed'],
    [{ operations: [{ query: silence }] }, 'malformed'],
    [{ operations: [{ id: '1', query: silence, variables: 3 }] }, 'malformed'],
    [{ operations: 'all' }, 'malformed'],
    [
      {
        operations: [
          { id: '1', query: silence },
          { id: '1', query: silence },
        ],
      },
      'same id',
    ],
  ] as const)('are refused as a whole when the request is malformed: %j', async ([body, message]) => {
    await using stream = await openBody(fixture.server.url, body)
    const [next, complete] = (await stream.rest()).filter((event) => 'event' in event)
    expect(next?.data).toContain(message)
    expect(next?.data).toContain('BAD_INPUT')
    expect(complete?.event).toBe('complete')
  })

  test('are refused for a client that does not accept event streams', async () => {
    const response = await fetch(`${fixture.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ operations: [{ id: '1', query: silence }] }),
    })
    expect(response.status).toBe(406)
  })
})

test('refuses each operation beyond the limit separately', async () => {
  await using narrow = await startTestServer({ environment: { MAX_SUBSCRIPTIONS_PER_SOCKET: '2' } })
  const operations = ['1', '2', '3'].map((id) => ({ id, query: silence }))
  await using stream = await openOperations(operations, {}, narrow.server.url)
  const first = await stream.next()
  expect(JSON.parse(first?.data ?? '')).toMatchObject({
    id: '3',
    payload: { errors: [{ extensions: { code: 'RATE_LIMITED', retryable: true } }] },
  })
  expect(open.quiet).toBe(2)
})

test('a stream with several operations is authenticated once, and ends when its token expires', async () => {
  await using strict = await startTestServer({ environment: { JWT_SECRET: secret } })
  const operations = ['1', '2'].map((id) => ({ id, query: silence }))
  await using refused = await openOperations(operations, { authorization: 'Bearer nonsense' }, strict.server.url)
  expect(refused.response.status).toBe(401)
  const authorization = `Bearer ${await signToken({ sub: 'me' }, { expiresInMs: 2_000 })}`
  await using stream = await openOperations(operations, { authorization }, strict.server.url)
  expect((await stream.rest()).at(-1)).toEqual({ comment: 'the token has expired; connect again with a new one' })
  expect(stream.isCut).toBe(true)
})
