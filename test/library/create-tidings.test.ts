import { createClient } from 'graphql-ws'
import { createTidings, defineTask, stage, TidingsError } from 'tidings'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { createTcpProxy } from '../support/proxy.ts'

const users: Readonly<Record<string, string>> = { a: 'u_a', b: 'u_b' }

declare module 'tidings' {
  interface HandlerServices {
    readonly greeting?: string
  }
}

const greet = defineTask({
  kind: 'GREET',
  input: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  errors: { BUSY: z.object({ attempt: z.int() }) },
  attempts: 2,
  backoff: { initialDelayMs: 1, maxDelayMs: 1 },
  authorize: (viewer, { name }) => viewer.userId !== 'u_b' || name !== 'secret',
  async *run({ input, attempt, errors, context }) {
    yield stage('greeting')
    if (input.name === 'busy') errors.BUSY({ attempt }, { retry: true, message: 'Busy.' })
    if (input.name === 'wrong') return await Promise.resolve({ text: 7 as unknown as string })
    return { text: `${context.greeting ?? 'Hello'}, ${input.name}` }
  },
})

const hang = defineTask({
  kind: 'HANG',
  input: z.object({}),
  attempts: 1,
  timeoutMs: 20,
  async *run({ signal }) {
    yield stage('hanging')
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    yield stage('too late')
  },
})

const watch = `subscription ($taskId: ID!) {
  taskProgress(taskId: $taskId, fromStart: true) {
    ... on TaskRetrying { error { code details { ... on GreetBusyError { attempt } } } }
    ... on TaskCompleted { result { ... on GreetOutput { text } } }
    ... on TaskFailed { error { code message details { ... on GreetBusyError { attempt } } } }
  }
}`

test('serves the tasks of callers that a function authenticates and those that the team starts, run by another instance', async () => {
  await using database = await createTestDatabase({ empty: true })
  const shared = { tasks: [greet, hang], databaseUrl: database.url, logger: silentLogger, checkMs: 50 }
  // As in two processes: one serves, the other one runs tasks.
  await using worker = createTidings({ ...shared, context: { greeting: 'Good morning' } })
  await worker.worker()
  await using tidings = createTidings({
    ...shared,
    authenticate: ({ headers, connectionParams }) => {
      const key = connectionParams?.['key'] ?? headers['x-key']
      if (typeof key !== 'string') return null
      if (users[key] === undefined) throw new TidingsError('UNAUTHENTICATED', `The key "${key}" is unknown`)
      return { userId: users[key] }
    },
  })
  const { url, wsUrl, port } = await tidings.listen({ port: 0, worker: false })
  await expect(tidings.listen({ port, worker: false })).rejects.toThrow('or set port to another one')
  const run = async (key: string | null, query: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { 'x-key': key }) },
      body: JSON.stringify({ query }),
    })
    return { status: response.status, body: await response.json() }
  }
  const follow = async (key: string, taskId: string): Promise<unknown[]> => {
    const client = createClient({ url: wsUrl, webSocketImpl: WebSocket, connectionParams: { key }, retryAttempts: 0 })
    const events: unknown[] = []
    for await (const { data } of client.iterate({ query: watch, variables: { taskId } }))
      events.push(data?.['taskProgress'])
    await client.dispose()
    return events.filter((event) => Object.keys(event as object).length > 0)
  }
  const startOf = (name: string): string =>
    `mutation { greet(input: { name: "${name}" }) { __typename ... on GreetSuccess { task { id } } } }`

  const started = await run('a', startOf('Ada'))
  const { greet: first } = (started.body as { data: { greet: { task: { id: string } } } }).data
  expect(await follow('a', first.task.id)).toEqual([{ result: { text: 'Good morning, Ada' } }])
  // Another caller does not see it.
  await expect(follow('b', first.task.id)).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
  expect((await run('c', startOf('Ada'))).status).toBe(401)
  expect((await run(null, startOf('Ada'))).body).toMatchObject({
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  })
  expect((await run('b', startOf('secret'))).body).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })

  const busy = await tidings.start(greet, { name: 'busy' }, { owner: 'u_b', idempotencyKey: 'k' })
  expect(await tidings.start(greet, { name: 'busy' }, { owner: 'u_b', idempotencyKey: 'k' })).toEqual({
    id: busy.id,
    isNew: false,
  })
  expect(await follow('b', busy.id)).toEqual([
    { error: { code: 'BUSY', details: { attempt: 1 } } },
    { error: { code: 'BUSY', message: 'Busy.', details: { attempt: 2 } } },
  ])
  // A result that does not fit its schema is a defect: the log has the details.
  const wrong = await tidings.start(greet, { name: 'wrong' }, { owner: 'u_a' })
  expect(await follow('a', wrong.id)).toEqual([
    { error: { code: 'INTERNAL', message: 'The task failed unexpectedly.', details: null } },
  ])
  // Permission to start is also checked for a retry, which starts a new task.
  const refused = await tidings.start(greet, { name: 'secret' }, { owner: 'u_b' })
  await follow('b', refused.id)
  await database.database.pool.query("update tidings.task set status = 'FAILED' where id = $1", [refused.id])
  const retry = `mutation { retryTask(input: { taskId: "${refused.id}" }) { __typename } }`
  expect((await run('b', retry)).body).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })

  const hanging = await tidings.start(hang, {}, { owner: 'u_a' })
  expect(await follow('a', hanging.id)).toEqual([
    {
      error: { code: 'TIMEOUT', message: 'The attempt took longer than 20 ms, the limit of HANG.', details: null },
    },
  ])
  await expect(tidings.start({ ...greet }, { name: 'x' }, { owner: 'u_a' })).rejects.toThrow(
    'The kind GREET is not among the tasks of createTidings',
  )
})

test('opens nothing before a method needs it', async () => {
  const tidings = createTidings({ tasks: [greet], databaseUrl: 'postgres://127.0.0.1:1/none', logger: silentLogger })
  expect(tidings.schema.getType('GreetOutput')).toBeDefined()
  await tidings[Symbol.asyncDispose]()
  await expect(tidings.migrate()).rejects.toThrow('This instance of Tidings was disposed')
})

test('a start while the database cannot be reached is refused as UNAVAILABLE, and succeeds with the same key later', async () => {
  await using database = await createTestDatabase()
  await using proxy = await createTcpProxy(
    `${new URL(database.url).searchParams.get('host')}/.s.PGSQL.${new URL(database.url).searchParams.get('port') ?? '5432'}`,
  )
  const url = new URL(database.url)
  url.search = ''
  url.host = `127.0.0.1:${proxy.port}`
  await using tidings = createTidings({ tasks: [greet], databaseUrl: url.href, logger: silentLogger })
  const start = () => tidings.start(greet, { name: 'Ada' }, { owner: 'u_a', idempotencyKey: 'k' })
  const { id } = await start()
  proxy.refuse()
  proxy.resetAll()
  await expect(start()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await proxy.accept()
  await vi.waitFor(async () => expect(await start()).toEqual({ id, isNew: false }))
})
