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

  it('deliver the same to both, every event once and in order', async () => {
    const taskId = await cluster.startTask(0, work)
    const [one, other] = await Promise.all(watchOnBoth(taskId).map(({ whole }) => whole))
    expectWhole(one ?? [])
    expect(logOf(other ?? [])).toEqual(logOf(one ?? []))
  })

  it('run tasks started on either, and only once a task started on both', async () => {
    const taskId = await cluster.startTask(0, { ...work, items: 500 })
    const [one, other] = watchOnBoth(taskId)
    await Promise.all([one?.items(2), other?.items(2)])
    await cluster
      .client(1)
      .urql.mutation('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', { id: taskId })
      .toPromise()
    for (const sight of [one, other]) expect((await sight?.whole)?.at(-1)?.__typename).toBe('TaskCanceled')

    const text = `mutation Import($key: String!) {
      importDocument(input: { source: { text: "# Owls" }, name: "owls.md", idempotencyKey: $key }) {
        ... on ImportDocumentSuccess { document { id } }
      }
    }`
    const imported = await Promise.all(
      [0, 1, 0, 1].map((node) =>
        cluster
          .client(node)
          .urql.mutation<{ importDocument: { document: { id: string } } }>(text, { key: 'twice' })
          .toPromise(),
      ),
    )
    const ids = imported.map(({ data }) => data?.importDocument.document.id)
    expect(ids[0]).toMatch(/^document_/)
    expect(new Set(ids).size).toBe(1)
  })

  it('lose nothing when Redis is restarted, flushed and its subscribers are disconnected during the task', async () => {
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

  it('continue the task on the other when the server that runs it is killed, and report it', async () => {
    const taskId = await cluster.startTask(0, { ...work, everyMs: 250 })
    const sights = watchOnBoth(taskId)
    await Promise.all(sights.map((sight) => sight.items(5)))
    // Whichever of the two runs it: both are killed in turn, and come back.
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

  it('hand the task over at once when the server that runs it shuts down, without an error at any subscriber', async () => {
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
})
