import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { createTidingsClient } from '../../../client/tidings-client.ts'
import type { TransportName } from '../../../client/transport/transport.ts'
import { createContext, schema } from '../../../schema/studio/index.ts'
import { parseConfig } from '../../../src/config.ts'
import type { Live } from '../../../src/live/live.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createLiveDelivery } from '../../../src/main/app.ts'
import { type RunningServer, startServer } from '../../../src/server/server.ts'
import { createApplications } from '../../../src/studio/applications.ts'
import { emptyProgress, taskTopic } from '../../../src/tasks/model/task.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { quick } from '../../client/support/site.ts'
import { watch } from '../../client/support/watch.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { type EngineFixture, startTestEngine } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'

/** The random numbers of one run: each call returns a number from 0 to 1. */
type Draw = () => number

const transports: readonly TransportName[] = ['websocket', 'sse', 'polling']
const serverCount = 2
const clientCount = 12
const streamsPerClient = 3
const config = parseConfig({
  NODE_ENV: 'test',
  PORT: '0',
  MAX_SOCKETS_PER_ADDRESS: '100000',
  MAX_SOCKETS_PER_VIEWER: '100000',
  MAX_SOCKET_WORK: '1000000000',
  MAX_VIEWER_WORK: '1000000000',
  MAX_ADDRESS_WORK: '1000000000',
})

/** A server that is started and closed repeatedly, on an engine that stays. */
interface Node {
  readonly engine: EngineFixture
  server: RunningServer | undefined
  /** Live delivery of each server that was started here. */
  readonly lives: Live[]
}

async function start(node: Node): Promise<void> {
  const { engine, database } = node.engine
  const limits = { maxUploadBytes: 1_000_000, headStartMs: () => 0 }
  const services = { engine, ...createApplications(engine), limits }
  const live = createLiveDelivery(services, config, silentLogger)
  node.lives.push(live)
  node.server = await startServer({
    config,
    schema,
    live,
    createContext: (viewer, options) => createContext(services, viewer, options),
    health: { database, bus: engine.bus },
    logger: silentLogger,
  })
}

/** Forwards each connection to one of the servers that accept connections. */
async function startBalancer(nodes: readonly Node[], draw: Draw): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>()
  const balancer = createServer((socket) => {
    const servers = nodes.flatMap(({ server }) => (server === undefined ? [] : [server]))
    const server = servers[Math.floor(draw() * servers.length)]
    if (server === undefined) return void socket.destroy()
    const upstream = connect(server.port, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      const end = (): void => {
        sockets.delete(one)
        socket.destroy()
        upstream.destroy()
      }
      one.on('error', end).on('close', end)
    }
    socket.pipe(upstream).pipe(socket)
  })
  balancer.listen(0, '127.0.0.1')
  await once(balancer, 'listening')
  return {
    url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/graphql`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => balancer.close(resolve))
    },
  }
}

async function createTask({ database }: TestDatabase): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
     values ('task_' || gen_random_uuid(), 'CREATE_ROADMAP', 'RUNNING', $1, '{}', 1, 3, $2, now(), now()) returning id`,
    [localDeveloper.userId, JSON.stringify(emptyProgress)],
  )
  const id = rows[0]?.id ?? ''
  await database.pool.query('insert into tidings.topic (name) values ($1)', [taskTopic(id)])
  return id
}

/** Appends events to a task over either engine, and ends it. */
async function finish(id: string, nodes: readonly Node[], draw: Draw): Promise<void> {
  for (let left = 5 + Math.floor(draw() * 30); left >= 0; left--) {
    const status = left === 0 ? 'CANCELED' : 'RUNNING'
    const node = nodes[Math.floor(draw() * nodes.length)]
    const result = await node?.engine.engine.appender.append({
      topic: taskTopic(id),
      events: [
        {
          type: left === 0 ? 'TaskCanceled' : 'TaskAdvanced',
          payload: { status, progress: emptyProgress, reason: null },
        },
      ],
      close: left === 0,
      task: { id, expect: ['RUNNING'], set: { status, ...(left === 0 ? { worker: null } : {}) } },
    })
    expect(result).toMatchObject({ accepted: true })
    await delay(draw() * 60)
  }
}

/**
 * Closes and starts servers in turn, while clients follow tasks over them; then every stream must
 * end.
 */
async function play(nodes: readonly Node[], database: TestDatabase, draw: Draw): Promise<void> {
  await using stack = new AsyncDisposableStack()
  for (const node of nodes) {
    await start(node)
    stack.defer(async () => node.server?.[Symbol.asyncDispose]())
  }
  const { url } = stack.use(await startBalancer(nodes, draw))
  const ids: string[] = []
  const streams: { readonly name: string; readonly seqs: readonly number[]; isOver: boolean }[] = []
  for (let client = 0; client < clientCount; client++) {
    const first = transports[Math.floor(draw() * transports.length)] ?? 'sse'
    const ways = draw() < 0.5 ? [first] : transports
    const tidings = stack.use(createTidingsClient({ url, storage: null, transports: [...ways], timing: quick }))
    for (let i = 0; i < streamsPerClient; i++) {
      const known = ids[Math.floor(draw() * ids.length)]
      const id = known === undefined || draw() < 0.6 ? await createTask(database) : known
      if (id !== known) ids.push(id)
      const { seqs, done } = watch(tidings, id, { fromStart: draw() < 0.5 })
      const stream = { name: `${ways.join(' ')} ${id}`, seqs, isOver: false }
      streams.push(stream)
      void done.then(() => {
        stream.isOver = true
      })
    }
  }
  let isOver = false
  const rolling = (async () => {
    while (!isOver) {
      const node = nodes[Math.floor(draw() * nodes.length)]
      const server = node?.server
      if (node === undefined || server === undefined) continue
      // Some balancers know before it closes, some learn from refused connections.
      if (draw() < 0.5) node.server = undefined
      await server.close({ spreadMs: draw() < 0.5 ? 0 : draw() * 200 })
      node.server = undefined
      await delay(draw() * 50)
      await start(node)
      await delay(draw() * 60)
    }
  })()
  await Promise.all(ids.map((id) => finish(id, nodes, draw)))
  isOver = true
  await rolling
  await vi.waitFor(() => expect(streams.filter((stream) => !stream.isOver)).toEqual([]))
  for (const { name, seqs } of streams) expect(seqs, name).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
  await stack.disposeAsync()
  // Nothing of a closed server remains.
  await vi.waitFor(() => expect(nodes.map(({ engine }) => engine.engine.feeds.size)).toEqual(nodes.map(() => 0)))
  expect(nodes.flatMap(({ lives }) => lives.map(({ size }) => size)).filter((size) => size > 0)).toEqual([])
}

// SEED repeats a failed run; RUNS sets the number of runs. The timing of the network and the
// database is not seeded.
test('every stream ends with its task while servers are shut down one at a time', {
  timeout: 1_200_000,
}, async () => {
  const runs = Number(process.env['RUNS'] ?? 3)
  const first = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  await using database = await createTestDatabase()
  await using redis = await startRedis()
  await using stack = new AsyncDisposableStack()
  const nodes: Node[] = []
  for (let i = 0; i < serverCount; i++) {
    const given = { definitions: [], on: database, redisUrl: redis.url, config: { ROLE: 'server' as const } }
    nodes.push({ engine: stack.use(await startTestEngine(given)), server: undefined, lives: [] })
  }
  for (let seed = first; seed < first + runs; seed++) {
    const [numbers] = fc.sample(fc.infiniteStream(fc.double({ min: 0, max: 0.999_999, noNaN: true })), {
      seed,
      numRuns: 1,
    })
    const draw: Draw = () => Number(numbers?.next().value ?? 0)
    await play(nodes, database, draw).catch((error: unknown) => {
      throw new Error(`SEED=${seed} failed`, { cause: error })
    })
  }
})
