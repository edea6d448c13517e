/**
 * `npm run bench:capacity`: measures what one server, one PostgreSQL, one Redis and one PgBouncer need for each
 * operation of Tidings, as processor time, which depends little on what else the machine does. `-- --help` describes
 * the options. `test/bench/simulate.ts` and `docs/scale.md` use the figures.
 */
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { z } from 'zod'
import { readRedisAddress } from '../../src/bus/redis-address.ts'
import { createRedisBus } from '../../src/bus/redis-bus.ts'
import { connectDatabase } from '../../src/db/connect.ts'
import { createLogReader } from '../../src/log/read.ts'
import { silentLogger } from '../../src/logger.ts'
import { advance } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { startRedis } from '../support/redis.ts'
import { measureAppends, seedRunningTasks } from './append-load.ts'
import type { Capacity, Figures } from './capacity-figures.ts'
import { measureFanOut, measureIdle, measureStorm } from './cases.ts'
import { contestants } from './contestants.ts'
import { startBenchDatabase, startBenchEngine } from './engine.ts'
import { readFamilyCpuMs, readParentPid, readProcessCpuMs } from './processor-time.ts'
import { formatNumber } from './statistics.ts'

const usage = `npm run bench:capacity [-- options]

Measures the processor time that one server, PostgreSQL, Redis and PgBouncer need for each operation, and prints it.
Needs Linux, redis-server and pgbouncer; PostgreSQL is the embedded one. Two minutes; less with --quick.

  --only NAME      one of redis, pgbouncer, postgres, connections, server; with --output, the other figures of the file stay
  --quick          smaller numbers, to see that it works
  --output FILE    writes the figures as JSON: docs/capacity.json
  --help           this
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    output: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const scale = values.quick ? 0.2 : 1
const figures: Partial<Figures> = {}
const note = (measured: Partial<Figures>): void => {
  Object.assign(figures, measured)
  for (const [name, value] of Object.entries(measured)) console.log(`${name.padEnd(34)}${formatNumber(value, 1)}`)
}

/** Servers with their clients, over sockets, on one PostgreSQL and one Redis. */
async function measureServer(): Promise<void> {
  await using database = await startBenchDatabase()
  await using redis = await startRedis()
  const environment = { DATABASE_URL: database.url, REDIS_URL: redis.url }
  const postgres = await readPostmaster(database.url)
  const readOtherCpuMs = (): Promise<number> => readFamilyCpuMs(postgres)
  const tidings = contestants.find(({ name }) => name === 'Tidings')
  if (tidings === undefined) throw new Error('There is no Tidings')
  const sockets = 5_000 * scale
  const shape = { topics: sockets, readOtherCpuMs }
  const storm = await measureStorm(tidings, environment, { ...shape, sockets, missed: 10 })
  const [idle] = await measureIdle(tidings, environment, { ...shape, sockets: [sockets], idleMs: 10_000 * scale })
  if (idle === undefined) throw new Error('Nothing was measured')
  const shared = await measureFanOut(tidings, environment, { topics: 1, subscribers: 1_000, ms: 3_000 * scale })
  const own = await measureFanOut(tidings, environment, { topics: 1_000, subscribers: 1, ms: 3_000 * scale })
  note({
    serverResumeUs: storm.cpuMsPerClient * 1_000,
    postgresResumeUs: storm.otherCpuMsPerClient * 1_000,
    serverConnectUs: idle.connectCpuMs * 1_000,
    postgresConnectUs: idle.otherConnectCpuMs * 1_000,
    serverIdleUsPerSecond: (idle.core * 1e6) / sockets,
    serverBytesPerSubscriber: idle.bytesPerSubscriber,
    serverSharedDeliveryUs: 1e6 / shared.oneByOneOfCpu,
    serverOwnDeliveryUs: 1e6 / own.oneByOneOfCpu,
  })
}

/** Statements of the log on PostgreSQL. */
async function measurePostgres(): Promise<void> {
  await using bench = await startBenchDatabase()
  const postgres = await readPostmaster(bench.url)
  await using database = await connectDatabase({ url: bench.url, maxConnections: 4, logger: silentLogger })
  await seedRunningTasks(database)
  const readBytes = async (): Promise<number> => {
    const { rows } = await database.pool.query<{ bytes: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as bytes`,
    )
    return Number(rows[0]?.bytes)
  }
  let before = { cpuMs: 0, bytes: 0 }
  const read = async () => ({ cpuMs: await readFamilyCpuMs(postgres), bytes: await readBytes() })
  const { count } = await measureAppends(database, {
    inFlight: 50,
    runMs: 8_000 * scale,
    async warmedUp() {
      before = await read()
    },
  })
  const after = await read()
  const reader = await createLogReader(database)
  const { rows } = await database.pool.query<{ topic: string; seq: number }>(
    'select name as topic, seq from tidings.topic',
  )
  const kind = createTaskDefinition({
    kind: 'BENCH_START',
    input: z.object({}),
    async *run() {
      yield advance({ percent: 50 })
      return {}
    },
  }) as TaskDefinition
  const starts = 2_000 * scale
  const measureStarts = async (config: Parameters<typeof startBenchEngine>[2]): Promise<number> => {
    await using engine = await startBenchEngine(database, [kind], { ROLE: 'server', ...config })
    const start = async (tasks: number): Promise<void> => {
      for (let begun = 0; begun < tasks; begun += 20)
        await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            engine.tasks.start({ kind: kind.kind, input: {}, owner: `u_${begun + index}` }),
          ),
        )
    }
    await start(starts / 10)
    const from = await readFamilyCpuMs(postgres)
    await start(starts)
    return (((await readFamilyCpuMs(postgres)) - from) * 1_000) / starts
  }
  const repeats = Math.round(100 * scale)
  const measureReads = async (read: () => Promise<unknown>): Promise<number> => {
    await read()
    const from = await readFamilyCpuMs(postgres)
    for (let index = 0; index < repeats; index++) await read()
    return (((await readFamilyCpuMs(postgres)) - from) * 1_000) / repeats / rows.length
  }
  const postgresComparisonUs = await measureReads(() => reader.moved(rows))
  await using engine = await startBenchEngine(database, [kind], { ROLE: 'server' })
  const postgresSnapshotUs = await measureReads(() =>
    Promise.all(rows.map(({ topic }) => engine.store.snapshot(topic.slice('task:'.length)))),
  )
  await using redis = await startRedis()
  note({
    postgresStartUs: await measureStarts({ QUEUE_BACKEND: 'redis', REDIS_URL: redis.url }),
    postgresStartWithQueueUs: await measureStarts({ QUEUE_BACKEND: 'postgres' }),
  })
  note({
    postgresAppendUs: ((after.cpuMs - before.cpuMs) * 1_000) / count,
    postgresAppendWalBytes: (after.bytes - before.bytes) / count,
    postgresComparisonUs,
    postgresSnapshotUs,
  })
}

/** Messages of the bus on Redis. */
async function measureRedis(): Promise<void> {
  await using redis = await startRedis()
  const info = async (section: string, field: string): Promise<number> => {
    const text = String(await redis.cli('INFO', section))
    return Number(
      text
        .split('\r\n')
        .find((line) => line.startsWith(`${field}:`))
        ?.slice(field.length + 1),
    )
  }
  const pid = await info('server', 'process_id')
  const address = readRedisAddress({
    REDIS_URL: redis.url,
    REDIS_PUBSUB: 'sharded',
    REDIS_TLS_CA: undefined,
    REDIS_TLS_CERT: undefined,
    REDIS_TLS_KEY: undefined,
  })
  if (address === null) throw new Error('There is no address')
  const openBus = () => createRedisBus({ address, key: 'a key of the benchmark', logger: silentLogger })
  const channels = Array.from({ length: 20_000 * scale }, (_, index) => `task:${index}`)
  const message = { topic: 'task:t_1', seq: 1, type: 'TaskAdvanced', payload: { text: 'x'.repeat(350) } }
  const messages = 40_000 * scale

  /** Publishes to a number of subscribing servers, and returns the costs for each message. */
  const publishTo = async (servers: number) => {
    await using stack = new AsyncDisposableStack()
    const publisher = stack.use(openBus())
    let received = 0
    const memoryBefore = await info('memory', 'used_memory')
    const subscribedFrom = (await readProcessCpuMs(pid)) ?? Number.NaN
    const subscribers = Array.from({ length: servers }, () => stack.use(openBus()))
    const subscriptions = subscribers.flatMap((bus) =>
      channels.map((channel) =>
        bus.subscribe(channel, () => {
          received++
        }),
      ),
    )
    await Promise.all(subscriptions.map(({ ready }) => ready))
    const redisFrom = (await readProcessCpuMs(pid)) ?? Number.NaN
    const memoryAfter = await info('memory', 'used_memory')
    for (const startedAt = performance.now(); !publisher.isConnected(); )
      if (performance.now() - startedAt > 30_000) throw new Error('There is no connection to Redis')
      else await new Promise((resolve) => setTimeout(resolve, 10))
    const { user, system } = process.cpuUsage()
    for (let sent = 0; sent < messages; ) {
      for (let burst = 0; burst < 100; burst++, sent++)
        publisher.publish(channels[sent % channels.length] ?? '', message)
      while (received < (sent - 1_000) * servers) await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
    while (received < messages * servers) await new Promise((resolve) => setImmediate(resolve))
    const used = process.cpuUsage({ user, system })
    const redisTo = (await readProcessCpuMs(pid)) ?? Number.NaN
    return {
      subscribeUs: ((redisFrom - subscribedFrom) * 1_000) / subscriptions.length,
      channelBytes: (memoryAfter - memoryBefore) / subscriptions.length,
      redisUs: ((redisTo - redisFrom) * 1_000) / messages,
      processUs: (used.user + used.system) / messages,
    }
  }
  const one = await publishTo(1)
  const four = await publishTo(4)
  const deliveryUs = (four.redisUs - one.redisUs) / 3
  note({
    redisPublishUs: one.redisUs - deliveryUs,
    redisDeliveryUs: deliveryUs,
    redisSubscribeUs: four.subscribeUs,
    redisBytesPerSubscription: four.channelBytes,
    serverBusMessageUs: (four.processUs - one.processUs) / 3,
  })
}

/** Statements through PgBouncer. */
async function measurePgBouncer(): Promise<void> {
  await using bench = await startBenchDatabase()
  await using pooler = await startPgBouncer(bench.url)
  await seedRunningTasks(bench.database)
  const clients = await Promise.all(
    Array.from({ length: 16 }, async () => {
      const client = new pg.Client(pooler.url)
      await client.connect()
      return client
    }),
  )
  const measure = async (work: (client: pg.Client) => Promise<unknown>): Promise<number> => {
    let count = 0
    const from = (await readProcessCpuMs(pooler.pid)) ?? Number.NaN
    const until = performance.now() + 4_000 * scale
    await Promise.all(
      clients.map(async (client) => {
        for (; performance.now() < until; count++) await work(client)
      }),
    )
    return ((((await readProcessCpuMs(pooler.pid)) ?? Number.NaN) - from) * 1_000) / count
  }
  const select = (client: pg.Client) =>
    client.query('select name, seq from tidings.topic where name = $1', ['task:t_1'])
  const statementUs = await measure(select)
  const transactionUs = await measure(async (client) => {
    await client.query('begin')
    await select(client)
    await client.query('commit')
  })
  await Promise.all(clients.map((client) => client.end()))
  note({ pgbouncerStatementUs: statementUs, pgbouncerTransactionUs: transactionUs })
}

/** Connections to PostgreSQL: opened and closed, and kept. */
async function measureConnections(): Promise<void> {
  await using bench = await startBenchDatabase()
  const postgres = await readPostmaster(bench.url)
  await seedRunningTasks(bench.database)
  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client(bench.url)
    await client.connect()
    return client
  }
  await (await open()).end()
  const count = 500 * scale
  const from = await readFamilyCpuMs(postgres)
  for (let opened = 0; opened < count; opened++) await (await open()).end()
  // The process of the last one may not have ended.
  await new Promise((resolve) => setTimeout(resolve, 200))
  const postgresConnectionUs = (((await readFamilyCpuMs(postgres)) - from) * 1_000) / count

  const size = 20
  await using database = await connectDatabase({ url: bench.url, maxConnections: size, logger: silentLogger })
  const reader = await createLogReader(database)
  const { rows: topics } = await database.pool.query<{ topic: string; seq: number }>(
    'select name as topic, seq from tidings.topic',
  )
  // All at once, so that each has a connection of its own, and several times, so that each has its plans.
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: size }, () => reader.moved(topics.slice(round))))
  const { rows } = await bench.database.pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and query like '%known(topic, had)%'`,
  )
  const bytes = await Promise.all(rows.map(({ pid }) => readPrivateBytes(pid)))
  note({
    postgresConnectionUs,
    postgresBytesPerConnection: bytes.reduce((sum, value) => sum + value, 0) / bytes.length,
  })
}

/** Returns the memory that a process shares with no other (Linux), in bytes. */
async function readPrivateBytes(pid: number): Promise<number> {
  const lines = (await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')).split('\n')
  const sizes = lines.filter((line) => line.startsWith('Private_')).map((line) => Number.parseInt(line.slice(16), 10))
  return sizes.reduce((sum, size) => sum + size, 0) * 1_024
}

async function readPostmaster(url: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = await readParentPid(rows[0]?.pid ?? 0)
  await client.end()
  return pid
}

const measures = {
  redis: measureRedis,
  pgbouncer: measurePgBouncer,
  postgres: measurePostgres,
  connections: measureConnections,
  server: measureServer,
}
const { only } = values
if (only !== undefined && !Object.hasOwn(measures, only)) {
  process.stderr.write(`--only is ${JSON.stringify(only)}; allowed: ${Object.keys(measures).join(', ')}\n`)
  process.exit(1)
}
for (const [name, measure] of Object.entries(measures)) if (only === undefined || only === name) await measure()
if (values.output !== undefined) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = `${cpus().length} × ${(cpus()[0]?.model ?? 'unknown').trim()}, Node ${process.version}`
  const earlier = only === undefined ? undefined : (JSON.parse(await readFile(values.output, 'utf8')) as Capacity)
  const capacity: Capacity = {
    commit: earlier === undefined ? commit : `${earlier.commit}, ${only} at ${commit}`,
    at: new Date().toISOString().slice(0, 10),
    machine,
    figures: { ...earlier?.figures, ...figures } as Figures,
  }
  await writeFile(values.output, `${JSON.stringify(capacity, null, 2)}\n`)
}
// The client of the pools may keep a timer.
process.exit(0)
