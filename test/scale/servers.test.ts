import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { readProcessCpuMs } from '../bench/processor-time.ts'
import { type ServerNode, startProcesses } from '../chaos/servers.ts'
import { eventually, watch } from '../client/support/watch.ts'
import { startPostgresPair } from '../support/postgres-pair.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'

const serverCounts = [1, 2, 4, 8]
const workerCount = 4
const tasks = 36
const subscribersPerTask = 3
const measuredMs = 8_000
/** Of an idle server: its statistics, the epoch, presence, the comparison with the log. */
const maxTransactionsPerSecond = 10

/** What servers and services did in a time. */
interface Costs {
  readonly cpuMs: number
  /** Messages of the bus that the servers received, and that all processes published. */
  readonly received: number
  readonly published: number
  readonly transactions: number
}

/** Sums a metric over the processes, for samples with these labels. */
async function sumMetric(nodes: readonly ServerNode[], name: string, labels: string): Promise<number> {
  const values = await Promise.all(
    nodes.map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text()
      const line = text.split('\n').find((sample) => sample.startsWith(`${name}{`) && sample.includes(labels))
      return Number(line?.slice(line.lastIndexOf(' ')) ?? Number.NaN)
    }),
  )
  return values.reduce((sum, value) => sum + value, 0)
}

test('a server costs the others neither messages nor statements that grow with servers times topics', {
  timeout: 1_800_000,
}, async () => {
  await using redis = await startRedisCluster()
  await using pair = await startPostgresPair()
  await using cluster = await startProcesses(
    (serverCounts.at(-1) ?? 0) + workerCount,
    { databaseUrl: pair.urlOfBoth, redisUrl: redis.url },
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
    }),
    { running: 0 },
  )
  const workers = cluster.nodes.slice(0, workerCount)
  const allServers = cluster.nodes.slice(workerCount)
  const statistics = new pg.Client(pair.url)
  await statistics.connect()
  await using _statistics = { [Symbol.asyncDispose]: () => statistics.end() }

  const readCosts = async (servers: readonly ServerNode[]): Promise<Costs> => {
    const { rows } = await statistics.query<{ count: string }>(
      'select xact_commit as count from pg_stat_database where datname = current_database()',
    )
    const cpu = await Promise.all(servers.map(({ process }) => readProcessCpuMs(process.pid)))
    const bus = 'tidings_bus_messages_total'
    return {
      transactions: Number(rows[0]?.count),
      cpuMs: cpu.reduce<number>((sum, ms) => sum + (ms ?? Number.NaN), 0),
      received: await sumMetric(servers, bus, '"received"'),
      published: await sumMetric([...servers, ...workers], bus, '"published"'),
    }
  }
  /** Returns the costs of some time. */
  const measure = async (servers: readonly ServerNode[]): Promise<Costs> => {
    const before = await readCosts(servers)
    await pause(measuredMs)
    const after = await readCosts(servers)
    return {
      transactions: after.transactions - before.transactions,
      cpuMs: after.cpuMs - before.cpuMs,
      received: after.received - before.received,
      published: after.published - before.published,
    }
  }

  // The first process migrates the database.
  await workers[0]?.start()
  await Promise.all(workers.slice(1).map((worker) => worker.start()))
  const results: { readonly count: number; readonly idle: Costs; readonly loaded: Costs }[] = []
  for (const count of serverCounts) {
    const servers = allServers.slice(0, count)
    await Promise.all(servers.slice(results.at(-1)?.count ?? 0).map((server) => server.start()))
    const clients = servers.map((_, index) => cluster.client(workerCount + index))
    await pause(3_000)
    const idle = await measure(servers)
    const input = { items: 80, everyMs: 250, textLength: 20 }
    const ids = await Promise.all(
      Array.from({ length: tasks }, (_, task) => cluster.startTask(workerCount + (task % count), input)),
    )
    const watched = ids.flatMap((id, task) =>
      Array.from({ length: subscribersPerTask }, (_, subscriber) => {
        const client = clients[(task + subscriber) % count]
        if (client === undefined) throw new Error('There is no client')
        return watch(client, id)
      }),
    )
    await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 3)).toBe(true))
    const loaded = await measure(servers)
    await Promise.all(watched.map(({ done }) => done))
    for (const { seqs } of watched) expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    results.push({ count, idle, loaded })
    const perSecond = (value: number): string => ((value * 1_000) / measuredMs / count).toFixed(1)
    console.info(
      `${count} servers, of each per second: idle ${perSecond(idle.cpuMs)} ms of processor time, ${perSecond(idle.received)} messages; ` +
        `loaded ${perSecond(loaded.cpuMs)} ms, ${perSecond(loaded.received)} messages. ` +
        `All: ${perSecond(idle.transactions * count)} transactions idle, ${perSecond(loaded.transactions * count)} loaded, ${perSecond(loaded.published * count)} messages published`,
    )
    await Promise.all(clients.map((client) => client.dispose()))
  }
  const [first] = results
  if (first === undefined) throw new Error('Nothing was measured')
  for (const { count, idle, loaded } of results) {
    // A message of a task goes to the servers that follow it, of which there are three at most; all others to all servers.
    const copies = Math.min(count, subscribersPerTask)
    expect(loaded.received - idle.received).toBeLessThan(1.2 * copies * loaded.published)
    // Each server adds the same few statements, whether it follows topics or not.
    const ofServers = ((count - 1) * maxTransactionsPerSecond * measuredMs) / 1_000
    expect(idle.transactions).toBeLessThan(1.2 * first.idle.transactions + ofServers)
    // A message is written once, however many servers follow its topic.
    expect(loaded.transactions - idle.transactions).toBeLessThan(2 * loaded.published + ofServers)
  }
})
