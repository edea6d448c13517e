import { setTimeout as delay } from 'node:timers/promises'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import { type Client, type ClientOptions, createClient } from 'graphql-ws'
import { createSchema } from 'graphql-yoga'
import { SignJWT } from 'jose'
import { vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { type Config, parseConfig } from '../../src/config.ts'
import { TidingsError } from '../../src/errors.ts'
import { createSocketSink } from '../../src/live/deliver/socket-sink.ts'
import { createLive, type Live } from '../../src/live/live.ts'
import { createCursorFormat, parseCursor } from '../../src/log/cursor.ts'
import { type Logger, silentLogger } from '../../src/logger.ts'
import type { UploadedFile } from '../../src/server/http/spool.ts'
import { createMaskError, createResultFormat } from '../../src/server/request/mask.ts'
import { type RunningServer, type ServerOptions, startServer } from '../../src/server/server.ts'
import type { Engine } from '../../src/tasks/engine.ts'
import { declareItems, item, output } from '../../src/tasks/model/report.ts'
import { taskTopic } from '../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { type Viewer, withoutToken } from '../../src/tasks/model/viewer.ts'
import { type EngineFixture, startTestEngine } from '../support/engine.ts'

/** A kind of task that runs a step whenever the test says so. */
export interface Steps {
  readonly definition: TaskDefinition
  /** Lets every running task run its next step. */
  step(count?: number): void
}

/** Creates the kind `STEPS`: `steps` parts in sequence, each with `bytes` of text. */
export function createSteps(): Steps {
  let allowed = 0
  let wake = Promise.withResolvers<void>()
  const allow = (count: number) => {
    allowed += count
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const definition = createTaskDefinition({
    kind: 'STEPS',
    concurrency: 20,
    input: z.object({ steps: z.number().default(1), bytes: z.number().default(0) }),
    async *run({ input, signal }) {
      const keys = Array.from({ length: input.steps }, (_, index) => `part-${index + 1}`)
      yield declareItems(keys.map((key) => ({ key, label: key })))
      for (const [index, key] of keys.entries()) {
        while (allowed <= index) {
          signal.throwIfAborted()
          await Promise.race([
            wake.promise,
            new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
          ])
        }
        if (input.bytes > 0) yield output(key, 'x'.repeat(input.bytes))
        yield item.completed(key)
      }
      return {}
    },
  })
  return { definition: definition as unknown as TaskDefinition, step: (count = 1) => allow(count) }
}

interface TestContext {
  readonly viewer: Viewer | null
  readonly catchUp: boolean
}

const typeDefs = /* GraphQL */ `
  scalar File
  type Viewer { userId: ID! roles: [String!]! plan: String taskIds: [ID!] }
  type Node { id: ID! nodes(first: Int = 20): [Node!]! children: [Node!]! parent: Node name: String! }
  type Query {
    hello(name: String): String!
    viewer: Viewer
    node: Node!
    number(of: Int!): Int!
    refused: String
    broken: String
    away: String
    neverNull: String!
  }
  type Mutation { start(steps: Int!, bytes: Int): ID! upload(file: File!, more: [File!]): Int!
    uploadName(file: File!): String! }
  type Event { seq: Int! type: String! cursor: String! text: String }
  type Subscription {
    watch(taskId: ID!, after: String, fromStart: Boolean): Event!
    silence: Int!
    breaks(after: Int!, how: String!): Int!
    flood(bytes: Int!, perSecond: Int): String!
  }
`

/** Creates a schema for the tests, so that they do not depend on the applications. */
export function createTestSchema(engine: Engine): GraphQLSchema {
  const node = { id: 'n', name: 'node', nodes: () => [node], children: () => [node], parent: () => node }
  const fail = (how: string): never => {
    if (how === 'refused') throw new TidingsError('NOT_FOUND', 'There is no such thing', { id: 'x' })
    if (how === 'away') throw Object.assign(new Error('connect ECONNREFUSED /secret/path'), { code: 'ECONNREFUSED' })
    throw new Error('the secret is 42')
  }
  const schema = createSchema<TestContext>({
    typeDefs,
    resolvers: {
      Query: {
        hello: (_, { name }: { name?: string }) => `Hello ${name ?? 'you'}`,
        viewer: (_, _args, { viewer }) => viewer,
        node: () => node,
        number: (_, { of }: { of: number }) => of,
        refused: () => fail('refused'),
        broken: () => fail('broken'),
        away: () => fail('away'),
        neverNull: () => null,
      },
      Mutation: {
        start: async (_, { steps, bytes }: { steps: number; bytes?: number }, { viewer }) => {
          const { task } = await engine.tasks.start({
            kind: 'STEPS',
            input: { steps, bytes: bytes ?? 0 },
            owner: viewer?.userId ?? 'nobody',
          })
          return task.id
        },
        upload: async (_, { file, more = [] }: { file: UploadedFile; more?: UploadedFile[] }) => {
          let bytes = 0
          for (const one of [file, ...more]) bytes += (await one.bytes()).length
          return bytes
        },
        uploadName: (_, { file }: { file: UploadedFile }) => file.name,
      },
      Subscription: {
        watch: {
          subscribe: async (_, { taskId, after, fromStart }: WatchArguments, { catchUp, viewer }) => {
            const task = await engine.store.get(taskId)
            if (task === null || task.owner !== viewer?.userId)
              throw new TidingsError('NOT_FOUND', `There is no task "${taskId}"`, { id: taskId })
            const position = after === undefined || after === null ? undefined : parseCursor(after, taskTopic(taskId))
            return engine.follow({ taskId, after: position, fromStart, onCaughtUp: () => catchUp })
          },
          resolve: (
            watched: { is: string; seq?: number; event?: { seq: number; type: string; payload: object } },
            { taskId }: WatchArguments,
          ) => {
            const seq = watched.event?.seq ?? watched.seq ?? 0
            const cursor = createCursorFormat(engine.reader, taskTopic(taskId))(seq)
            const text = (watched.event?.payload as { text?: string } | undefined)?.text
            return { seq, cursor, text, type: watched.event?.type ?? watched.is }
          },
        },
        silence: { subscribe: () => quiet(), resolve: () => 0 },
        breaks: {
          subscribe: (_, { after, how }: { after: number; how: string }) => {
            if (after === 0) fail(how)
            return breaking(after, () => fail(how))
          },
          resolve: (value: number) => value,
        },
        flood: {
          subscribe: (_, { bytes, perSecond }: { bytes: number; perSecond?: number }) => flooding(bytes, perSecond),
          resolve: (value: string) => value,
        },
      },
    },
  })
  // The tests of tokens decide for themselves which operation needs one.
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
    for (const field of Object.values(type?.getFields() ?? {})) Object.assign(field, { extensions: withoutToken })
  return schema
}

interface WatchArguments {
  readonly taskId: string
  readonly after?: string
  readonly fromStart?: boolean
}

/** Iterators that were not returned, and the output of the floods. */
export const open = { quiet: 0, floods: 0, produced: 0 }

/** Yields nothing, and ends at once when it is returned. */
function quiet(): AsyncIterableIterator<never, undefined> {
  const left = Promise.withResolvers<IteratorResult<never, undefined>>()
  open.quiet++
  let isLeft = false
  const iterator: AsyncIterableIterator<never, undefined> = {
    next: () => left.promise,
    return: () => {
      if (!isLeft) open.quiet--
      isLeft = true
      left.resolve({ done: true, value: undefined })
      return left.promise
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

async function* breaking(after: number, fail: () => never): AsyncGenerator<number> {
  for (let value = 1; value <= after; value++) yield value
  fail()
}

/** Yields texts: as fast as they are taken, or a number per second, in bursts. */
async function* flooding(bytes: number, perSecond?: number): AsyncGenerator<string> {
  const burstMs = 20
  open.floods++
  try {
    for (;;) {
      open.produced++
      yield 'x'.repeat(bytes)
      if (perSecond !== undefined && open.produced % Math.ceil((perSecond * burstMs) / 1_000) === 0)
        await delay(burstMs)
    }
  } finally {
    open.floods--
  }
}

/** The secret of test servers with tokens. */
export const secret = 'a secret of the tests, long enough for HS256'

/** Signs a token. */
export function signToken(
  claims: Record<string, unknown> = {},
  options: { expiresInMs?: number; secret?: string } = {},
): Promise<string> {
  const exp = Math.floor((Date.now() + (options.expiresInMs ?? 60_000)) / 1_000)
  return new SignJWT({ sub: 'u_1', exp, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(options.secret ?? secret))
}

/** Returns the settings of a test server, from the given environment variables and the defaults. */
export function testConfig(environment: Readonly<Record<string, string>> = {}): Config {
  return parseConfig({ NODE_ENV: 'test', PORT: '0', ...environment })
}

/** Opens the sinks of sockets where no subscription is started. */
export const sinks: Pick<Live, 'openSocket'> = {
  openSocket: (options) =>
    createSocketSink({
      ...options,
      common: {
        budgetBytes: 1_048_576,
        patienceMs: 30_000,
        sent: { payloads: 0, bytes: 0 },
        onGivenUp: () => undefined,
        onLeftCorked: () => undefined,
      },
    }),
}

/** A server on a separate engine. */
export interface ServerFixture extends AsyncDisposable {
  readonly server: RunningServer
  readonly steps: Steps
  readonly fixture: EngineFixture
  /** Posts an operation; `body` is the parsed response. */
  post(
    query: string,
    options?: { variables?: object; headers?: Record<string, string>; extensions?: object; operationName?: string },
  ): Promise<{ status: number; body: GraphqlBody; headers: Headers }>
  /** Creates a graphql-ws client, which is disposed with the fixture. */
  client(options?: Partial<ClientOptions>): Client
}

/** A GraphQL result as sent by the server. */
export interface GraphqlBody {
  readonly data?: Record<string, unknown> | null
  readonly errors?: readonly {
    readonly message: string
    readonly extensions: Record<string, unknown>
    path?: unknown
  }[]
}

/** Starts a server for one test. */
export async function startTestServer(
  options: {
    environment?: Readonly<Record<string, string>>
    logger?: Logger
    on?: EngineFixture
  } & Partial<
    Pick<
      ServerOptions,
      | 'health'
      | 'admin'
      | 'keepAliveMs'
      | 'confirmMs'
      | 'initMs'
      | 'anonymousMs'
      | 'floodMs'
      | 'graphiqlTabs'
      | 'createContext'
      | 'bodyPace'
      | 'rateLimits'
    >
  > = {},
): Promise<ServerFixture> {
  const { environment = {}, logger = silentLogger, on, createContext, ...rest } = options
  await using stack = new AsyncDisposableStack()
  const steps = createSteps()
  const fixture = on ?? stack.use(await startTestEngine({ definitions: [steps.definition], logger }))
  const { engine } = fixture
  const config = testConfig(environment)
  const schema = createTestSchema(engine)
  const live = createLive({
    schema,
    reader: engine.reader,
    feeds: engine.feeds,
    logger,
    config,
    eventContext: {},
    ...createResultFormat(createMaskError(logger)),
  })
  const server = stack.use(
    await startServer({
      config,
      schema,
      live,
      createContext: createContext ?? ((viewer, { catchUp }) => ({ viewer, catchUp })),
      health: { database: engine.database, bus: engine.bus },
      logger,
      ...rest,
    }),
  )
  const opened = stack.move()
  return {
    server,
    steps,
    fixture,
    async post(query, { headers = {}, ...rest } = {}) {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, ...rest }),
      })
      return { status: response.status, body: (await response.json()) as GraphqlBody, headers: response.headers }
    },
    client: (clientOptions = {}) => {
      const client = createClient({
        url: server.wsUrl,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        ...clientOptions,
      } as ClientOptions)
      opened.defer(() => client.dispose())
      return client
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The outcome of a subscription over graphql-ws. */
export interface Watching extends AsyncDisposable {
  readonly results: GraphqlBody[]
  /** `complete`, the errors of that operation, or the close event of the socket. */
  readonly ended: Promise<unknown>
}

/** Subscribes in the background, and records what arrives. */
export function subscribe(client: Client, query: string, variables: Record<string, unknown> = {}): Watching {
  const results: GraphqlBody[] = []
  const end = Promise.withResolvers<unknown>()
  const leave = client.subscribe<Record<string, unknown>>(
    { query, variables },
    {
      next: (result) => results.push(result as GraphqlBody),
      error: (error) => end.resolve(error),
      complete: () => end.resolve('complete'),
    },
  )
  return {
    results,
    ended: end.promise,
    [Symbol.asyncDispose]: async () => {
      leave()
      await end.promise
    },
  }
}

/** Runs one query or mutation over graphql-ws. */
export async function ask(
  client: Client,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<GraphqlBody> {
  for await (const result of client.iterate<Record<string, unknown>>({ query, variables })) return result as GraphqlBody
  throw new GraphQLError('There was no answer')
}

/**
 * Waits until `expectation` no longer throws. The timeout is long, as machines that run tests are
 * busy; the usual case takes no longer for it.
 */
export function until(
  expectation: () => unknown,
  options: { interval?: number; timeout?: number } = {},
): Promise<unknown> {
  return vi.waitFor(expectation, { interval: 20, ...options })
}

/** Blocks the event loop, as a computation would. */
export function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
