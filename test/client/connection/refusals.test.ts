import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import { TaskProgressDocument } from '../../../client/gql/graphql.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import type { TransportName } from '../../../client/transport/transport.ts'
import { type Gate, startGate } from '../support/gate.ts'
import { makeConcept, retryMutation } from '../support/roadmap.ts'
import { quick, type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

let site: Site
let gate: Gate
let conceptId: string
beforeAll(async () => {
  site = await startSite()
  ;({ conceptId } = await makeConcept(site))
  gate = await startGate(() => site.server.port)
})
beforeEach(() => Object.assign(gate, { sockets: 'pass', streams: 'pass', answer: null }))
afterAll(async () => {
  await gate[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

const is = (client: TidingsClient): ConnectionState => client.connection.getSnapshot()

const answers = [
  { status: 403, type: 'text/html', body: '<h1>Blocked by the firewall</h1>' },
  { status: 403, type: 'application/json', body: '{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}' },
  { status: 401, type: 'application/json', body: '{"message":"Unauthorized"}' },
  { status: 401, type: 'application/graphql-response+json', body: '{"errors":[{"message":"the gateway restarts"}]}' },
]

describe.for(answers)('while an intermediary answers with $status and $type', (answer) => {
  test('subscriptions and mutations wait, and complete afterwards', async () => {
    const id = await site.count(3)
    await using client = site.client({ url: gate.url, transports: ['sse', 'polling'], token: () => null })
    const watching = watch(client, id)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
    gate.answer = answer
    gate.cut()
    await eventually(() =>
      expect(is(client)).toMatchObject({
        status: 'reconnecting',
        reason: `Something between this device and the server answered with status ${answer.status}`,
      }),
    )
    const retry = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
    await eventually(() => expect(client.outbox.getSnapshot().pending[0]?.attempts).toBeGreaterThan(0))
    site.step(3)
    gate.answer = null
    await watching.done
    expect((await retry).data).toMatchObject({
      retryContent: { __typename: expect.stringMatching(/^RetryContent|Error$/) },
    })
    expect(watching.seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
  })

  test('a query is retried', async () => {
    const id = await site.count(1)
    await using client = site.client({ url: gate.url, token: () => null })
    gate.answer = answer
    const results: (string | undefined)[] = []
    client.urql.query('query($id: ID!) { task(id: $id) { id } }', { id }).subscribe(({ data }) => {
      results.push(data?.task?.id)
    })
    await eventually(() => expect(results.length).toBeGreaterThan(0))
    expect(results.at(-1)).toBeUndefined()
    gate.answer = null
    await eventually(() => expect(results.at(-1)).toBe(id))
  })
})

test.for<TransportName>(['sse', 'polling'])(
  'the server itself permanently refuses a client over %s',
  async (transport) => {
    const id = await site.count(1)
    await using client = site.client({
      transports: [transport],
      fetch: (input, init) =>
        fetch(input, { ...init, headers: { ...(init?.headers as object), origin: 'https://other.example' } }),
    })
    recordStates(client)
    client.urql.subscription(TaskProgressDocument, { taskId: id }).subscribe(() => undefined)
    await eventually(() =>
      expect(is(client)).toMatchObject({ status: 'closed', reason: 'The server refuses this client (403)' }),
    )
  },
)

const limited = {
  type: 'application/graphql-response+json',
  body: JSON.stringify({
    errors: [{ message: 'Too many', extensions: { code: 'RATE_LIMITED', retryAfterMs: 3_600_000 } }],
  }),
}
/** Without the time of the server, the pauses take milliseconds. */
const timing = { ...quick, maxBackoffMs: 3_600_000 }

test.for<TransportName>(['sse', 'polling'])('a client waits as long as a 429 over %s asks for', async (transport) => {
  const id = await site.count(1)
  gate.answer = { ...limited, status: 429, headers: { 'retry-after': '3600' } }
  await using client = site.client({ url: gate.url, transports: [transport], timing })
  const watching = watch(client, id)
  await eventually(() => expect(is(client).nextTryAt).toBeGreaterThan(Date.now() + 1_800_000))
  gate.answer = null
  client.connection.reconnect()
  site.step(1)
  await watching.done
})

test('a subscription beyond its budget waits as long as the server asks for', async () => {
  const id = await site.count(1)
  gate.answer = { ...limited, status: 200 }
  gate.seen.length = 0
  await using client = site.client({ url: gate.url, transports: ['polling'], timing })
  const watching = watch(client, id)
  await eventually(() => expect(is(client).reason).toContain('Too many'))
  for (let index = 0; index < 50; index++) await (await fetch(gate.url, { method: 'POST' })).text()
  expect(gate.seen.filter((one) => one === 'POST text/event-stream')).toHaveLength(1)
  gate.answer = null
  gate.cut()
  client.connection.reconnect()
  site.step(1)
  await watching.done
})
