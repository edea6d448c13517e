import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { silentLogger } from '../../../src/logger.ts'
import { type App, startApp } from '../../../src/main/app.ts'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { createTcpProxy, type TcpProxy } from '../../support/proxy.ts'
import { startRedis } from '../../support/redis.ts'
import { openStream } from '../sse/sse.ts'
import { ask, secret, stall, subscribe, until } from '../support.ts'

const start = (url: string, environment: Record<string, string> = {}, healthPort?: number): Promise<App> =>
  startApp({
    config: parseStudioConfig({
      NODE_ENV: 'test',
      PORT: '0',
      DATABASE_URL: url,
      FIRST_RUN: 'false',
      SELF_TEST: 'true',
      QUEUE_MOVED_MS: '50',
      ...environment,
    }),
    logger: silentLogger,
    healthPort,
  })

const portOf = (app: App): number => app.server?.port ?? app.healthServer?.port ?? 0
const read = (app: App): Promise<Response> => fetch(`http://127.0.0.1:${portOf(app)}/metrics`)

/**
 * Returns the value of a metric with exactly these labels; undefined when it is not on the page.
 */
async function figureOf(app: App, name: string): Promise<number | undefined> {
  const text = await (await read(app)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}
const expectValue = (app: App, name: string, matches: unknown): Promise<unknown> =>
  until(async () => expect(await figureOf(app, name), name).toEqual(matches))

const startTask =
  'mutation ($input: StartSelfTestInput!) { startSelfTest(input: $input) { ... on StartSelfTestSuccess { task { id } } } }'
const watch = 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename seq } }'
const connect = (app: App) => createClient({ url: app.server?.wsUrl ?? '', webSocketImpl: WebSocket, retryAttempts: 0 })
const taskIdOf = (body: { data?: unknown }): string =>
  (body.data as { startSelfTest: { task: { id: string } } }).startSelfTest.task.id

test('every metric of a task changes, from its start to the last byte sent of it', async () => {
  await using database = await createTestDatabase()
  await using app = await start(database.url)
  const client = connect(app)
  const before = await read(app)
  expect(before.headers.get('content-type')).toContain('text/plain')
  expect(await figureOf(app, 'tidings_events_appended_total')).toBe(0)
  expect(await figureOf(app, 'tidings_attempts_total{outcome="completed"}')).toBe(0)
  expect(await figureOf(app, 'tidings_operations_total{type="mutation",outcome="ok"}')).toBe(0)

  const id = taskIdOf(await ask(client, startTask, { input: { items: 3, everyMs: 1 } }))
  await using seen = subscribe(client, watch, { id })
  await using stream = await openStream(app.server?.url ?? '', watch, { variables: { id } })
  expect(await seen.ended).toBe('complete')
  const streamed = (await stream.rest()).filter((one) => 'event' in one && one.event === 'next').length

  const events = Number(
    (await database.database.pool.query('select count(*)::int as n from tidings.event')).rows[0]?.['n'],
  )
  expect(events).toBeGreaterThan(8)
  await expectValue(app, 'tidings_events_appended_total', events)
  await expectValue(app, 'tidings_sent_messages_total{transport="ws"}', seen.results.length)
  await expectValue(app, 'tidings_sent_messages_total{transport="sse"}', streamed)
  await expectValue(
    app,
    'tidings_sent_bytes_total{transport="ws"}',
    expect.toSatisfy((n: number) => n > 40 * events),
  )
  await expectValue(app, 'tidings_attempts_total{outcome="completed"}', 1)
  await expectValue(app, 'tidings_attempt_seconds_count{kind="SELF_TEST",outcome="completed"}', 1)
  await expectValue(app, 'tidings_task_wait_seconds_count{kind="SELF_TEST"}', 1)
  await expectValue(app, 'tidings_operations_total{type="mutation",outcome="ok"}', 1)
  await expectValue(app, 'tidings_operation_seconds_count{type="mutation"}', 1)
  await expectValue(app, 'tidings_operations_total{type="subscription",outcome="ok"}', 2)
  await expectValue(app, 'tidings_connections_opened_total{transport="sse"}', 1)
  await expectValue(app, 'tidings_subscriptions{field="taskProgress"}', undefined)
  expect(await figureOf(app, 'tidings_append_statements_total')).toBeGreaterThan(0)
  expect(await figureOf(app, 'tidings_events_repaired_total')).toBe(0)
  expect(await figureOf(app, 'tidings_bus_connected{kind="memory"}')).toBe(1)
  await until(async () => expect(await figureOf(app, 'tidings_loop_lag_seconds')).toBeGreaterThan(0))
  stall(1_000)
  // Several measurements later.
  await setTimeout(500)
  expect(await figureOf(app, 'tidings_loop_lag_seconds')).toBeGreaterThan(0.8)
  await until(async () => expect(await figureOf(app, 'tidings_loop_lag_seconds')).toBeLessThan(0.8))
  expect(await (await read(app)).text()).toContain('nodejs_eventloop_lag_p99_seconds')
  await client.dispose()
})

test('reports the length and age of the queue, running tasks, subscribers and followed topics', async () => {
  await using database = await createTestDatabase()
  await using app = await start(database.url, { ROLE: 'server' })
  const client = connect(app)
  const id = taskIdOf(await ask(client, startTask, { input: { items: 0 } }))
  await ask(client, startTask, { input: { items: 0 } })
  await expectValue(app, 'tidings_queue_waiting{kind="SELF_TEST"}', 2)
  await expectValue(app, 'tidings_queue_waiting{kind="CREATE_ROADMAP"}', 0)
  await database.database.pool.query(`update tidings.task set created_at = now() - interval '1 hour' where id = $1`, [
    id,
  ])
  await expectValue(app, 'tidings_queue_oldest_seconds{kind="SELF_TEST"}', expect.closeTo(3_600, -2))
  {
    await using watching = subscribe(client, watch, { id })
    await until(() => expect(watching.results.length).toBeGreaterThan(0))
    await expectValue(app, 'tidings_subscriptions{field="taskProgress"}', 1)
    await expectValue(app, 'tidings_topics_followed', 1)
    await expectValue(app, 'tidings_live_groups', 1)
    await expectValue(app, 'tidings_connections{transport="ws"}', 1)
  }
  await expectValue(app, 'tidings_connections{transport="ws"}', 0)
  await expectValue(app, 'tidings_topics_followed', 0)
  expect(await figureOf(app, 'tidings_attempt_slots{kind="SELF_TEST"}')).toBeUndefined()
  await client.dispose()
})

test('counts errors by code, however they are reported, and no codes invented by clients', async () => {
  await using database = await createTestDatabase()
  await using app = await start(database.url)
  const client = connect(app)
  const post = (query: string) =>
    fetch(`${app.server?.url ?? ''}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    })
  await post('{ viewer {')
  await post('{ nothing }')
  await post('mutation { cancelTask(input: { taskId: "task_none" }) { __typename } }')
  await ask(client, '{ nothing }').catch(() => undefined)
  await using refused = subscribe(client, watch, { id: 'task_none' })
  await refused.ended
  expect(await figureOf(app, 'tidings_errors_total{code="GRAPHQL_PARSE_FAILED"}')).toBe(1)
  expect(await figureOf(app, 'tidings_errors_total{code="GRAPHQL_VALIDATION_FAILED"}')).toBe(2)
  // The cancellation of an unknown task, and the subscription to one.
  expect(await figureOf(app, 'tidings_errors_total{code="NOT_FOUND"}')).toBe(2)
  expect(await figureOf(app, 'tidings_operations_total{type="subscription",outcome="failed"}')).toBe(1)
  expect(await figureOf(app, 'tidings_operations_total{type="mutation",outcome="ok"}')).toBe(1)
  app.server?.metrics.operated('query', 'MADE_UP')
  expect(await figureOf(app, 'tidings_errors_total{code="OTHER"}')).toBe(1)
  await client.dispose()
})

test('a process with only a worker serves its metrics on its health port', async () => {
  await using database = await createTestDatabase()
  await using redis = await startRedis()
  const shared = { REDIS_URL: redis.url }
  await using server = await start(database.url, { ...shared, ROLE: 'server' })
  await using worker = await start(database.url, { ...shared, ROLE: 'worker' }, 0)
  expect(worker.server).toBeNull()
  const client = connect(server)
  await ask(client, startTask, { input: { items: 1, everyMs: 1 } })
  await expectValue(worker, 'tidings_attempts_total{outcome="completed"}', 1)
  await expectValue(server, 'tidings_attempts_total{outcome="completed"}', undefined)
  await expectValue(worker, 'tidings_attempt_slots{kind="SELF_TEST"}', 20)
  await expectValue(worker, 'tidings_bus_connected{kind="redis"}', 1)
  await redis.stop()
  await expectValue(worker, 'tidings_bus_connected{kind="redis"}', 0)
  await client.dispose()
  await using hidden = await start(database.url, { ROLE: 'worker', METRICS: 'off' }, 0)
  expect((await read(hidden)).status).toBe(404)
})

test('reports that PostgreSQL is unavailable within about a second, and omits metrics that only it could provide', async () => {
  await using database = await createTestDatabase()
  await using proxy = await createDatabaseProxy(database)
  const url = new URL(database.url)
  url.search = ''
  url.host = `127.0.0.1:${proxy.port}`
  await using app = await start(url.href, { ROLE: 'server' })
  await expectValue(app, 'tidings_postgres_up', 1)
  expect(await figureOf(app, 'tidings_postgres_connections_max{pool="shared"}')).toBe(20)
  proxy.stall()
  expect(await figureOf(app, 'tidings_postgres_up')).toBe(0)
  expect(await figureOf(app, 'tidings_queue_waiting{kind="SELF_TEST"}')).toBeUndefined()
  expect(await figureOf(app, 'tidings_postgres_connections_used{pool="shared"}')).toBeGreaterThan(0)
  proxy.resume()
  await expectValue(app, 'tidings_postgres_up', 1)
  await expectValue(app, 'tidings_queue_waiting{kind="SELF_TEST"}', 0)
})

test('counts readers that stop reading', async () => {
  await using database = await createTestDatabase()
  await using app = await start(database.url, { MAX_SOCKET_BUFFER_BYTES: '16384' })
  const client = connect(app)
  const overruns = (what: string) => `tidings_budget_overruns_total{what="${what}"}`
  expect(await figureOf(app, overruns('lagged'))).toBe(0)
  const socket = new WebSocket(app.server?.wsUrl ?? '', 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  // Far more than the buffers of the operating system take.
  const input = { items: 500, everyMs: 0, textLength: 10_000 }
  for (let task = 0; task < 4; task++) {
    const id = taskIdOf(await ask(client, startTask, { input }))
    const query = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename ... on TaskOutput { text } } }'
    socket.send(JSON.stringify({ id: String(task), type: 'subscribe', payload: { query, variables: { id } } }))
  }
  await once(socket, 'message')
  socket.pause()
  await until(async () => expect(await figureOf(app, overruns('lagged'))).toBeGreaterThan(0))
  socket.terminate()
  await client.dispose()
})

test('is read only by programs on this machine: not by clients of a proxy on it, nor by a page that resolves to it', async () => {
  await using database = await createTestDatabase()
  await using server = await start(database.url, { JWT_SECRET: secret, ROLE: 'server' })
  await using worker = await start(database.url, { ROLE: 'worker' }, 0)
  await using direct = await start(database.url, { JWT_SECRET: secret, ROLE: 'server', METRICS: 'direct' })
  const statusFor = (app: App, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ port: portOf(app), host: '127.0.0.1', path: '/metrics', headers }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      sent.on('error', reject).end()
    })
  for (const app of [server, worker]) {
    expect(await statusFor(app, {})).toBe(200)
    expect(await statusFor(app, { host: 'localhost:4000' })).toBe(200)
    for (const name of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'Via', 'X-Forwarded-Host', 'X-Forwarded-Proto'])
      expect(await statusFor(app, { [name]: '127.0.0.1' }), name).toBe(404)
    expect(await statusFor(app, { host: 'rebound.example' })).toBe(404)
  }
  // Any machine may, as long as no proxy forwards the request.
  expect(await statusFor(direct, { host: 'tidings-server.tidings' })).toBe(200)
  expect(await statusFor(direct, { 'X-Forwarded-For': '127.0.0.1' })).toBe(404)
  expect(await statusFor(server, { origin: 'https://evil.example' })).toBe(403)
})

test('is not served when it is off', async () => {
  await using database = await createTestDatabase()
  await using app = await start(database.url, { METRICS: 'off' })
  expect((await read(app)).status).toBe(404)
})

function createDatabaseProxy(database: TestDatabase): Promise<TcpProxy> {
  const { port, searchParams } = new URL(database.url)
  const socketDirectory = searchParams.get('host')
  return createTcpProxy(
    socketDirectory === null ? Number(port) : `${socketDirectory}/.s.PGSQL.${searchParams.get('port') ?? '5432'}`,
  )
}
