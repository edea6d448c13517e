import { once } from 'node:events'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import type { Live } from '../../src/live/live.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { type LiveFixture, range, type Seen, seqsOf, startLive, watchQuery } from './support.ts'

let fixture: LiveFixture
let server: RunningServer
let live: Live
beforeAll(async () => {
  fixture = await startLive()
  const config = parseConfig({
    NODE_ENV: 'test',
    PORT: '0',
    SLOW_READER_MS: '1000',
    MAX_SOCKETS_PER_ADDRESS: '1000',
    MAX_SOCKETS_PER_VIEWER: '1000',
  })
  live = createLiveDelivery(fixture.services, config, silentLogger)
  server = await startServer({
    config,
    schema,
    live,
    createContext: (viewer, options) => createContext(fixture.services, viewer, options),
    health: { database: fixture.database, bus: fixture.engine.bus },
    logger: silentLogger,
  })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
})

const createTask = () => fixture.createTask(localDeveloper.userId)

/** Opens a socket and speaks graphql-transport-ws by hand. */
async function connect() {
  const socket = new WebSocket(server.wsUrl, 'graphql-transport-ws')
  const messages: { readonly id?: string; readonly type: string; readonly payload?: unknown }[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as never))
  await once(socket, 'open')
  const send = (message: object) => socket.send(JSON.stringify(message))
  send({ type: 'connection_init' })
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  const seen = (id: string): Seen[] =>
    messages
      .filter((message) => message.id === id && message.type === 'next')
      .map(({ payload }) => (payload as { data: { taskProgress: Seen } }).data.taskProgress)
  return {
    socket,
    messages,
    send,
    seen,
    subscribe: (id: string, variables: object, query = watchQuery) =>
      send({ id, type: 'subscribe', payload: { query, variables } }),
  }
}

test('a graphql-ws client sees a shared subscription like any other', async () => {
  const task = await createTask()
  const client = createClient({ url: server.wsUrl, webSocketImpl: WebSocket })
  const reading = (async () => {
    const seen: unknown[] = []
    for await (const { data } of client.iterate<{ taskProgress: Seen }>({
      query: watchQuery,
      variables: { id: task.id },
    }))
      seen.push(data?.taskProgress.seq)
    return seen
  })()
  await vi.waitFor(() => expect(live.size).toBe(1))
  await vi.waitFor(() => expect(server.metrics.subscriptions.get('taskProgress')).toBe(1))
  await fixture.append(task, 3)
  await fixture.complete(task)
  expect(seqsOf((await reading).map((seq) => ({ seq }) as Seen)).at(-1)).toBe(5)
  await vi.waitFor(() => expect(live.size).toBe(0))
  expect(server.metrics.subscriptions.size).toBe(0)
  await client.dispose()
})

test('an id reused in the same packet is not completed by its previous operation', async () => {
  const task = await createTask()
  const { subscribe, send, seen, messages, socket } = await connect()
  subscribe('1', { id: task.id })
  await vi.waitFor(() => expect(seen('1')).toHaveLength(1))
  send({ id: '1', type: 'complete' })
  subscribe('1', { id: task.id })
  await vi.waitFor(() => expect(seen('1').length).toBeGreaterThan(1))
  await vi.waitFor(() => expect(live.size).toBe(1))
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('1').at(-1)?.__typename).toBe('TaskAdvanced'))
  expect(messages.filter(({ type }) => type === 'complete')).toEqual([])
  await fixture.complete(task)
  await vi.waitFor(() =>
    expect(messages.filter(({ type }) => type === 'complete')).toEqual([{ id: '1', type: 'complete' }]),
  )
  socket.terminate()
})

test('of many operations with one id, started and completed in one packet, only the last is served', async () => {
  const task = await createTask()
  const { subscribe, send, seen, messages, socket } = await connect()
  for (let i = 0; i < 20; i++) {
    subscribe('1', { id: task.id })
    send({ id: '1', type: 'complete' })
  }
  subscribe('1', { id: task.id })
  await vi.waitFor(() => expect(seen('1').length).toBeGreaterThan(0))
  // An operation that was served until the next started may have received its snapshot, and the
  // snapshot of the next may arrive a moment after it.
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('1').some(({ seq }) => seq === 2)).toBe(true))
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('1').at(-1)?.seq).toBe(3))
  const events = seen('1').filter(({ __typename }) => __typename !== 'TaskSnapshot')
  expect(seqsOf(events).filter((seq) => seq === 3)).toEqual([3])
  expect(events.length).toBeLessThanOrEqual(2)
  expect(messages.filter(({ type }) => type === 'complete')).toEqual([])
  socket.terminate()
  await vi.waitFor(() => expect(live.size).toBe(0))
  expect(server.metrics.subscriptions.size).toBe(0)
})

/** `quizzes` is a viewer-dependent field, so each subscriber is executed separately. */
const ownQuery = watchQuery.replace(
  '... on TaskSnapshot',
  '... on TaskCompleted { result { ... on DocumentConverted { document { quizzes { id } } } } } ... on TaskSnapshot',
)

test('of unshared operations started and completed in one packet with one id, only the last is served and none leaks', async () => {
  const task = await createTask()
  const { subscribe, send, seen, messages, socket } = await connect()
  for (let i = 0; i < 20; i++) {
    subscribe('1', { id: task.id }, ownQuery)
    send({ id: '1', type: 'complete' })
  }
  subscribe('1', { id: task.id }, ownQuery)
  await vi.waitFor(() => expect(seen('1').length).toBeGreaterThan(0))
  await vi.waitFor(() => expect(server.metrics.subscriptions.get('taskProgress')).toBe(1))
  expect(live.size).toBe(1)
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('1').at(-1)?.seq).toBe(2))
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('1').at(-1)?.seq).toBe(3))
  expect(seqsOf(seen('1')).filter((seq) => seq === 3)).toEqual([3])
  expect(messages.filter(({ type }) => type === 'complete')).toEqual([])
  // Like an ordinary operation, it ends with its client's `complete` and with its socket.
  send({ id: '1', type: 'complete' })
  await vi.waitFor(() => expect(server.metrics.subscriptions.size).toBe(0))
  for (const id of ['1', '2']) subscribe(id, { id: task.id }, ownQuery)
  await vi.waitFor(() => expect(server.metrics.subscriptions.get('taskProgress')).toBe(2))
  socket.terminate()
  await vi.waitFor(() => expect(server.metrics.subscriptions.size).toBe(0))
  await vi.waitFor(() => expect(fixture.engine.feeds.size).toBe(0))
})

test.for([
  ['shared', watchQuery],
  ['not shared', ownQuery],
])(
  'an operation that is %s and starts more slowly than a later one with its id does not prevent ending the later one',
  async ([, query]) => {
    const [late, task] = [await createTask(), await createTask()]
    const { subscribe, send, seen, messages, socket } = await connect()
    const holding = await fixture.database.pool.connect()
    try {
      await holding.query('begin')
      await holding.query('lock table tidings.task in access exclusive mode')
      subscribe('1', { id: late.id }, query)
      await vi.waitFor(async () => {
        const waiting = await holding.query('select from pg_locks where not granted')
        expect(waiting.rowCount).toBeGreaterThan(0)
      })
      send({ id: '1', type: 'complete' })
      subscribe('1', {}, 'subscription { notifications { __typename } }')
      await vi.waitFor(() => expect(server.metrics.subscriptions.get('notifications')).toBe(1))
    } finally {
      await holding.query('rollback')
      holding.release()
    }
    // Started after it, and therefore running once this one is.
    subscribe('2', { id: task.id })
    await vi.waitFor(() => expect(seen('2')).toHaveLength(1))
    send({ id: '1', type: 'complete' })
    send({ id: '2', type: 'complete' })
    await vi.waitFor(() => expect(server.metrics.subscriptions.size).toBe(0))
    expect(messages.filter(({ type }) => type === 'complete')).toEqual([])
    socket.terminate()
  },
)

test('several operations of one socket keep their own order, next to query results', async () => {
  const tasks = [await createTask(), await createTask()]
  const { subscribe, send, seen, messages, socket } = await connect()
  for (const [index, { id }] of tasks.entries()) subscribe(`${index}`, { id })
  for (const index of tasks.keys()) await vi.waitFor(() => expect(seen(`${index}`)).toHaveLength(1))
  for (let i = 0; i < 20; i++) {
    send({ id: `q${i}`, type: 'subscribe', payload: { query: '{ viewer { id } }' } })
    await Promise.all(tasks.map((task) => fixture.append(task, 3)))
  }
  for (const task of tasks) await fixture.complete(task)
  await vi.waitFor(() => expect(messages.filter(({ type }) => type === 'complete')).toHaveLength(22))
  for (const index of tasks.keys()) expect(seqsOf(seen(`${index}`))).toEqual(range(1, 62))
  socket.terminate()
})

test('refusals look the same as without sharing and do not affect other subscribers', async () => {
  const task = await createTask()
  const foreign = await fixture.createTask('somebody else')
  const { subscribe, messages, seen, socket } = await connect()
  subscribe('ok', { id: task.id })
  await vi.waitFor(() => expect(seen('ok')).toHaveLength(1))
  subscribe('foreign', { id: foreign.id })
  subscribe('cursor', { id: task.id, after: 'nonsense' })
  subscribe('variables', {})
  subscribe('later', { id: task.id })
  await vi.waitFor(() => expect(seen('later')).toHaveLength(1))
  const toldOf = (id: string) => messages.filter((one) => one.id === id)
  for (const [id, code] of [
    ['foreign', 'NOT_FOUND'],
    ['cursor', 'BAD_CURSOR'],
    ['variables', 'BAD_INPUT'],
  ] as const) {
    await vi.waitFor(() => expect(toldOf(id)).toMatchObject([{ type: 'error', payload: [{ extensions: { code } }] }]))
  }
  await fixture.append(task)
  await vi.waitFor(() => expect(seen('ok')).toHaveLength(2))
  socket.terminate()
  await vi.waitFor(() => expect(live.size).toBe(0))
})

test('subscribers that stop reading are closed with 1013 and resume, and other subscribers are not affected', async () => {
  const task = await createTask()
  const good = await connect()
  good.subscribe('1', { id: task.id })
  const stopped = await Promise.all(Array.from({ length: 30 }, connect))
  for (const { subscribe, seen } of stopped) {
    subscribe('1', { id: task.id })
    await vi.waitFor(() => expect(seen('1')).toHaveLength(1))
  }
  const closed = Promise.all(stopped.map(async ({ socket }) => (await once(socket, 'close'))[0] as number))
  for (const { socket } of stopped) socket.pause()
  const text = 'x'.repeat(20_000)
  let last = 0
  while (live.counters.givenUp < stopped.length) {
    const events = await fixture.append(task, 20, () => ({
      type: 'TaskBatchCompleted',
      payload: { progress: { percent: 1, message: text } },
    }))
    last = events.at(-1)?.seq ?? last
    await vi.waitFor(() => expect(good.seen('1').at(-1)?.seq).toBe(last))
  }
  expect(seqsOf(good.seen('1'))).toEqual(range(1, last))
  for (const { socket } of stopped) socket.resume()
  expect(new Set(await closed)).toEqual(new Set([1013]))
  const [one] = stopped
  const cursor = one?.seen('1').at(-1)
  const back = await connect()
  back.subscribe('1', { id: task.id, after: cursor?.cursor })
  await vi.waitFor(() => expect(back.seen('1').at(-1)?.seq).toBe(last))
  expect(seqsOf(back.seen('1'))).toEqual(range((cursor?.seq ?? 0) + 1, last))
  back.socket.terminate()
  good.socket.terminate()
})

test('an event stream is served from the same execution', async () => {
  const task = await createTask()
  const { subscribe, seen, socket } = await connect()
  subscribe('1', { id: task.id })
  await vi.waitFor(() => expect(seen('1')).toHaveLength(1))
  const streams = Array.from({ length: 5 }, async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query: watchQuery, variables: { id: task.id } }),
    })
    return response.text()
  })
  await vi.waitFor(() => expect(server.metrics.subscriptions.get('taskProgress')).toBe(6))
  await vi.waitFor(() => expect(live.size).toBe(1))
  const executed = live.counters.executed
  await fixture.append(task, 4)
  await fixture.complete(task)
  for (const stream of streams) {
    const text = await stream
    const seqs = [...text.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, data]) => (JSON.parse(data ?? '') as { data: { taskProgress: Seen } }).data.taskProgress.seq,
    )
    expect(seqs.at(-1)).toBe(6)
    expect(seqs).toEqual(range(seqs[0] ?? 0, 6))
    expect(text.trimEnd().endsWith('event: complete\ndata:')).toBe(true)
  }
  // Five events for six subscribers would be thirty executions. Each stream's own snapshot may be
  // among them if it joined late.
  expect(live.counters.executed - executed).toBeLessThan(18)
  await vi.waitFor(() => expect(server.metrics.subscriptions.size).toBe(0))
  socket.terminate()
})
