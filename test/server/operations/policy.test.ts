import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openStream, resultOf } from '../sse/sse.ts'
import { type GraphqlBody, type ServerFixture, startTestServer, subscribe, until } from '../support.ts'

const lines: string[] = []
let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer({
    logger: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
    environment: { MAX_QUERY_DEPTH: '6', MAX_QUERY_ALIASES: '5', MAX_QUERY_TOKENS: '200', MAX_QUERY_COST: '500' },
  })
})
afterAll(() => fixture[Symbol.asyncDispose]())

/** Sends one operation over each transport and collects the results. */
async function overAll(
  query: string,
  variables: Record<string, unknown> = {},
  operationName?: string,
): Promise<readonly GraphqlBody[]> {
  const params = { variables, ...(operationName === undefined ? {} : { operationName }) }
  const { body } = await fixture.post(query, params)
  await using stream = await openStream(fixture.server.url, query, params)
  const streamed = resultOf(await stream.next())
  const client = fixture.client()
  const overSocket = await new Promise<GraphqlBody>((resolve) => {
    client.subscribe(
      { query, variables, ...(operationName === undefined ? {} : { operationName }) },
      {
        next: (result) => resolve(result as GraphqlBody),
        error: (errors) =>
          resolve(
            Array.isArray(errors)
              ? { errors }
              : { errors: [{ message: `closed ${String((errors as CloseEvent).code)}`, extensions: {} }] },
          ),
        complete: () => undefined,
      },
    )
  })
  return [body, streamed, overSocket]
}
const fragments = (depth: number) =>
  Array.from({ length: depth }, (_, i) => `fragment F${i} on Node { ...F${i + 1} ... { ...F${i + 1} } }`).join(' ')

describe('over POST, event stream and WebSocket alike', () => {
  const cases: readonly [
    what: string,
    query: string,
    message: RegExp,
    code: string,
    variables?: Record<string, unknown>,
    operationName?: string,
  ][] = [
    ['a syntax error', '{ hello', /Syntax Error/, 'GRAPHQL_PARSE_FAILED'],
    ['an empty document', '# nothing', /Syntax Error/, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nothing }', /Cannot query field "nothing"/, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a fragment that spreads itself',
      '{ node { ...A } } fragment A on Node { parent { ...A } }',
      /Cannot spread fragment "A" within itself/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['too many tokens', `{ ${'hello '.repeat(300)} }`, /more th.. 200 tokens/, 'GRAPHQL_PARSE_FAILED'],
    [
      'a depth beyond the limit',
      '{ node { parent { parent { parent { parent { parent { name } } } } } } }',
      /depth of this operation is 7; at most 6 is allowed \(MAX_QUERY_DEPTH\)/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a depth hidden in fragments',
      '{ node { ...A } } fragment A on Node { parent { ...B } } fragment B on Node { parent { parent { parent { parent { id } } } } }',
      /depth of this operation is 7/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'too many aliases',
      '{ a: hello b: hello c: hello d: hello e: hello f: hello }',
      /number of aliases of this operation is 6/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'aliases that fragments multiply',
      '{ node { ...A parent { ...A parent { ...A } } } } fragment A on Node { a: id b: name }',
      /number of aliases of this operation is 6/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'fragments that multiply each other',
      `{ node { ...F0 } } ${fragments(10)} fragment F10 on Node { id }`,
      /more than 2000 fields/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'too many fields with one response name',
      `{ ${'hello '.repeat(31)} }`,
      /31 fields have the response name "hello"; at most 30 are allowed/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a cost beyond the limit',
      '{ node { nodes(first: 100) { nodes(first: 100) { id } } } }',
      /cost of this operation is 10101; at most 500/,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a cost that only the variables tell',
      'query ($n: Int) { node { nodes(first: $n) { parent { id } } } }',
      /cost of this operation is 2001/,
      'GRAPHQL_VALIDATION_FAILED',
      { n: 1_000 },
    ],
    [
      'a variable of the wrong type',
      'query ($of: Int!) { number(of: $of) }',
      /Variable "\$of" got invalid value "x"/,
      'BAD_INPUT',
      { of: 'x' },
    ],
    [
      'an operation that is not in the document',
      'query A { hello } query B { hello }',
      /"C"|determine what operation/,
      '',
      {},
      'C',
    ],
    ['an expected failure', '{ refused }', /^There is no such thing$/, 'NOT_FOUND'],
    ['a defect', '{ broken }', /^Something went wrong on the server$/, 'INTERNAL'],
    ['a null that may not be', '{ neverNull }', /^Something went wrong on the server$/, 'INTERNAL'],
    ['a database that is away', '{ away }', /^The database cannot be reached; try again$/, 'UNAVAILABLE'],
  ]
  test.each(cases)(
    'answers %s with an error of that operation',
    async (_what, query, message, code, variables, operationName) => {
      for (const { errors } of await overAll(query, variables, operationName)) {
        expect(errors?.[0]?.message).toMatch(message)
        if (code !== '') expect(errors?.[0]?.extensions['code']).toBe(code)
        expect(errors?.[0]?.extensions).not.toHaveProperty('http')
      }
    },
  )

  test('executes documents within the limits, and the named operation', async () => {
    for (const { data, errors } of await overAll(
      'query A { hello } query B { node { nodes(first: 3) { id } } }',
      {},
      'B',
    )) {
      expect(errors).toBeUndefined()
      expect(data).toHaveProperty('node.nodes')
    }
  })
})

test('masks unexpected errors, and logs them under the id sent to the client', async () => {
  const { body } = await fixture.post('{ broken }')
  const errorId = String(body.errors?.[0]?.extensions['errorId'])
  expect(JSON.stringify(body)).not.toContain('42')
  expect(lines.find((line) => line.includes(errorId))).toContain('the secret is 42')
})

test('allows the introspection that tools require', async () => {
  const { getIntrospectionQuery } = await import('graphql')
  const generous = await startTestServer({ on: fixture.fixture })
  const { body } = await generous.post(
    getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, specifiedByUrl: true }),
  )
  expect(body.errors).toBeUndefined()
  await generous[Symbol.asyncDispose]()
})

test('validates a document of the largest size in well under a second', async () => {
  await using generous = await startTestServer({ on: fixture.fixture, environment: { MAX_QUERY_TOKENS: '2000' } })
  const startedAt = performance.now()
  await generous.post(`{ ${'hello '.repeat(1_990)} }`)
  await generous.post(`{ node { ${'...A '.repeat(950)} } } fragment A on Node { id }`)
  await generous.post(`{ ${'... { node { id } } '.repeat(240)} }`)
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})

describe('on one socket', () => {
  const bad = [
    '{ hello',
    '{ nothing }',
    'subscription { breaks(after: 0, how: "refused") }',
    'subscription { breaks(after: 2, how: "broken") }',
    'query ($of: Int!) { number(of: $of) }',
    'subscription { silence watch(taskId: "x") { seq } }',
  ]
  test.each(bad)('%s does not affect the other operations', async (query) => {
    const closed = vi.fn()
    const client = fixture.client({ on: { closed } })
    await using neighbour = subscribe(client, 'subscription ($id: ID!) { watch(taskId: $id) { seq type } }', {
      id: await startTask(),
    })
    await until(() => expect(neighbour.results).not.toHaveLength(0))
    const before = neighbour.results.length
    await using failing = subscribe(client, query)
    const end = await failing.ended
    expect(end === 'complete' ? failing.results.at(-1)?.errors : end).toMatchObject([{ message: expect.any(String) }])
    fixture.steps.step()
    await until(() => expect(neighbour.results.length).toBeGreaterThan(before))
    expect(closed).not.toHaveBeenCalled()
  })

  test('an error while creating the context fails its operation only', async () => {
    let isBroken = false
    await using server = await startTestServer({
      on: fixture.fixture,
      createContext: (viewer, { catchUp }) => {
        if (isBroken) throw new Error('no context, and the secret is 42')
        return { viewer, catchUp }
      },
    })
    const closed = vi.fn()
    const client = server.client({ on: { closed } })
    await using neighbour = subscribe(client, 'subscription { silence }')
    await until(() => expect(server.server.metrics.subscriptions.get('silence')).toBe(1))
    isBroken = true
    await using failing = subscribe(client, '{ hello }')
    expect(await failing.ended).toMatchObject([
      { message: 'Something went wrong on the server', extensions: { code: 'INTERNAL' } },
    ])
    expect((await server.post('{ hello }')).body.errors?.[0]?.extensions['code']).toBe('INTERNAL')
    expect(server.server.metrics.subscriptions.get('silence')).toBe(1)
    expect(closed).not.toHaveBeenCalled()
    expect(neighbour.results).toHaveLength(0)
  })
})

describe('a subscription that fails after its start', () => {
  test('ends with the error when that is a defect', async () => {
    await using stream = await openStream(fixture.server.url, 'subscription { breaks(after: 1, how: "broken") }')
    const events = (await stream.rest()).filter((one) => 'event' in one)
    expect(events.map((one) => one.event)).toEqual(['next', 'next', 'complete'])
    expect(resultOf(events[1] ?? null).errors?.[0]).toMatchObject({ extensions: { code: 'INTERNAL' } })
  })

  test('does not end when the database is unavailable: the transport closes, so that the client resumes', async () => {
    for (const after of [0, 1]) {
      const query = `subscription { breaks(after: ${after}, how: "away") }`
      await using stream = await openStream(fixture.server.url, query)
      const events = await stream.rest()
      expect(events.filter((one) => 'event' in one).map((one) => one.event)).toEqual(after === 0 ? [] : ['next'])
      expect(events.at(-1)).toEqual({ comment: 'the server cannot serve this now; connect again' })
      await using watching = subscribe(fixture.client(), query)
      expect(await watching.ended).toMatchObject({ code: 1013, reason: 'The database cannot be reached; try again' })
    }
  })
})

async function startTask(): Promise<string> {
  const { body } = await fixture.post('mutation { start(steps: 1000) }')
  return String(body.data?.['start'])
}
