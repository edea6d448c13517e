import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Cluster, type NodeEnvironment, startCluster, watchWhole } from '../chaos/servers.ts'
import { createDatabaseProxy } from '../log/support.ts'
import type { TcpProxy } from '../support/proxy.ts'

/** Two servers, two workers, a network to PostgreSQL that can fail, and tasks that report five times a second while somebody watches. */
interface Scene {
  readonly cluster: Cluster
  readonly database: TcpProxy
  /** Runs a statement past the network that fails. */
  query<R extends pg.QueryResultRow>(text: string): Promise<readonly R[]>
  /** Resolves when each task has been seen to go on since this call, and then all of them to their ends. */
  recovered(name: string, since: number): Promise<void>
}

const taskCount = 8
const itemMs = 200

async function setScene(environment: NodeEnvironment, seconds: number): Promise<Scene> {
  const stack = new AsyncDisposableStack()
  onTestFinished(() => stack.disposeAsync())
  const shared: Record<string, string> = {
    LEASE_MS: '10000',
    SWEEP_MS: '2000',
    CHECK_MS: '3000',
    DRAIN_MS: '8000',
    DATABASE_POOL: '10',
    MAX_RUNNING_PER_USER: '0',
    ...environment,
  }
  const cluster = stack.use(
    await startCluster(4, (node) => ({ ...shared, ROLE: node < 2 ? 'server' : 'worker' }), { running: 0 }),
  )
  const { proxy, url } = await createDatabaseProxy(cluster.databaseUrl)
  stack.use(proxy)
  shared['DATABASE_URL'] = url
  await Promise.all(cluster.nodes.map((node) => node.start()))
  const direct = new pg.Pool({ connectionString: cluster.databaseUrl, max: 1, application_name: 'test' })
  direct.on('error', () => undefined)
  stack.defer(() => direct.end())
  const items = Math.round((seconds * 1_000) / itemMs)
  const ids = await Promise.all(
    Array.from({ length: taskCount }, (_, index) => cluster.startTask(index % 2, { items, everyMs: itemMs })),
  )
  const watched = ids.flatMap((id) =>
    [0, 1].map((node) => {
      const { seen, whole, items: itemsSeen } = watchWhole(cluster.client(node), id)
      const arrivals: number[] = []
      const timer = setInterval(() => {
        while (arrivals.length < seen.length) arrivals.push(Date.now())
      }, 20)
      stack.defer(() => clearInterval(timer))
      return { id, node, seen, whole, items: itemsSeen, arrivals }
    }),
  )
  await Promise.all(watched.map(({ items: itemsSeen }) => itemsSeen(3)))
  return {
    cluster,
    database: proxy,
    async query(text) {
      return (await direct.query(text)).rows
    },
    async recovered(name, since) {
      const logs = await Promise.all(watched.map(({ whole }) => whole))
      for (const log of logs) expect(log.at(-1)?.__typename).toBe('TaskCompleted')
      const { rows } = await direct.query<{ topic: string; at: Date }>(
        `select topic, at from event where topic like 'task:%' order by topic, seq`,
      )
      const firstAfter = ids.map((id) => {
        const at = rows.find((row) => row.topic === `task:${id}` && row.at.getTime() > since)?.at.getTime()
        return at === undefined ? Number.NaN : at - since
      })
      const gaps = watched.map(({ arrivals, node }) => {
        const after = arrivals.filter((at) => at > since)
        return [
          node,
          (after[0] ?? Number.NaN) - since,
          Math.max(...after.slice(1).map((at, i) => at - (after[i] ?? at))),
        ]
      })
      const outcomes = await direct.query(
        `select a->>'outcome' as outcome, count(*)::int from task, jsonb_array_elements(attempts) a group by 1`,
      )
      console.log(
        JSON.stringify({
          name,
          tasks: firstAfter.sort((a, b) => a - b),
          watchers: [0, 1].map((node) =>
            gaps
              .filter(([n]) => n === node)
              .map(([, first]) => first)
              .sort((a, b) => Number(a) - Number(b)),
          ),
          laterGap: Math.max(...gaps.map(([, , gap]) => Number(gap))),
          outcomes: outcomes.rows,
        }),
      )
    },
  }
}

describe('tasks and those who watch them go on', { timeout: 300_000 }, () => {
  test('when a worker is told to end', async () => {
    const { cluster, recovered } = await setScene({}, 20)
    const since = Date.now()
    await Promise.all([cluster.nodes[2]?.kill('SIGTERM').then(() => console.log('ended after', Date.now() - since))])
    await recovered('SIGTERM', since)
  })

  test.for(['10000', '3000'])('when a worker is killed, with LEASE_MS=%s', async (LEASE_MS) => {
    const { cluster, recovered } = await setScene({ LEASE_MS }, 30)
    const since = Date.now()
    await cluster.nodes[2]?.kill('SIGKILL')
    await recovered(`SIGKILL ${LEASE_MS}`, since)
  })

  test('when a worker freezes', async () => {
    const { cluster, recovered } = await setScene({ LEASE_MS: '3000' }, 30)
    const since = Date.now()
    cluster.nodes[2]?.process.kill('SIGSTOP')
    await delay(20_000)
    cluster.nodes[2]?.process.kill('SIGCONT')
    await recovered('SIGSTOP worker', since)
  })

  test('when a server freezes', async () => {
    const { cluster, recovered } = await setScene({}, 60)
    cluster.nodes[0]?.process.kill('SIGSTOP')
    await delay(40_000)
    cluster.nodes[0]?.process.kill('SIGCONT')
    const since = Date.now()
    await recovered('SIGSTOP server 40 s', since)
  })

  test('when PostgreSQL was unavailable', async () => {
    const { database, recovered } = await setScene({}, 40)
    database.refuse()
    database.resetAll()
    await delay(15_000)
    await database.accept()
    const since = Date.now()
    await recovered('PostgreSQL unavailable 15 s', since)
  })

  test('when PostgreSQL was read-only', async () => {
    const { query, recovered } = await setScene({}, 40)
    await query('alter system set default_transaction_read_only = on')
    await query('select pg_reload_conf()')
    await delay(5_000)
    await query('set default_transaction_read_only = off')
    await query('alter system reset default_transaction_read_only')
    await query('select pg_reload_conf()')
    const since = Date.now()
    await recovered('PostgreSQL read-only 5 s', since)
  })

  test('when every connection to PostgreSQL was terminated again and again', async () => {
    const { cluster, query, recovered } = await setScene({}, 40)
    for (let round = 0; round < 8; round++) {
      await query(
        `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`,
      )
      await delay(500)
    }
    const since = Date.now()
    await recovered('all connections terminated 8 times', since)
    // No process has ended.
    for (const { process } of cluster.nodes) process.kill('SIGCONT')
    expect(await query(`select id from worker`)).toHaveLength(2)
  })
})
