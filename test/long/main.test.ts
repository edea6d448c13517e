import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createClient } from 'graphql-ws'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openStream, resultOf } from '../server/sse/sse.ts'
import { subscribe, until } from '../server/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'

const main = new URL('../../src/main.ts', import.meta.url)
const worker = new URL('../../src/worker.ts', import.meta.url)

/** Returns everything a process prints until it exits. */
async function readAll(child: TestProcess): Promise<{ code: number | null; output: string }> {
  let output = ''
  const errors = await (async () => {
    for (;;) output += `${await child.readLine()}\n`
  })().catch((error: unknown) => String((error as Error).message))
  return { code: await child.ended, output: `${output}${errors}` }
}
/** Starts a server on a separate database and waits until it is ready. */
async function startMain(
  test: TestDatabase,
  environment: Record<string, string> = {},
): Promise<{ child: TestProcess; url: string }> {
  const child = startProcess(main, [], {
    DATABASE_URL: test.url,
    PORT: '0',
    FIRST_RUN: 'false',
    NODE_ENV: 'development',
    ...environment,
  })
  const line = await child.readUntil('/graphql')
  await child.readUntil('Ctrl-C')
  return { child, url: /http:\/\/[\d.:]+/.exec(line)?.[0] ?? '' }
}
async function post(url: string, query: string, variables: object = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as { data: Record<string, unknown> }
}

test('prints help, and refuses unknown arguments and settings in one plain line each', async () => {
  const help = await readAll(startProcess(main, ['--help']))
  expect(help).toMatchObject({ code: 0, output: expect.stringContaining('MAX_SOCKETS_PER_ADDRESS') })
  const unknown = await readAll(startProcess(main, ['--port', '1']))
  expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining('The argument "--port" is not known') })
  const refused = await readAll(startProcess(main, [], { PORT: 'high', LOG_LEVEL: 'loud' }))
  expect(refused.code).toBe(1)
  expect(refused.output).toContain('PORT is "high"; allowed: a whole number')
  expect(refused.output).toContain('LOG_LEVEL is "loud"; allowed: trace, debug')
  expect(refused.output).not.toContain('at ')
})

test('names PORT when it is in use, and leaves nothing running', async () => {
  await using database = await createTestDatabase()
  const other = createServer().listen(await findFreePort(), '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const { code, output } = await readAll(startProcess(main, [], { DATABASE_URL: database.url, PORT: String(port) }))
  expect(code).toBe(1)
  expect(output).toContain(`the port ${port} is in use; end what uses it, or set PORT to another one`)
  other.close()
})

test('prints its address, serves, and shuts down gracefully on SIGTERM: the task continues elsewhere, all clients are asked to move', async () => {
  await using database = await createTestDatabase()
  const first = await startMain(database, { DRAIN_MS: '3000', CONTENT_PACE_MS: '400' })
  await using _child = first.child
  const text = Array.from(
    { length: 6 },
    (_, i) => `# Part ${i + 1}\n\n${'The lake is deep and the water is cold. '.repeat(5)}\n`,
  ).join('\n')
  const imported = await post(
    first.url,
    'mutation ($text: String!) { importDocument(input: { name: "lake.md", source: { text: $text } }) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
    { text },
  )
  const { document, task } = imported.data['importDocument'] as { document: { id: string }; task: { id: string } }
  await using converted = await openStream(first.url, watch, { variables: { id: task.id } })
  expect((await converted.rest()).at(-1)).toEqual({ event: 'complete', data: '' })
  const created = await post(
    first.url,
    'mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { ... on CreateRoadmapSuccess { task { id } } ... on Error { message } } }',
    { id: document.id },
  )
  const roadmapTask = (created.data['createRoadmap'] as { task: { id: string } }).task.id
  const client = createClient({
    url: `${first.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  await using watching = subscribe(client, watch, { id: roadmapTask })
  await using stream = await openStream(first.url, watch, { variables: { id: roadmapTask } })
  await until(() => expect(JSON.stringify(watching.results)).toContain('TaskItemStarted'))

  const endedAt = performance.now()
  first.child.kill('SIGTERM')
  expect(await watching.ended).toMatchObject({ code: 1012 })
  const events = await stream.rest()
  expect(events.at(-1)).toEqual({ comment: 'this server is restarting; connect again' })
  expect(await first.child.ended).toBe(0)
  expect(performance.now() - endedAt).toBeLessThan(10_000)

  const second = await startMain(database)
  await using child = second.child
  const last = events.filter((one) => 'event' in one).at(-1)
  const { cursor } = (resultOf(last ?? null) as { data: { taskProgress: { cursor: string } } }).data.taskProgress
  await using resumed = await openStream(second.url, watch, { variables: { id: roadmapTask, after: cursor } })
  const rest = (await resumed.rest()).filter((one) => 'event' in one)
  expect(rest.at(-1)?.event).toBe('complete')
  expect(rest.at(-2)?.data).toContain('TaskCompleted')
  child.kill('SIGINT')
  expect(await child.ended).toBe(0)
})
const watch =
  'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { __typename seq cursor } }'

test('ends at once on a second signal', async () => {
  await using database = await createTestDatabase()
  await using stack = new AsyncDisposableStack()
  const { child, url } = await startMain(database, { DRAIN_MS: '60000', CONTENT_PACE_MS: '10000' })
  await using _child = child
  // Slow before its first output, so that it still runs when the process receives the signal.
  const text = `# Lake\n\n${'The lake is deep. '.repeat(20)}`
  const imported = await post(
    url,
    'mutation ($text: String!) { importDocument(input: { name: "a.md", source: { text: $text } }) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
    { text },
  )
  const { document, task } = imported.data['importDocument'] as { document: { id: string }; task: { id: string } }
  await using converted = await openStream(url, watch, { variables: { id: task.id } })
  await converted.rest()
  await post(url, 'mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { __typename } }', {
    id: document.id,
  })
  await until(async () => {
    const { data } = await post(url, '{ tasks(first: 1) { nodes { status } } }')
    expect(JSON.stringify(data)).toContain('RUNNING')
  })
  // A graceful shutdown waits until the task is handed over, which locks its row.
  const locking = await database.database.pool.connect()
  stack.defer(() => locking.release(true))
  await locking.query('begin')
  await locking.query(`select from tidings.task where status = 'RUNNING' for update`)
  child.kill('SIGTERM')
  await child.readUntil('shutting down')
  // A second signal sent earlier would be taken for the same one, which npm passes on a second
  // time.
  let code: number | null | undefined
  void child.ended.then((value) => {
    code = value
  })
  await until(
    () => {
      if (code === undefined) child.kill('SIGTERM')
      expect(code).toBe(1)
    },
    { interval: 200 },
  )
})

test('shuts down gracefully, with code 1, after an uncaught error', async () => {
  await using database = await createTestDatabase()
  const defect = `data:text/javascript,process.on('SIGUSR2',()=>Promise.reject(new Error('a defect')))`
  const { child } = await startMain(database, { NODE_OPTIONS: `--import=${encodeURI(defect)}` })
  await using _child = child
  child.kill('SIGUSR2')
  await child.readUntil('shutting down after an uncaught error')
  await child.readUntil('shut down')
  expect(await child.ended).toBe(1)
})

test('shuts down gracefully when npm receives the signal and passes it to no process', async () => {
  await using database = await createTestDatabase()
  const npm = spawn('npm', ['start'], {
    env: { ...process.env, DATABASE_URL: database.url, PORT: '0', FIRST_RUN: 'false', NODE_ENV: 'development' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  npm.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await until(() => expect(output).toContain('Ctrl-C'))
  npm.kill('SIGTERM')
  await until(() => expect(output).toContain('shut down'))
})

test('runs as a worker alone: no API, and health checks when a port is set', async () => {
  await using database = await createTestDatabase()
  const port = await findFreePort()
  await using child = startProcess(worker, [], {
    DATABASE_URL: database.url,
    PORT: String(port),
    NODE_ENV: 'development',
  })
  await child.readUntil('The Tidings worker is ready')
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200)
  expect((await fetch(`http://127.0.0.1:${port}/graphql`)).status).toBe(404)
  child.kill('SIGTERM')
  expect(await child.ended).toBe(0)
})
