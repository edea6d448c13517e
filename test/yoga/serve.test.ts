import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import SchemaBuilder from '@pothos/core'
import { createClient } from 'graphql-ws'
import { createGraphQLError, createSchema, createYoga, type Plugin } from 'graphql-yoga'
import { createTidings, defineTask, stage, viewerOf } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { useTidings } from 'tidings/yoga'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { followStream, request } from '../support/foreign-client.ts'

const greet = defineTask({
  kind: 'GREET',
  input: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  async *run({ input }) {
    yield stage('greeting')
    return await Promise.resolve({ text: `Hello, ${input.name}` })
  },
})

const wait = defineTask({
  kind: 'WAIT',
  input: z.object({}),
  async *run({ signal }) {
    yield stage('waiting')
    await once(signal, 'abort')
  },
})

interface Context {
  readonly organization: string | null
}

test('the Yoga of a team serves its own operations with its plugins, and those of Tidings for the owner that it names', async () => {
  await using undo = new AsyncDisposableStack()
  const database = undo.use(await createTestDatabase())
  const tidings = undo.use(
    createTidings({
      tasks: [greet, wait],
      databaseUrl: database.url,
      logger: silentLogger,
      authenticate: ({ headers, connectionParams }) => {
        const userId = connectionParams?.['user'] ?? headers['x-user']
        return typeof userId === 'string' ? { userId } : null
      },
    }),
  )
  const ended: string[] = []
  const builder = new SchemaBuilder<{ Context: Context }>({
    plugins: [TidingsPlugin],
    tidings: { instance: tidings },
  })
  builder.queryType({
    fields: (t) => ({
      me: t.string({ nullable: true, resolve: (_, __, context) => `${viewerOf(context)?.userId}` }),
      fail: t.string({
        resolve() {
          throw new Error('a defect of the team')
        },
      }),
      refuse: t.string({
        resolve() {
          throw createGraphQLError('Not today')
        },
      }),
    }),
  })
  builder.mutationType({ fields: (t) => ({ greet: t.startTask(greet) }) })
  builder.subscriptionType({
    fields: (t) => ({
      ticks: t.int({
        async *subscribe() {
          try {
            yield* [1, 2, 3]
          } finally {
            ended.push('ticks')
          }
        },
        resolve: (tick: number) => tick,
      }),
    }),
  })
  const subscribed: string[] = []
  const useLog: Plugin = {
    onSubscribe: ({ args }) => void subscribed.push(String(args.operationName)),
  }
  const yoga = createYoga({
    schema: builder.toSchema(),
    graphqlEndpoint: '/api/graphql',
    logging: false,
    context: (initial): Context => {
      const userId = viewerOf(initial)?.userId
      return { organization: userId === undefined ? null : `org_of_${userId}` }
    },
    plugins: [
      useLog,
      useTidings(tidings, {
        viewer: ({ organization }: Context) => (organization === null ? null : { userId: organization }),
        maskErrors: false,
      }),
    ],
  })
  const server = createServer(yoga)
  await tidings.attach(server)
  await tidings.worker()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.defer(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`
  const headers = { 'x-user': 'ada' }

  // The viewer of Tidings' fields is the organization.
  expect(await request(url, '{ me }', headers)).toEqual({ me: 'org_of_ada' })
  const started = (await request(
    url,
    'mutation { greet(input: { name: "Ada" }) { ... on GreetSuccess { task { id } } } }',
    headers,
  )) as { greet: { task: { id: string } } }
  const { id: taskId } = started.greet.task
  const { rows } = await database.database.pool.query('select owner from tidings.task where id = $1', [taskId])
  expect(rows).toEqual([{ owner: 'org_of_ada' }])

  // Errors of the team stay with its Yoga.
  await expect(request(url, '{ refuse }', headers)).rejects.toThrow('Not today')
  await expect(request(url, '{ fail }', headers)).rejects.toThrow('Unexpected error.')
  const invalid = 'mutation { greet(input: {}) { __typename } }'
  await expect(request(url, invalid, headers)).rejects.toThrow('errors')

  const query = `subscription Watch($taskId: ID!) { taskProgress(taskId: $taskId, fromStart: true) { __typename seq } }`
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { user: 'ada' },
    retryAttempts: 0,
  })
  undo.defer(() => client.dispose())
  const overSocket = await Array.fromAsync(client.iterate({ query, variables: { taskId }, operationName: 'Watch' }))
  expect(overSocket.at(-1)).toMatchObject({ data: { taskProgress: { __typename: 'TaskCompleted' } } })
  expect(await followStream(url, { query, variables: { taskId } }, undefined, headers)).toEqual(
    overSocket.map(({ data }) => data?.['taskProgress']),
  )
  // The client of Tidings opens one stream for all its operations.
  const several = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify({
      operations: [
        { id: 'a', query, variables: { taskId } },
        { id: 'b', query: 'subscription { ticks }' },
      ],
    }),
  })
  const text = await several.text()
  expect(text).toContain('data: {"id":"a","payload":{"data":{"taskProgress":{"__typename":"TaskQueued","seq":1}}}}')
  expect(text).toContain('data: {"id":"b","payload":{"data":{"ticks":3}}}')
  expect(text).toMatch(/event: complete\ndata:\n\n$/)

  // The team's own subscription runs through its plugins, over every transport.
  const ticks = await Array.fromAsync(client.iterate({ query: 'subscription Ticks { ticks }', operationName: 'Ticks' }))
  expect(ticks).toEqual([1, 2, 3].map((tick) => ({ data: { ticks: tick } })))
  const stream = await followStream(url, { query: 'subscription { ticks }', variables: {} }, undefined, headers)
  expect(stream).toEqual([1, 2, 3])
  expect(subscribed).toContain('Ticks')
  await expect.poll(() => ended).toEqual(['ticks', 'ticks', 'ticks'])

  // A client that leaves is no longer present, whatever it has left.
  const watch = 'subscription ($taskId: ID!) { taskProgress(taskId: $taskId) { seq } }'
  const waiting = await tidings.start(wait, {}, { owner: 'org_of_ada' })
  const present = async () => {
    const { rows: viewers } = await database.database.pool.query('select from tidings.presence where topic = $1', [
      `task:${waiting.id}`,
    ])
    return viewers.length
  }
  const leaving = new AbortController()
  const parameters = new URLSearchParams({ query: watch, variables: JSON.stringify({ taskId: waiting.id }) })
  const open = await fetch(`${url}/graphql?${parameters}`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: leaving.signal,
  })
  await open.body?.getReader().read()
  await expect.poll(present).toBe(1)
  leaving.abort()
  await expect.poll(present).toBe(0)
  const socket = client.iterate({ query: watch, variables: { taskId: waiting.id } })
  await socket.next()
  await expect.poll(present).toBe(1)
  await socket.return?.()
  await expect.poll(present).toBe(0)

  // While the server listens on, the team's operations are served, and subscriptions are cut for clients to resume elsewhere.
  await tidings[Symbol.asyncDispose]()
  expect(await request(url, '{ me }', headers)).toEqual({ me: 'org_of_ada' })
  const late = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream', ...headers } })
  await expect(late.text()).rejects.toThrow('terminated')
})

test('a Yoga without the types of Tidings is refused when it is attached', async () => {
  await using tidings = createTidings({ tasks: [greet], logger: silentLogger })
  createYoga({
    schema: createSchema({ typeDefs: 'type Query { a: Int }' }),
    logging: false,
    plugins: [useTidings(tidings)],
  })
  await expect(tidings.attach(createServer())).rejects.toThrow('The schema has no subscription of Tidings')
})

test('a Yoga that is created after attach is refused, as its requests would not reach it', async () => {
  await using database = await createTestDatabase()
  await using tidings = createTidings({ tasks: [greet], databaseUrl: database.url, logger: silentLogger })
  await tidings.attach(createServer())
  const create = () => createYoga({ schema: tidings.schema, plugins: [useTidings(tidings)] })
  expect(create).toThrow('Create the Yoga with useTidings before you call attach')
})

test('requests are answered with 503 when the instance has been disposed', async () => {
  const tidings = createTidings({ tasks: [greet], logger: silentLogger })
  const yoga = createYoga({ schema: tidings.schema, logging: false, plugins: [useTidings(tidings)] })
  await tidings[Symbol.asyncDispose]()
  const response = await yoga.fetch('http://localhost/graphql?query={__typename}')
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'SHUTTING_DOWN' } }] })
})
