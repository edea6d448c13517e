import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TaskEvent } from '../../client/reduce/task-state.ts'
import { type Cluster, logOf, startCluster, watchWhole } from './servers.ts'

const work = { items: 60, everyMs: 40, textLength: 40 }

function expectWhole(seen: readonly TaskEvent[]): void {
  const seqs = logOf(seen).map((line) => Number.parseInt(line, 10))
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
  expect(seen.at(-1)?.__typename).toBe('TaskCompleted')
  const completed = seen.flatMap((event) => (event.__typename === 'TaskItemCompleted' ? [event.item.key] : []))
  expect(new Set(completed).size).toBe(completed.length)
  expect(completed).toHaveLength(work.items)
}

describe('two servers on one PostgreSQL and one Redis, a subscriber on each', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(2)
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })
  const watchOnBoth = (taskId: string) => [0, 1].map((node) => watchWhole(cluster.client(node), taskId))

  it('shows both the same, every event once and in order', async () => {
    const taskId = await cluster.startTask(0, work)
    const [one, other] = await Promise.all(watchOnBoth(taskId).map(({ whole }) => whole))
    expectWhole(one ?? [])
    expect(logOf(other ?? [])).toEqual(logOf(one ?? []))
  })

  it('loses nothing when Redis is restarted, flushed and its subscribers are cut off in the middle', async () => {
    const taskId = await cluster.startTask(1, work)
    const sights = watchOnBoth(taskId)
    await sights[0]?.items(10)
    await cluster.redis.restart()
    await sights[0]?.items(25)
    await cluster.redis.cli('FLUSHALL')
    await cluster.redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    const [one, other] = await Promise.all(sights.map(({ whole }) => whole))
    expectWhole(one ?? [])
    expect(logOf(other ?? [])).toEqual(logOf(one ?? []))
  })

  it('goes on in the other when the server that works is killed, and tells so', async () => {
    const taskId = await cluster.startTask(0, { ...work, everyMs: 250 })
    const sights = watchOnBoth(taskId)
    await Promise.all(sights.map((sight) => sight.items(5)))
    // Whichever of the two has it: both are killed, one after the other, and come back.
    for (const [index, node] of cluster.nodes.entries()) {
      await node.kill('SIGKILL')
      await node.start()
      if (index === 0) await sights[1]?.items(10)
    }
    const [one, other] = await Promise.all(sights.map(({ whole }) => whole))
    expectWhole(one ?? [])
    expect(logOf(other ?? [])).toEqual(logOf(one ?? []))
    expect(one?.some((event) => event.__typename === 'TaskRetrying' && event.error.code === 'WORKER_LOST')).toBe(true)
  })

  it('hands the task on at once when the server that works is told to end, without an error at any subscriber', async () => {
    const taskId = await cluster.startTask(0, { ...work, everyMs: 150 })
    const sights = watchOnBoth(taskId)
    await Promise.all(sights.map((sight) => sight.items(5)))
    for (const node of cluster.nodes) {
      await node.kill('SIGTERM')
      await node.start()
    }
    const [one, other] = await Promise.all(sights.map(({ whole }) => whole))
    expectWhole(one ?? [])
    expect(logOf(other ?? [])).toEqual(logOf(one ?? []))
    expect(one?.some((event) => event.__typename === 'TaskRetrying' && event.error.code === 'WORKER_SHUT_DOWN')).toBe(
      true,
    )
  })
}, 120_000)
