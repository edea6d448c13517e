import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Cluster, logOf, startCluster, startSelfTest, watchWhole } from '../../chaos/servers.ts'

interface Place {
  readonly position: number
  readonly estimatedWaitMs: number | null
}

describe('two processes with ROLE server and two with ROLE worker', () => {
  let cluster: Cluster
  beforeAll(async () => {
    const shared = { MAX_STARTS_PER_MINUTE: '100000', MAX_RUNNING_PER_USER: '0' }
    cluster = await startCluster(4, (node) => ({ ...shared, ROLE: node < 2 ? 'server' : 'worker' }), { running: 2 })
  })
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]()
  })
  const ask = async <T>(id: string, fields: string): Promise<T> => {
    const { data, error } = await cluster
      .client(0)
      .urql.query<{ task: T }>(`query ($id: ID!) { task(id: $id) { ${fields} } }`, { id })
      .toPromise()
    if (data === undefined) throw new Error(error?.message)
    return data.task
  }
  const statusOf = async (id: string) => (await ask<{ status: string }>(id, 'status')).status

  test('run tasks that waited without a worker on the first one that starts, and deliver them on every server', async () => {
    const client = cluster.client(0)
    const id = await startSelfTest(client, { items: 5, everyMs: 20 })
    const sights = [0, 1].map((node) => watchWhole(cluster.client(node), id))
    const { queue } = await ask<{ queue: Place }>(id, 'queue { position estimatedWaitMs }')
    expect(queue).toEqual({ position: 1, estimatedWaitMs: null })
    await cluster.nodes[2]?.start()
    const [one, other] = await Promise.all(sights.map(async ({ whole }) => logOf(await whole)))
    expect(one?.at(-1)).toContain('TaskCompleted')
    expect(other).toEqual(one)
    // Its port serves health checks only.
    const worker = cluster.nodes[2]?.url
    expect((await fetch(`${worker}/health/ready`)).status).toBe(200)
    expect((await fetch(`${worker}/graphql`)).status).toBe(404)
  })

  test('support adding and removing workers at any time, and the estimated waits follow', async () => {
    const client = cluster.client(1)
    const ids = await Promise.all(
      Array.from({ length: 300 }, () => startSelfTest(client, { items: 1, everyMs: 4_000 })),
    )
    const last = ids.at(-1) ?? ''
    /**
     * Returns what each task in the queue adds to the wait: the mean duration of a task, divided by
     * how many run at once.
     */
    const share = async (): Promise<number | null> => {
      const { queue } = await ask<{ queue: Place | null }>(last, 'queue { position estimatedWaitMs }')
      if (queue === null) throw new Error('It waits no more: the line was too short for this test')
      return queue.estimatedWaitMs === null ? null : queue.estimatedWaitMs / (queue.position - 0.5)
    }
    const until = async (low: number, high: number): Promise<void> => {
      await vi.waitFor(
        async () => {
          const found = await share()
          if (found === null || found < low || found > high) throw new Error(`Each in line adds ${found} ms`)
        },
        { interval: 250 },
      )
    }
    // Twenty at once in each worker. One second is reserved for the overhead of the machine.
    await until(170, 260)
    await cluster.nodes[3]?.start()
    await until(85, 130)
    await cluster.nodes[3]?.kill('SIGTERM')
    await until(170, 260)
    await cluster.nodes[3]?.start()
    await until(85, 130)
    await cluster.nodes[3]?.kill('SIGKILL')
    await until(170, 260)
    // The tasks of the killed worker are started again by the other one, before waiting tasks.
    await vi.waitFor(async () => expect(await statusOf(ids[20] ?? '')).toBe('COMPLETED'), { interval: 250 })
  })
})
