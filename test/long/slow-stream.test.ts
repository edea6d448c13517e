import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { startServer } from '../../src/server/server.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { type LiveFixture, range, type Seen, seqsOf, startLive, watchQuery } from '../live/support.ts'

const budgetBytes = 1_048_576
const text = 'x'.repeat(20_000)

/** Starts a server with an engine that lets readers leave a megabyte unread for `patienceMs`. */
async function start(patienceMs: number) {
  await using stack = new AsyncDisposableStack()
  const fixture = stack.use(await startLive())
  const config = parseConfig({
    NODE_ENV: 'test',
    PORT: '0',
    SLOW_READER_MS: String(patienceMs),
    MAX_SOCKET_BUFFER_BYTES: String(budgetBytes),
  })
  const live = createLiveDelivery(fixture.services, config, silentLogger)
  const server = stack.use(
    await startServer({
      config,
      schema,
      live,
      createContext: (viewer, options) => createContext(fixture.services, viewer, options),
      health: { database: fixture.database, bus: fixture.engine.bus },
      admin: fixture.engine.admin,
      logger: silentLogger,
    }),
  )
  const opened = stack.move()
  return { fixture, live, server, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/**
 * Opens an event stream over its own socket, which can stop reading, unlike `fetch`. Uses HTTP/1.0
 * so that nothing is chunked.
 */
async function openStream(port: number, variables: object) {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    received += part
  })
  // Cut by the server, as some of the tests expect.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const body = JSON.stringify({ query: watchQuery, variables })
  const lines = ['POST /graphql HTTP/1.0', 'Host: localhost', 'Accept: text/event-stream']
  socket.write(
    [...lines, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'),
  )
  const seen = (): Seen[] =>
    [...received.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, data]) => (JSON.parse(data ?? '') as { data: { taskProgress: Seen } }).data.taskProgress,
    )
  await vi.waitFor(() => expect(seen().length).toBeGreaterThan(0))
  return { socket, seen, [Symbol.asyncDispose]: async () => void socket.destroy() }
}

type Task = Awaited<ReturnType<LiveFixture['createTask']>>
/** Appends less than a client that reads is always allowed to leave unread. */
const appendMuch = async (fixture: LiveFixture, task: Task): Promise<number> => {
  const events = await fixture.append(task, 2, () => ({
    type: 'TaskBatchCompleted',
    payload: { progress: { percent: 1, message: text } },
  }))
  return events.at(-1)?.seq ?? 0
}

test('a stream that is not read for a while costs its budget, receives LAGGED on return, and does not affect other streams', async () => {
  await using world = await start(60_000)
  const { fixture, live, server } = world
  const task = await fixture.createTask(localDeveloper.userId)
  await using neighbour = await openStream(server.port, { id: task.id })
  await using slow = await openStream(server.port, { id: task.id })
  slow.socket.pause()
  let last = 0
  while (live.counters.lagged === 0) {
    last = await appendMuch(fixture, task)
    await vi.waitFor(() => expect(neighbour.seen().at(-1)?.seq).toBe(last))
  }
  // However many events follow, no more are buffered for the client that does not read.
  for (let i = 0; i < 50; i++) last = await appendMuch(fixture, task)
  await vi.waitFor(() => expect(neighbour.seen().at(-1)?.seq).toBe(last))
  const unread = Array.from(server.connections, (connection) => connection.control.unreadBytes()).sort((a, b) => b - a)
  expect(unread[0]).toBeGreaterThan(0)
  expect(unread[0]).toBeLessThan(budgetBytes)
  expect(seqsOf(neighbour.seen())).toEqual(range(1, last))

  slow.socket.resume()
  await vi.waitFor(() => expect(slow.seen().at(-1)?.seq).toBe(last))
  last = await appendMuch(fixture, task)
  await vi.waitFor(() => expect(slow.seen().at(-1)?.seq).toBe(last))
  const seen = slow.seen()
  const summary = seen.findIndex(({ reason }) => reason === 'LAGGED')
  expect(summary).toBeGreaterThan(0)
  // Nothing is repeated and nothing is missing except what the summary covers.
  expect(seqsOf(seen.slice(0, summary))).toEqual(range(1, summary))
  expect(seqsOf(seen.slice(summary))).toEqual(range(seen[summary]?.seq ?? 0, last))
})

test('a stream that is not read for too long is cut, recorded in the audit log, and resumes from its cursor', async () => {
  await using world = await start(300)
  const { fixture, live, server } = world
  const task = await fixture.createTask(localDeveloper.userId)
  await using neighbour = await openStream(server.port, { id: task.id })
  await using slow = await openStream(server.port, { id: task.id })
  slow.socket.pause()
  let last = 0
  while (live.counters.givenUp === 0) {
    last = await appendMuch(fixture, task)
    await vi.waitFor(() => expect(neighbour.seen().at(-1)?.seq).toBe(last))
  }
  const isClosed = once(slow.socket, 'close')
  slow.socket.resume()
  await isClosed
  await vi.waitFor(() => expect(server.connections.size).toBe(1))
  const { audit } = fixture.engine.admin
  await audit.flush()
  const { rows } = await fixture.database.pool.query(`select subject, count from tidings.audit where reason = 'slow'`)
  expect(rows).toEqual([{ subject: 'sse', count: 1 }])

  const cursor = slow.seen().at(-1)
  await using back = await openStream(server.port, { id: task.id, after: cursor?.cursor })
  await vi.waitFor(() => expect(back.seen().at(-1)?.seq).toBe(last))
  expect(seqsOf(back.seen())).toEqual(range((cursor?.seq ?? 0) + 1, last))
  expect(seqsOf(neighbour.seen())).toEqual(range(1, last))
})
