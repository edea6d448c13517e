import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { createTidingsClient } from '../../../client/tidings-client.ts'

/**
 * Starts an endpoint that treats its requests in order as given, and answers all later ones
 * correctly.
 */
async function startEndpoint(...treatments: readonly ('break' | 'half' | 'away' | 'limit' | number)[]) {
  let requests = 0
  const respond = (response: ServerResponse): void => {
    const treatment = treatments[requests++]
    const say = (result: object): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
    }
    if (treatment === 'break') response.destroy()
    else if (treatment === 'half')
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":', () => response.destroy())
    else if (treatment === 'away') say({ errors: [{ message: 'Away', extensions: { code: 'UNAVAILABLE' } }] })
    else if (treatment === 'limit')
      say({ errors: [{ message: 'Wait', extensions: { code: 'RATE_LIMITED', retryAfterMs: 300 } }] })
    else if (treatment === undefined) say({ data: { hello: 'here' } })
    else response.writeHead(treatment, { 'content-type': 'text/html' }).end('<html>')
  }
  const server = createServer((request, response) => {
    // No subscription is served here.
    if (request.headers.accept === 'text/event-stream') response.destroy()
    else {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      // The client itself probes whether anything gets through.
      request.once('end', () => (body.includes('{ __typename }') ? response.destroy() : respond(response)))
    }
  })
    .on('upgrade', (_, socket) => socket.destroy())
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
  const client = createTidingsClient({
    plugins: studioPlugins,
    url,
    cache: 'none',
    storage: null,
    timing: { backoffMs: 5 },
  })
  return {
    url,
    client,
    get requests() {
      return requests
    },
    async [Symbol.asyncDispose]() {
      await client.dispose()
      server.closeAllConnections()
      server.close()
    },
  }
}

test.each([
  ['connections that break off', ['break', 'break']],
  ['answers that break off', ['half', 'half']],
  ['a proxy that finds nobody', [502, 503]],
] as const)('a query survives %s', async (_, treatments) => {
  await using endpoint = await startEndpoint(...treatments)
  const { data } = await endpoint.client.urql.query('{ hello }', {}).toPromise()
  expect(data).toEqual({ hello: 'here' })
  expect(endpoint.requests).toBe(3)
})

test('an unanswered query reports an error after three tries, and starts over when it is executed again', async () => {
  await using endpoint = await startEndpoint(502, 502, 502)
  const { error } = await endpoint.client.urql.query('{ hello }', {}).toPromise()
  expect(error?.networkError?.message).toBe('Bad Gateway')
  expect(endpoint.requests).toBe(3)
  expect((await endpoint.client.urql.query('{ hello }', {}).toPromise()).data).toEqual({ hello: 'here' })
})

test('neither a query refused by the server nor a mutation that may have been executed is retried', async () => {
  await using endpoint = await startEndpoint(400, 'break')
  expect((await endpoint.client.urql.query('{ hello }', {}).toPromise()).error).toBeDefined()
  expect((await endpoint.client.urql.mutation('mutation { hello }', {}).toPromise()).error).toBeDefined()
  expect(endpoint.requests).toBe(2)
})

test('a canceled query is not retried', async () => {
  await using endpoint = await startEndpoint('break', 'break')
  const source = endpoint.client.urql.query('{ hello }', {})
  source.subscribe(() => undefined).unsubscribe()
  expect((await endpoint.client.urql.query('{ other: hello }', {}).toPromise()).data).toEqual({ hello: 'here' })
  const after = endpoint.requests
  expect((await endpoint.client.urql.query('{ third: hello }', {}).toPromise()).data).toEqual({ hello: 'here' })
  expect(endpoint.requests).toBe(after + 1)
})

test('an active query reports that it is unanswered, and its result when the server responds', async () => {
  await using endpoint = await startEndpoint('away', 502, 502, 502, 'away')
  const seen: unknown[] = []
  const answered = Promise.withResolvers<void>()
  const shown = endpoint.client.urql.query('{ hello }', {}).subscribe(({ data, error, stale }) => {
    // During the retry, the earlier result is reported as stale.
    if (!stale) seen.push(data?.hello ?? error?.message)
    if (data !== undefined) answered.resolve()
  })
  await answered.promise
  expect(seen).toEqual(['[GraphQL] Away', '[Network] Bad Gateway', '[GraphQL] Away', 'here'])
  expect(endpoint.requests).toBe(6)
  shown.unsubscribe()
})

test('an active query that has to wait is sent again, not before the server allows it', async () => {
  await using endpoint = await startEndpoint('limit', 'limit')
  const answered = Promise.withResolvers<void>()
  const startedAt = Date.now()
  const shown = endpoint.client.urql.query('{ hello }', {}).subscribe(({ data }) => {
    if (data !== undefined) answered.resolve()
  })
  await answered.promise
  expect(endpoint.requests).toBe(3)
  expect(Date.now() - startedAt).toBeGreaterThan(590)
  shown.unsubscribe()
})

test('an unanswered query without subscribers is not retried', async () => {
  await using endpoint = await startEndpoint('away', 'away')
  expect((await endpoint.client.urql.query('{ hello }', {}).toPromise()).error?.message).toBe('[GraphQL] Away')
  const failed = Promise.withResolvers<void>()
  const shown = endpoint.client.urql.query('{ hello }', {}).subscribe(() => failed.resolve())
  await failed.promise
  shown.unsubscribe()
  // An active query is answered meanwhile, and by then those would have been retried.
  const other = await endpoint.client.urql.query('{ other: hello }', {}).toPromise()
  expect(other.data).toEqual({ hello: 'here' })
  expect(endpoint.requests).toBe(3)
})

test('a disposed client retries nothing', async () => {
  await using endpoint = await startEndpoint('away', 'away', 'away')
  const failed = Promise.withResolvers<void>()
  endpoint.client.urql.query('{ hello }', {}).subscribe(() => failed.resolve())
  await failed.promise
  await endpoint.client.dispose()
  // It would have retried by the time that another client is answered.
  let others = 0
  const counted: typeof fetch = (...request) => {
    others++
    return fetch(...request)
  }
  await using other = createTidingsClient({
    plugins: studioPlugins,
    url: endpoint.url,
    cache: 'none',
    storage: null,
    timing: { backoffMs: 20 },
    fetch: counted,
    transports: ['websocket'],
  })
  const answered = Promise.withResolvers<void>()
  other.urql.query('{ hello }', {}).subscribe(({ data }) => (data === undefined ? undefined : answered.resolve()))
  await answered.promise
  expect(endpoint.requests).toBe(1 + others)
})

test('a query that failed before any result has no data, also with a cache', async () => {
  await using endpoint = await startEndpoint('away')
  await using client = createTidingsClient({
    plugins: studioPlugins,
    url: endpoint.url,
    storage: null,
    timing: { backoffMs: 5 },
  })
  const { data, error } = await client.urql.query('{ viewer { id } }', {}).toPromise()
  expect([error?.message, data]).toEqual(['[GraphQL] Away', undefined])
})
