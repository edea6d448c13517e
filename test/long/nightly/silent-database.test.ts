import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Cluster, logOf, startCluster, startSelfTest, watchWhole } from '../../chaos/servers.ts'
import { createDatabaseProxy } from '../../log/support.ts'
import type { TcpProxy } from '../../support/proxy.ts'

const work = { items: 40, everyMs: 100, textLength: 40 }
const patience = { interval: 50 }

let cluster: Cluster
let proxy: TcpProxy
beforeAll(async () => {
  let databaseUrl = ''
  cluster = await startCluster(2, () => ({ DATABASE_URL: databaseUrl, LEASE_MS: '10000', DRAIN_MS: '8000' }), {
    running: 0,
  })
  const proxied = await createDatabaseProxy(cluster.databaseUrl)
  proxy = proxied.proxy
  databaseUrl = proxied.url
  await Promise.all(cluster.nodes.map((node) => node.start()))
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
})

const isReady = async (node: number): Promise<boolean> =>
  (await fetch(`${cluster.nodes[node]?.url}/health/ready`)).status === 200

test('two servers recover from a PostgreSQL that left all their connections open and silent', async () => {
  const sights = await Promise.all(
    [0, 1, 0, 1].map(async (node) => {
      const client = cluster.client(node)
      return watchWhole(cluster.client(1 - node), await startSelfTest(client, work))
    }),
  )
  await Promise.all(sights.map((sight) => sight.items(5)))
  proxy.halfOpen()
  const answers = [0, 1].map((node) =>
    vi.waitFor(() => startSelfTest(cluster.client(node), { items: 1, everyMs: 1 }), patience),
  )
  const progress = sights.map((sight) => sight.items(work.items / 2))
  const ready = [0, 1].map((node) => vi.waitFor(async () => expect(await isReady(node)).toBe(true), patience))
  await Promise.all([...answers, ...ready, ...progress])
  for (const { whole } of sights) {
    const seen = await whole
    const seqs = logOf(seen).map((line) => Number.parseInt(line, 10))
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    expect(seen.at(-1)?.__typename).toBe('TaskCompleted')
  }
})

test('servers shut down gracefully when all their connections have gone silent', async () => {
  await Promise.all([0, 1].map((node) => vi.waitFor(async () => expect(await isReady(node)).toBe(true), patience)))
  proxy.halfOpen()
  for (const { process } of cluster.nodes) process.kill('SIGTERM')
  expect(await Promise.all(cluster.nodes.map(({ process }) => process.ended))).toEqual([0, 0])
})
