import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { openTracing } from '../../src/tracing/open.ts'
import { formatTraceParent, parseTraceParent } from '../../src/tracing/trace-parent.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { subscribe, until } from '../server/support.ts'
import { createTestDatabase } from '../support/database.ts'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'

const startTask =
  'mutation Begin($input: StartSelfTestInput!) { startSelfTest(input: $input) { ... on StartSelfTestSuccess { task { id } } } }'
const watch = 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename seq } }'
/** The trace context of the sender of the request. */
const outer = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }

/**
 * A server and a worker, each a process, on one database and one Redis, that send their spans to
 * one collector.
 */
interface Pair extends AsyncDisposable {
  readonly url: string
  readonly worker: TestProcess
  /** Starts a task and follows it to its end. */
  run(input: object, headers?: Record<string, string>, extensions?: object): Promise<readonly unknown[]>
}

async function startPair(collector: OtlpReceiver | null, environment: Record<string, string> = {}): Promise<Pair> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase())
  const redis = stack.use(await startRedis())
  const port = await findFreePort()
  const start = async (role: string): Promise<TestProcess> => {
    const child = stack.use(
      startProcess(new URL('../../src/main.ts', import.meta.url), [], {
        NODE_ENV: 'test',
        PORT: String(port),
        ROLE: role,
        DATABASE_URL: database.url,
        DATABASE_POOL: '6',
        REDIS_URL: redis.url,
        SELF_TEST: 'true',
        FIRST_RUN: 'false',
        LOG_LEVEL: 'warn',
        SWEEP_MS: '300',
        ...(collector === null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
        ...environment,
      }),
    )
    await child.readUntil('ready in')
    return child
  }
  await start('server')
  // Its health is not needed here, and the port is in use.
  environment = { ...environment, PORT: '' }
  const worker = await start('worker')
  const url = `http://127.0.0.1:${port}`
  const opened = stack.move()
  return {
    url,
    worker,
    async run(input, headers = {}, extensions = {}) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: startTask, variables: { input }, extensions }),
      })
      const { data } = (await response.json()) as { data: { startSelfTest: { task: { id: string } } } }
      const client = createClient({ url: `${url}/graphql`.replace('http', 'ws'), webSocketImpl: WebSocket })
      await using seen = subscribe(client, watch, { id: data.startSelfTest.task.id })
      await seen.ended
      await client.dispose()
      return seen.results
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const ancestors = (span: ReceivedSpan, spans: readonly ReceivedSpan[]): readonly string[] => {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return parent === undefined ? [] : [parent.name, ...ancestors(parent, spans)]
}

// One pair for all tests with a collector, as its start takes longer than they do. The last of them ends the worker.
const resources = new AsyncDisposableStack()
let collector: OtlpReceiver
let pair: Pair
beforeAll(async () => {
  collector = resources.use(await startOtlpReceiver())
  pair = resources.use(await startPair(collector))
})
afterAll(() => resources.disposeAsync())

test('a mutation, the wait in the queue, the attempts in another process, their appends and their delivery are one trace', async () => {
  await pair.run(
    { items: 3, everyMs: 40, failAfter: 2 },
    { traceparent: formatTraceParent({ ...outer, isSampled: true }) },
  )
  const { spans } = collector
  const named = (name: string) => spans.filter((span) => span.name === name)
  const delivered = () => named('deliver').find(({ attributes }) => attributes['tidings.event'] === 'TaskCompleted')
  await until(() => expect(delivered()).toBeDefined())
  await until(() => expect(named('attempt SELF_TEST')).toHaveLength(2))

  const [mutation] = named('mutation startSelfTest')
  expect(mutation).toMatchObject({
    traceId: outer.traceId,
    parentSpanId: outer.spanId,
    attributes: { 'graphql.operation.name': 'Begin' },
  })
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([outer.traceId]))
  expect(ancestors(delivered() as ReceivedSpan, spans)).toEqual([
    'append',
    'attempt SELF_TEST',
    'enqueue SELF_TEST',
    'mutation startSelfTest',
  ])
  const [first, second] = named('attempt SELF_TEST').sort((a, b) => a.startedAtMs - b.startedAtMs)
  expect(first).toMatchObject({ isFailed: true, attributes: { 'tidings.attempt': 1, 'tidings.outcome': 'retrying' } })
  expect(second).toMatchObject({
    isFailed: false,
    attributes: { 'tidings.attempt': 2, 'tidings.outcome': 'completed' },
  })
  // From one process to the other, and back.
  expect(first?.instance).not.toBe(mutation?.instance)
  expect(delivered()?.instance).toBe(mutation?.instance)
  expect(delivered()?.attributes['tidings.readers']).toBe(1)
})

test('a trace not sampled by the caller is not recorded anywhere, and a mutation without a trace starts one', async () => {
  const before = new Set(collector.spans.map(({ spanId }) => spanId))
  const newSpans = () => collector.spans.filter(({ spanId }) => !before.has(spanId))
  const unsampled = { ...outer, traceId: 'c'.repeat(32), isSampled: false }
  await pair.run({ items: 1 }, { traceparent: formatTraceParent(unsampled) })
  const viaExtensions = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true }
  await pair.run({ items: 1 }, {}, { traceparent: formatTraceParent(viaExtensions) })
  await pair.run({ items: 1 }, { traceparent: 'no trace at all' })
  const attempts = () => newSpans().filter(({ name }) => name === 'attempt SELF_TEST')
  await until(() => expect(attempts()).toHaveLength(2))
  const traces = attempts().map(({ traceId }) => traceId)
  expect(traces).toContain(viaExtensions.traceId)
  expect(collector.spans.filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([])
  expect(new Set(traces).size).toBe(2)
})

test('a process that shuts down gracefully sends its last spans first', async () => {
  const attempts = () => collector.spans.filter(({ name }) => name === 'attempt SELF_TEST').length
  const before = attempts()
  await pair.run({ items: 0 })
  pair.worker.kill('SIGTERM')
  expect(await pair.worker.ended).toBe(0)
  expect(attempts()).toBe(before + 1)
})

test('work continues unchanged when the collector is unavailable', async () => {
  await using pair = await startPair(null, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await findFreePort()}` })
  const results = await pair.run({ items: 2 })
  expect(results.at(-1)).toMatchObject({ data: { taskProgress: { __typename: 'TaskCompleted' } } })
})

test('is off by default: no span is started, and OpenTelemetry is not even loaded', async () => {
  const config = parseConfig({ NODE_ENV: 'test' })
  expect(await openTracing(config, silentLogger)).toBe(noTracing)
  expect(noTracing.begin('x', { role: 'internal' })).toBeUndefined()
  await noTracing.within('x', { role: 'internal' }, async () => expect(noTracing.current()).toBeUndefined())

  const load = async (endpoint: string): Promise<string> => {
    await using child = startProcess(new URL('../support/loaded-packages.ts', import.meta.url), [endpoint])
    return await child.readLine()
  }
  expect(await load('')).toContain('pg')
  expect(await load('')).not.toContain('@opentelemetry/sdk-trace')
  expect(await load('http://127.0.0.1:1')).toContain('@opentelemetry/sdk-trace')
})

test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', { ...outer, isSampled: true }],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', { ...outer, isSampled: false }],
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-later', { ...outer, isSampled: true }],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', null],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', null],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', null],
  ['', null],
  [undefined, null],
])('the traceparent %s is read as the W3C specifies', (text, place) => {
  expect(parseTraceParent(text)).toEqual(place)
})
