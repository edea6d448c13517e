import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AttemptOutcome } from '../../../src/tasks/model/task.ts'
import { type Cluster, type NodeEnvironment, type Sight, startCluster, watchWhole } from '../../chaos/servers.ts'
import { createDatabaseProxy } from '../../log/support.ts'
import type { TcpProxy } from '../../support/proxy.ts'

/**
 * Two servers, two workers, a proxy to PostgreSQL that can fail, and tasks that report five times a
 * second, each followed on both servers.
 */
interface Scene {
  readonly cluster: Cluster
  readonly database: TcpProxy
  /** Runs a statement, past the proxy that fails. */
  query<R extends pg.QueryResultRow>(text: string): Promise<readonly R[]>
  /**
   * Resolves with how many executions ended in which way, when every task has completed, was seen
   * to its end on both servers, and no execution counts as a failure of the handler. Prints how
   * many milliseconds after `since` the tasks and their subscribers saw the next event, the source
   * of the figures in `docs/operations.md`.
   */
  recovered(fault: string, since: number): Promise<Readonly<Partial<Record<AttemptOutcome, number>>>>
}

const taskCount = 8
const itemMs = 200
const defaults: NodeEnvironment = {
  LEASE_MS: '10000',
  SWEEP_MS: '1000',
  CHECK_MS: '3000',
  DRAIN_MS: '8000',
  DATABASE_POOL: '10',
  MAX_RUNNING_PER_USER: '0',
}

/** A subscriber of one task on one server, with the time of each event. */
interface Watcher {
  readonly node: number
  readonly sight: Sight
  readonly arrivals: readonly number[]
}

function watch(cluster: Cluster, node: number, id: string, stack: AsyncDisposableStack): Watcher {
  const sight = watchWhole(cluster.client(node), id)
  const arrivals: number[] = []
  const timer = setInterval(() => {
    while (arrivals.length < sight.seen.length) arrivals.push(Date.now())
  }, 20)
  stack.defer(() => clearInterval(timer))
  return { node, sight, arrivals }
}

/** @param seconds - how long the tasks take when undisturbed */
async function setScene(environment: NodeEnvironment, seconds: number): Promise<Scene> {
  const stack = new AsyncDisposableStack()
  onTestFinished(() => stack.disposeAsync())
  let databaseUrl = ''
  const environmentOf = (node: number): NodeEnvironment => ({
    ...defaults,
    ...environment,
    DATABASE_URL: databaseUrl,
    ROLE: node < 2 ? 'server' : 'worker',
  })
  const cluster = stack.use(await startCluster(4, environmentOf, { running: 0 }))
  const { proxy, url } = await createDatabaseProxy(cluster.databaseUrl)
  stack.use(proxy)
  databaseUrl = url
  await Promise.all(cluster.nodes.map((node) => node.start()))
  const direct = new pg.Pool({ connectionString: cluster.databaseUrl, max: 1 })
  stack.defer(() => direct.end())
  const query: Scene['query'] = async <R extends pg.QueryResultRow>(text: string) => (await direct.query<R>(text)).rows
  const items = Math.round((seconds * 1_000) / itemMs)
  const ids = await Promise.all(
    Array.from({ length: taskCount }, (_, index) => cluster.startTask(index % 2, { items, everyMs: itemMs })),
  )
  const watchers = ids.flatMap((id) => [0, 1].map((node) => watch(cluster, node, id, stack)))
  await Promise.all(watchers.map(({ sight }) => sight.items(3)))
  return {
    cluster,
    database: proxy,
    query,
    async recovered(fault, since) {
      for (const { sight } of watchers) expect((await sight.whole).at(-1)?.__typename).toBe('TaskCompleted')
      const events = await query<{ topic: string; at: Date }>('select topic, at from tidings.event order by topic, seq')
      const next = (times: readonly number[]): number => (times.find((time) => time > since) ?? Number.NaN) - since
      const tasks = ids.map((id) =>
        next(events.filter(({ topic }) => topic === `task:${id}`).map(({ at }) => at.getTime())),
      )
      const [first, second] = [0, 1].map((server) =>
        watchers.filter(({ node }) => node === server).map(({ arrivals }) => next(arrivals)),
      )
      const rows = await query<{ outcome: AttemptOutcome; count: number }>(
        `select a->>'outcome' as outcome, count(*)::int from tidings.task, jsonb_array_elements(attempts) a group by 1`,
      )
      const outcomes = Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
      console.log(JSON.stringify({ fault, tasks, watchers: { first, second }, outcomes }))
      expect(outcomes).toMatchObject({ COMPLETED: taskCount })
      expect(outcomes).not.toHaveProperty('FAILED')
      return outcomes
    },
  }
}

describe('tasks and their subscribers continue', { timeout: 300_000 }, () => {
  test('when a worker shuts down', async () => {
    const { cluster, recovered } = await setScene({}, 20)
    const since = Date.now()
    await cluster.nodes[2]?.kill('SIGTERM')
    expect(await recovered('SIGTERM', since)).not.toHaveProperty('WORKER_LOST')
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

  test('when every connection to PostgreSQL was terminated repeatedly', async () => {
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
    expect(await query(`select id from tidings.worker`)).toHaveLength(2)
  })
})
