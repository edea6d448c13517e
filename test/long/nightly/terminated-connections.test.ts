import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, logOf, startCluster, startSelfTest, watchWhole } from '../../chaos/servers.ts'

const work = { items: 60, everyMs: 50, textLength: 40 }
const pausesMs = [0, 100, 800]

let cluster: Cluster
let admin: pg.Client
beforeAll(async () => {
  cluster = await startCluster(2, { LEASE_MS: '10000', MAX_STARTS_PER_MINUTE: '100000' })
  const url = new URL(cluster.databaseUrl)
  url.pathname = '/postgres'
  admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await cluster[Symbol.asyncDispose]()
})

async function terminateAll(): Promise<void> {
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
    new URL(cluster.databaseUrl).pathname.slice(1),
  ])
}

test.each(pausesMs)(
  'no process ends and no task is lost when every connection is terminated eight times, %i ms apart',
  async (pauseMs) => {
    const tasks = await Promise.all(
      [0, 1, 0, 1].map(async (node) => {
        const id = await startSelfTest(cluster.client(node), work)
        return { id, sight: watchWhole(cluster.client(1 - node), id) }
      }),
    )
    await Promise.all(tasks.map(({ sight }) => sight.items(3)))
    const codes: unknown[] = []
    let isOver = false
    const asking = [0, 1].map(async (node) => {
      while (!isOver) {
        const response = await fetch(`${cluster.nodes[node]?.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            query:
              'mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "a.md" }) { __typename } }',
            variables: { text: `# ${Math.random()}` },
          }),
        })
        const { errors } = (await response.json()) as { errors?: readonly { extensions: { code: string } }[] }
        codes.push(...(errors ?? []).map(({ extensions }) => extensions.code))
        await delay(100)
      }
    })
    for (let round = 0; round < 8; round++) {
      await terminateAll()
      await delay(pauseMs)
    }
    for (const { sight } of tasks) {
      const seen = await sight.whole
      const seqs = logOf(seen).map((line) => Number.parseInt(line, 10))
      expect(seqs).toEqual(seqs.map((_, index) => index + 1))
      expect(seen.at(-1)?.__typename).toBe('TaskCompleted')
    }
    isOver = true
    await Promise.all(asking)
    expect(codes.filter((code) => code !== 'UNAVAILABLE')).toEqual([])
    for (const { process } of cluster.nodes)
      expect(await Promise.race([process.ended, Promise.resolve('running')])).toBe('running')
  },
  120_000,
)
