import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TidingsClient } from '../../client/tidings-client.ts'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { readFamilyCpuMs, readParentPid, readProcessCpuMs } from '../bench/processor-time.ts'
import { type Cluster, type ServerNode, startProcesses } from '../chaos/servers.ts'
import { eventually, type Watching, watch } from '../client/support/watch.ts'
import { text } from '../studio/quizzes/quiz-api.ts'
import { hangMs } from '../support/patience.ts'
import { startPatroni, type TestPatroni } from '../support/patroni.ts'
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts'

const serverCounts = [1, 2, 4, 8]
const workerCount = 4
const tasks = 36
const subscribersPerTask = 3
const measuredMs = 8_000
/** Clients that connect, follow a task and disconnect, per second, at all servers together. */
const visitsPerSecond = 4
/** Statements of one kind that an additional server may add per second, whatever the number of topics. */
const maxStatementsPerServer = 3
const transports = ['websocket', 'sse'] as const

const mentions =
  (...parts: readonly string[]) =>
  (query: string): boolean =>
    parts.some((part) => query.includes(part))
/** Kinds of statements, by their text; the first that matches. */
const statementKinds: readonly (readonly [name: string, matches: (query: string) => boolean])[] = [
  ['of Patroni and of this test', mentions('pg_catalog', 'pg_stat', 'pg_is_in_recovery', 'pg_current_wal')],
  ['comparison with the log', mentions('known(topic, had)')],
  ['presence', mentions('tidings.presence')],
  ['list of servers', mentions('server_statistics')],
  ['events and changes written', mentions('insert into tidings.event')],
  ['projections, expiry, lists', mentions('studio.analytics', 'studio.notification', 'studio.viewer_change')],
  ['leases, search for lost work', mentions('lease_until', 'tidings.worker', 'next_attempt_at')],
  ['events, heads and snapshots read', mentions('from tidings.event', 'from tidings.topic', 'from tidings.task')],
  ['health checks', (query) => query.toLowerCase() === 'select $1'],
  ['begin, commit', (query) => ['begin', 'commit', 'rollback'].includes(query.toLowerCase())],
  // All others name the schema of their tables.
  ['queue of BullMQ', (query) => !mentions('tidings.', 'studio.')(query)],
]
const otherStatements = 'others'

let stack: AsyncDisposableStack
let redis: TestRedisCluster
let patroni: TestPatroni
let database: Database
let postmaster: number
let cluster: Omit<Cluster, 'redis' | 'databaseUrl'>
let workers: readonly ServerNode[]
let allServers: readonly ServerNode[]
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  redis = stack.use(await startRedisCluster())
  patroni = stack.use(
    await startPatroni({
      max_connections: 300,
      shared_preload_libraries: 'pg_stat_statements',
      track_io_timing: 'off',
    }),
  )
  database = stack.use(await connectDatabase({ url: patroni.url, maxConnections: 4, logger: silentLogger }))
  const { rows } = await database.pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  postmaster = await readParentPid(rows[0]?.pid ?? 0)
  await database.pool.query('create extension pg_stat_statements')
  cluster = stack.use(
    await startProcesses(
      (serverCounts.at(-1) ?? 0) + workerCount,
      { databaseUrl: patroni.url, redisUrl: redis.url },
      (node) => ({
        ROLE: node < workerCount ? 'worker' : 'server',
        DATABASE_POOL: '4',
        // The defaults.
        LEASE_MS: '10000',
        SWEEP_MS: '1000',
        CHECK_MS: '3000',
        MAX_STARTS_PER_MINUTE: '1000000',
        MAX_RUNNING_PER_USER: '0',
        CONCURRENCY: 'SELF_TEST=12',
        MAX_SUBSCRIPTIONS_PER_SOCKET: '1000',
        MAX_SOCKETS_PER_ADDRESS: '1000',
        CONTENT_PACE_MS: '5',
      }),
      { running: 0 },
    ),
  )
  workers = cluster.nodes.slice(0, workerCount)
  allServers = cluster.nodes.slice(workerCount)
  // The first process migrates the database.
  await workers[0]?.start()
  await Promise.all(workers.slice(1).map((worker) => worker.start()))
})
afterAll(() => stack.disposeAsync())

/** What servers and services did in a time. */
interface Costs {
  readonly cpuMs: number
  readonly postgresCpuMs: number
  readonly redisCpuMs: number
  /** Messages of the bus that the servers received, and that all processes published. */
  readonly received: number
  readonly published: number
  /** Subscriptions of processes to channels that Redis was asked for. */
  readonly subscribed: number
  readonly statements: ReadonlyMap<string, number>
}

/** Sums a metric over the processes, for samples with these labels. */
async function sumMetric(nodes: readonly ServerNode[], name: string, labels: string): Promise<number> {
  const values = await Promise.all(
    nodes.map(async ({ url }) => {
      const page = await (await fetch(`${url}/metrics`)).text()
      const line = page.split('\n').find((sample) => sample.startsWith(`${name}{`) && sample.includes(labels))
      return Number(line?.slice(line.lastIndexOf(' ')) ?? Number.NaN)
    }),
  )
  return sum(values)
}
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Returns a number of the information of each Redis; 0 where the line does not exist. */
const readRedis = (section: string, pattern: RegExp): Promise<readonly number[]> =>
  Promise.all(
    redis.members.map(async (member) => Number(pattern.exec(String(await member.cli('INFO', section)))?.[1] ?? 0)),
  )

async function readCosts(servers: readonly ServerNode[]): Promise<Costs> {
  const { rows } = await database.pool.query<{ query: string; calls: string }>(
    'select query, calls from pg_stat_statements',
  )
  const statements = new Map<string, number>()
  for (const { query, calls } of rows) {
    const kind = statementKinds.find(([, matches]) => matches(query))?.[0] ?? otherStatements
    statements.set(kind, (statements.get(kind) ?? 0) + Number(calls))
  }
  const cpuOf = async (pids: readonly number[]): Promise<number> =>
    sum((await Promise.all(pids.map(readProcessCpuMs))).map((ms) => ms ?? Number.NaN))
  const bus = 'tidings_bus_messages_total'
  return {
    statements,
    cpuMs: await cpuOf(servers.map(({ process }) => process.pid)),
    redisCpuMs: await cpuOf(await readRedis('server', /process_id:(\d+)/)),
    postgresCpuMs: await readFamilyCpuMs(postmaster),
    received: await sumMetric(servers, bus, '"received"'),
    published: await sumMetric([...servers, ...workers], bus, '"published"'),
    subscribed: sum(await readRedis('commandstats', /cmdstat_ssubscribe:calls=(\d+)/)),
  }
}

/** Returns the costs of some time. */
async function measure(servers: readonly ServerNode[], work: () => Promise<unknown>): Promise<Costs> {
  const before = await readCosts(servers)
  await work()
  const after = await readCosts(servers)
  const numbers = (Object.keys(before) as (keyof Costs)[]).flatMap((name) => {
    const [from, to] = [before[name], after[name]]
    return typeof from === 'number' && typeof to === 'number' ? [[name, to - from] as const] : []
  })
  const statements = [...after.statements].map(
    ([kind, calls]) => [kind, calls - (before.statements.get(kind) ?? 0)] as const,
  )
  return { ...(Object.fromEntries(numbers) as Omit<Costs, 'statements'>), statements: new Map(statements) }
}

/** Follows a task with a new client until its first event, and disconnects. */
async function visit(server: ServerNode, transport: (typeof transports)[number], id: string): Promise<void> {
  const client = cluster.clientAt(server.url, [transport])
  for await (const _ of client.watchTask(id)) break
  await client.dispose()
}

test('a server costs the others nothing that grows with servers times topics', { timeout: 1_800_000 }, async () => {
  const phases = ['idle', 'loaded', 'visits'] as const
  type Phase = (typeof phases)[number]
  const results: { readonly count: number; readonly connections: number; readonly costs: Record<Phase, Costs> }[] = []
  for (const count of serverCounts) {
    const servers = allServers.slice(0, count)
    await Promise.all(servers.slice(results.at(-1)?.count ?? 0).map((server) => server.start()))
    await pause(3_000)
    const idle = await measure(servers, () => pause(measuredMs))
    const { rows } = await database.pool.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity where backend_type = 'client backend' and application_name like 'tidings%'`,
    )
    const connections = (rows[0]?.count ?? 0) + sum(await readRedis('clients', /connected_clients:(\d+)/))

    const clients = servers.flatMap(({ url }) => transports.map((transport) => cluster.clientAt(url, [transport])))
    const start = (task: number, input: { items: number; everyMs: number }): Promise<string> =>
      cluster.startTask(workerCount + (task % count), { ...input, textLength: 20 })
    const ids = await Promise.all(Array.from({ length: tasks }, (_, task) => start(task, { items: 120, everyMs: 250 })))
    // Followed by nobody else, so that every visitor comes and goes.
    const quiet = await Promise.all(
      Array.from({ length: visitsPerSecond }, (_, task) => start(task, { items: 12, everyMs: 5_000 })),
    )
    const watched = ids.flatMap((id, task) =>
      Array.from({ length: subscribersPerTask }, (_, subscriber): Watching => {
        // Each at another server, as far as there are so many, and half of them over event streams.
        const server = (task + subscriber) % count
        const client = clients[server * transports.length + ((task + subscriber) % transports.length)]
        if (client === undefined) throw new Error('There is no client')
        return watch(client, id)
      }),
    )
    await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 3)).toBe(true))
    const loaded = await measure(servers, () => pause(measuredMs))
    await Promise.all(watched.map(({ done }) => done))
    for (const { seqs } of watched) expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    const visits = await measure(servers, async () => {
      const until = performance.now() + measuredMs
      const coming: Promise<void>[] = []
      for (let visitor = 0; performance.now() < until; visitor++) {
        const [server, id] = [servers[visitor % count], quiet[visitor % quiet.length]]
        if (server !== undefined && id !== undefined) coming.push(visit(server, transports[visitor % 2] ?? 'sse', id))
        await pause(1_000 / visitsPerSecond)
      }
      await Promise.all(coming)
    })
    await Promise.all(clients.map((client) => client.dispose()))
    results.push({ count, connections, costs: { idle, loaded, visits } })
  }

  const perSecond = (value: number): string => ((value * 1_000) / measuredMs).toFixed(1)
  const table = (rows: readonly (readonly [string, (result: (typeof results)[number]) => string])[]): string =>
    rows.map(([name, cellOf]) => `| ${name} | ${results.map(cellOf).join(' | ')} |`).join('\n')
  for (const phase of phases)
    console.info(
      `${phase}, per second, with ${serverCounts.join(', ')} servers\n${table([
        ['processor time of each server, ms', ({ count, costs }) => perSecond(costs[phase].cpuMs / count)],
        ['messages that each server receives', ({ count, costs }) => perSecond(costs[phase].received / count)],
        ['messages published by all', ({ costs }) => perSecond(costs[phase].published)],
        ['subscriptions to channels by all', ({ costs }) => perSecond(costs[phase].subscribed)],
        ['processor time of PostgreSQL, ms', ({ costs }) => perSecond(costs[phase].postgresCpuMs)],
        ['processor time of Redis, ms', ({ costs }) => perSecond(costs[phase].redisCpuMs)],
        ...[...statementKinds.map(([name]) => name), otherStatements].map(
          (kind) =>
            [
              `statements: ${kind}`,
              ({ costs }: (typeof results)[number]) => perSecond(costs[phase].statements.get(kind) ?? 0),
            ] as const,
        ),
        ['connections to PostgreSQL and Redis', ({ connections }) => String(connections)],
      ])}`,
    )

  const [first] = results
  if (first === undefined) throw new Error('Nothing was measured')
  for (const { count, connections, costs } of results) {
    const others = count - 1
    // A message of a task goes to the servers that follow it, of which there are three at most.
    const copies = Math.min(count, subscribersPerTask)
    expect(costs.loaded.received).toBeLessThan(1.2 * copies * costs.loaded.published)
    // The list of servers is not shown, and no gap occurred.
    expect(costs.idle.received).toBeLessThan(10)
    // Who comes and goes concerns the server that follows the topic.
    expect(costs.visits.received).toBeLessThan(1.2 * costs.visits.published)
    expect(costs.visits.subscribed).toBeLessThan(2 * first.costs.visits.subscribed + 10)
    // Pools open connections as they need them, so that the processes of the first measurement may have more now.
    expect(connections).toBeLessThanOrEqual(first.connections + 40 + others * 40)
    for (const phase of phases)
      for (const [kind, calls] of costs[phase].statements) {
        const ofFirst = first.costs[phase].statements.get(kind) ?? 0
        const ofOthers = (others * maxStatementsPerServer * measuredMs) / 1_000
        // The load is the same, and a statement takes what is waiting: fewer of them with fewer processes.
        expect(calls, `${phase}, ${count} servers: ${kind}`).toBeLessThan(2 * ofFirst + ofOthers + 20)
      }
  }
})

const startQuizDocument = `mutation ($id: ID!) { made: generateQuiz(input: { documentId: $id, questionCount: 6 }) {
  ... on Error { message } ... on GenerateQuizSuccess { id: quiz { id } } } }`
const importDocument = `mutation ($text: String!) { made: importDocument(input: { source: { text: $text }, name: "bread.md" }) {
  ... on Error { message } ... on ImportDocumentSuccess { id: document { id } } } }`

async function change(client: TidingsClient, document: string, variables: Record<string, unknown>): Promise<string> {
  const { data, error } = await client.urql
    .mutation<{ made: { id?: { id: string }; message?: string } }>(document, variables)
    .toPromise()
  if (data?.made.id === undefined) throw new Error(data?.made.message ?? error?.message ?? 'no answer')
  return data.made.id.id
}

/** Returns the milliseconds from a time to the last of these events of topics; rejects more than one of an event per topic and value. */
async function readDelay(statement: string, values: readonly unknown[], since: number): Promise<number> {
  const { rows } = await database.pool.query<{ at: Date; key: string }>(statement, [...values])
  expect(new Set(rows.map(({ key }) => key)).size, 'done once').toBe(rows.length)
  return Math.max(0, ...rows.map(({ at }) => at.getTime() - since))
}

/** Starts a process as a supervisor does: it ends when it cannot connect to the database within its timeout. */
const startAgain = (node: ServerNode): Promise<void> => vi.waitFor(() => node.start(), { timeout: 3 * hangMs })

test('every process may be killed: what it did for all is continued by the others, once', {
  timeout: 1_800_000,
}, async () => {
  await Promise.all(allServers.map((server) => fetch(`${server.url}/health/live`).catch(() => startAgain(server))))
  const documentId = await change(cluster.client(workerCount), importDocument, { text })
  await eventually(async () => {
    const { rows } = await database.pool.query('select from studio.document where id = $1 and status = $2', [
      documentId,
      'READY',
    ])
    expect(rows).toHaveLength(1)
  })
  const delays: Record<'lost tasks' | 'due attempts' | 'expired rows' | 'projections', number[]> = {
    'lost tasks': [],
    'due attempts': [],
    'expired rows': [],
    projections: [],
  }
  let quizzes = 0
  for (const [index, victim] of cluster.nodes.entries()) {
    // Clients at servers that live, and one at the server that is killed.
    const entrance = workerCount + (index % (cluster.nodes.length - workerCount))
    const other = workerCount + ((index + 1) % (cluster.nodes.length - workerCount))
    const nodes = victim === cluster.nodes[entrance] ? [other, entrance] : [entrance, other]
    const [starter = 0] = nodes
    const clients = nodes.map((node, at) =>
      cluster.clientAt(cluster.nodes[node]?.url ?? '', [transports[at % 2] ?? 'sse']),
    )
    const long = await Promise.all(
      Array.from({ length: 16 }, () => cluster.startTask(starter, { items: 24, everyMs: 250, textLength: 20 })),
    )
    const watched = long.flatMap((id) => clients.map((client) => watch(client, id)))
    await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 3)).toBe(true))
    // Its attempts fail at once, one of them about when the process is killed, and each is followed by another one.
    const failing = await Promise.all(
      Array.from({ length: 8 }, (_, task) =>
        cluster.startTask(starter, { items: 8, everyMs: 20 * task, textLength: 0, failAfter: 4, retryable: true }),
      ),
    )
    await change(cluster.client(starter), startQuizDocument, { id: documentId })
    quizzes++
    const notification = `notification_${index}`
    const killing = victim.kill('SIGKILL')
    const killedAt = Date.now()
    await database.pool.query(
      `insert into studio.notification (id, user_id, level, title, expires_at) values ($1, $2, 'INFORMATION', 'Old', now())`,
      [notification, localDeveloper.userId],
    )
    await killing
    // A worker comes back when the others have done its work; a server at once, as a client waits for it.
    const isServer = allServers.includes(victim)
    const restarted = isServer ? startAgain(victim) : undefined

    const projected = eventually(async () => {
      const { rows } = await database.pool.query<{ questions: number; quizzes: number }>(
        `select count(distinct (e.topic, e.payload->'item'->>'key')) filter (where e.type = 'TaskItemCompleted')::int as questions,
           count(*) filter (where e.type = 'TaskCompleted')::int as quizzes
         from tidings.event e join tidings.task t on e.topic = 'task:' || t.id where t.kind = 'GENERATE_QUIZ'`,
      )
      const [logged] = rows
      expect(logged?.quizzes).toBe(quizzes)
      const { data } = await cluster
        .client(starter)
        .urql.query<{ analytics: { totals: object } }>(
          '{ analytics { totals { generatedCount tasks { completed } } } }',
          {},
          { requestPolicy: 'network-only' },
        )
        .toPromise()
      expect(data?.analytics.totals).toMatchObject({
        generatedCount: logged?.questions,
        tasks: { completed: quizzes },
      })
      const { rows: ends } = await database.pool.query<{ at: Date }>(
        `select max(e.at) as at from tidings.event e join tidings.task t on e.topic = 'task:' || t.id
         where t.kind = 'GENERATE_QUIZ' and e.type = 'TaskCompleted'`,
      )
      return Date.now() - (ends[0]?.at.getTime() ?? 0)
    })
    delays.projections.push(await projected)
    await Promise.all(watched.map(({ done }) => done))
    for (const { seqs } of watched) expect(seqs).toEqual(seqs.map((_, at) => at + 1))
    await eventually(async () => {
      const { rows } = await database.pool.query(
        `select from tidings.task where id = any($1::text[]) and status = 'COMPLETED'`,
        [failing],
      )
      expect(rows).toHaveLength(failing.length)
    })
    const topics = [...long, ...failing].map((id) => `task:${id}`)
    delays['lost tasks'].push(
      await readDelay(
        `select at, topic || ' ' || (payload->>'attempt') as key from tidings.event
         where topic = any($1::text[]) and type = 'TaskRetrying' and payload->'error'->>'code' = 'WORKER_LOST'`,
        [topics],
        killedAt,
      ),
    )
    // Each attempt was started once, and each task ended once.
    await readDelay(
      `select at, topic || ' ' || type || ' ' || coalesce(payload->>'attempt', '') as key from tidings.event
       where topic = any($1::text[]) and type in ('TaskStarted', 'TaskCompleted')`,
      [topics],
      killedAt,
    )
    const { rows: waits } = await database.pool.query<{ ms: number }>(
      `select extract(epoch from (
           select min(s.at) from tidings.event s where s.topic = r.topic and s.type = 'TaskStarted' and s.seq > r.seq
         ) - (r.payload->>'nextAttemptAt')::timestamptz)::float8 * 1000 as ms
       from tidings.event r where r.topic = any($1::text[]) and r.type = 'TaskRetrying'`,
      [failing.map((id) => `task:${id}`)],
    )
    delays['due attempts'].push(Math.max(0, ...waits.map(({ ms }) => ms)))
    const removal = `select at, seq::text as key from tidings.event
      where topic = $1 and type = 'NotificationsRemoved' and payload->'ids' ? $2`
    const inbox = [`inbox:${localDeveloper.userId}`, notification]
    await eventually(async () => expect((await database.pool.query(removal, inbox)).rows).toHaveLength(1))
    delays['expired rows'].push(await readDelay(removal, inbox, killedAt))
    await (restarted ?? startAgain(victim))
    await Promise.all(clients.map((client) => client.dispose()))
  }
  for (const [work, ms] of Object.entries(delays))
    console.info(`${work}: continued after ${ms.map((delay) => (delay / 1_000).toFixed(1)).join(', ')} s`)
  expect(
    delays['lost tasks'].some((ms) => ms > 0),
    'tasks were lost',
  ).toBe(true)
})
