import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Load, startLoad } from '../../chaos/load.ts'
import { type Cluster, logOf, startCluster } from '../../chaos/servers.ts'
import { startNginx, type TestNginx } from '../../support/nginx.ts'

const work = { items: 50, everyMs: 150 }
/** Lasts until both servers have restarted, also on a busy machine. */
const longWork = { items: 100, everyMs: 150 }

/** Expects that all clients have seen the same complete log, each event once. */
function expectWhole({ tasks }: Load, { items } = work): void {
  for (const { sights } of tasks) {
    const [first = [], ...others] = sights.map(({ seen }) => logOf(seen))
    const seqs = first.map((line) => Number.parseInt(line, 10))
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    expect(sights[0]?.seen.at(-1)?.__typename).toBe('TaskCompleted')
    for (const other of others) expect(other).toEqual(first)
    const completed = (sights[0]?.seen ?? []).flatMap((event) =>
      event.__typename === 'TaskItemCompleted' ? [event.item.key] : [],
    )
    expect(new Set(completed).size).toBe(completed.length)
    expect(completed).toHaveLength(items)
  }
}

describe('servers behind nginx under load', () => {
  let cluster: Cluster
  let nginx: TestNginx
  const ports = (...nodes: readonly number[]): number[] => nodes.map((node) => cluster.nodes[node]?.port ?? 0)
  beforeAll(async () => {
    // A busy machine must not lose leases: only the loss of a worker is to show as one.
    const environment = {
      TRUST_PROXY: 'true',
      MAX_STARTS_PER_MINUTE: '100000',
      MAX_RUNNING_PER_USER: '0',
      LEASE_MS: '6000',
    }
    cluster = await startCluster(3, environment, { running: 2 })
    nginx = await startNginx(ports(0, 1))
  })
  afterAll(async () => {
    await nginx?.[Symbol.asyncDispose]()
    await cluster?.[Symbol.asyncDispose]()
  })
  const start = (ofTasks = work) => startLoad({ cluster, url: nginx.url, work: ofTasks })

  test('a rolling restart causes no errors: asked to move, clients reconnect, and running tasks are handed over', async () => {
    const load = await start(longWork)
    await load.items(3)
    for (const [index, node] of cluster.nodes.slice(0, 2).entries()) {
      await node.kill('SIGTERM')
      await node.start()
      await load.items(15 * (index + 1))
    }
    await load.end()
    expectWhole(load, longWork)
    expect(load.errors).toEqual([])
    // A client that may use every transport keeps the best one: the close code of the server says
    // that the transport is not at fault.
    expect([...load.statuses].filter((status) => status !== 'connecting').toSorted()).toEqual(['live', 'reconnecting'])
    const events = load.tasks.flatMap(({ sights }) => sights[0]?.seen ?? [])
    const reasons = events.flatMap((event) => (event.__typename === 'TaskRetrying' ? [event.error.code] : []))
    expect(new Set(reasons)).toEqual(new Set(['WORKER_SHUT_DOWN']))
  })

  test('a killed server causes only a short interruption, and its work continues', async () => {
    const load = await start()
    await load.items(3)
    await cluster.nodes[0]?.kill('SIGKILL')
    await load.items(10)
    await cluster.nodes[0]?.start()
    await load.end()
    expectWhole(load)
    expect(load.errors).toEqual([])
  })

  test('the cluster scales from one to three servers and back without interrupting clients', async () => {
    await nginx.setServers(ports(0))
    await cluster.nodes[1]?.kill('SIGTERM')
    const load = await start()
    await load.items(3)
    await Promise.all(cluster.nodes.slice(1).map((node) => node.start()))
    await nginx.setServers(ports(0, 1, 2))
    await load.items(10)
    // New clients are distributed over all three.
    const second = await start()
    await second.items(3)
    const log = await nginx.readLog()
    for (const port of ports(0, 1, 2)) expect(log).toContain(`"127.0.0.1:${port}"`)
    await nginx.setServers(ports(2))
    for (const node of [0, 1]) await cluster.nodes[node]?.kill('SIGTERM')
    await Promise.all([load.end(), second.end()])
    for (const one of [load, second]) {
      expectWhole(one)
      expect(one.errors).toEqual([])
    }
  })
})
