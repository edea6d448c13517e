import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'

const text = `# Bread

## Dough

### Flour

A dough needs flour, water, salt and time. Flour gives structure, because gluten forms when water reaches its proteins.

### Salt

Salt slows the yeast down and keeps the crumb tight. Too much of it stops the yeast altogether.

## Baking

### Heat

A hot oven makes the loaf rise once more. Steam keeps the crust soft until the loaf has reached its volume.
`
const updates = `subscription ($id: ID!, $after: Cursor) { event: roadmapUpdates(roadmapId: $id, after: $after) {
  __typename seq cursor
  ... on RoadmapSnapshot { reason activeTaskIds contents { ...C } }
  ... on RoadmapTaskStarted { taskId contents { ...C } }
  ... on RoadmapOutlined { taskId }
  ... on RoadmapContentChanged { taskId contents { ...C } }
  ... on RoadmapTaskEnded { taskId taskStatus contents { ...C } } } }
  fragment C on ContentChange { conceptId piece status error { code } }`
const retry = `mutation ($conceptId: ID!, $piece: ContentPiece!) {
  result: retryContent(input: { conceptId: $conceptId, piece: $piece }) { ... on RetryContentSuccess { task { id } } } }`
const retryFailed = `mutation ($roadmapId: ID!) {
  result: retryFailedContent(input: { roadmapId: $roadmapId }) { ... on RetryFailedContentSuccess { task { id } } } }`
const remove = `mutation ($roadmapId: ID!) { result: deleteRoadmap(input: { roadmapId: $roadmapId }) {
  __typename ... on DeleteRoadmapSuccess { id canceledTaskIds } } }`
const cancel = `mutation ($taskId: ID!) { cancelTask(input: { taskId: $taskId }) { __typename } }`

interface Change {
  readonly conceptId: string
  readonly piece: string
  readonly status: string
  readonly error: { readonly code: string } | null
}
interface Update {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly reason?: string
  readonly activeTaskIds?: readonly string[]
  readonly taskId?: string
  readonly taskStatus?: string
  readonly contents?: readonly Change[]
}
interface Started {
  readonly result: { readonly task: { readonly id: string } }
}

let api: ApiFixture
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})
beforeEach(() => {
  api.provider.script = () => 'text'
})

/** Subscribes in the background. */
async function open(id: string, after?: string) {
  const events: Update[] = []
  const watching = api.watch(updates, { id, ...(after === undefined ? {} : { after }) }) as AsyncGenerator<{
    readonly event: Update
  }>
  const take = async (): Promise<Update> => {
    const { value } = await watching.next()
    if (value === undefined) throw new Error('The subscription is over')
    events.push(value.event)
    return value.event
  }
  return {
    events,
    take,
    async takeUntil(type: string): Promise<Update> {
      for (;;) {
        const event = await take()
        if (event.__typename === type) return event
      }
    },
    [Symbol.asyncDispose]: async () => void (await watching.return(undefined)),
  }
}
/** Releases everything that waits until it is disposed: each piece waits separately. */
function keepReleasing(): Disposable {
  const timer = setInterval(() => api.provider.release(), 5)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
const brief = ({ __typename, contents = [] }: Update): string =>
  [__typename, ...contents.map(({ piece, status }) => `${piece} ${status}`)].join(' ')

describe('roadmapUpdates', () => {
  it('reports a retry to all subscribers: GENERATING as it is queued, COMPLETED, and its end', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    await using watched = await open(roadmapId)
    const snapshot = await watched.take()
    expect(snapshot).toMatchObject({ __typename: 'RoadmapSnapshot', reason: 'SUBSCRIBED', activeTaskIds: [] })
    expect(new Set(snapshot.contents?.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
    const conceptId = snapshot.contents?.[0]?.conceptId
    api.provider.script = () => 'wait'
    const { result }: Started = await api.run(retry, { conceptId, piece: 'QUIZ' })
    const taskId = result.task.id

    expect(await watched.take()).toEqual({
      __typename: 'RoadmapTaskStarted',
      seq: snapshot.seq + 1,
      cursor: expect.any(String),
      taskId,
      contents: [{ conceptId, piece: 'QUIZ', status: 'GENERATING', error: null }],
    })
    await using late = await open(roadmapId)
    const joined = await late.take()
    expect(joined.activeTaskIds).toEqual([taskId])
    expect(joined.contents).toContainEqual({ conceptId, piece: 'QUIZ', status: 'GENERATING', error: null })

    await vi.waitFor(async () => expect((await api.get({ id: taskId })).status).toBe('RUNNING'))
    using _ = keepReleasing()
    await watched.takeUntil('RoadmapTaskEnded')
    // The start of the worker is not an event: it read GENERATING already.
    expect(watched.events.slice(1).map(brief)).toEqual([
      'RoadmapTaskStarted QUIZ GENERATING',
      'RoadmapContentChanged QUIZ COMPLETED',
      'RoadmapTaskEnded',
    ])
    expect(watched.events.at(-1)).toMatchObject({ taskId, taskStatus: 'COMPLETED', seq: snapshot.seq + 3 })
  })

  it('reports how a new roadmap is generated, and resumes exactly after a cursor', async () => {
    api.provider.script = () => 'wait'
    const { roadmapId, taskId } = await api.startRoadmap(text)
    await using watched = await open(roadmapId)
    const first = await watched.take()
    expect(first).toMatchObject({ __typename: 'RoadmapSnapshot', activeTaskIds: [taskId] })
    using _ = keepReleasing()
    await watched.takeUntil('RoadmapTaskEnded')
    expect(watched.events.map(({ seq }) => seq)).toEqual(watched.events.map((_, index) => first.seq + index))
    const made = watched.events.flatMap(({ contents = [] }) => contents).filter(({ status }) => status === 'COMPLETED')
    expect(new Set(made.map(({ conceptId, piece }) => `${conceptId} ${piece}`)).size).toBe(made.length)

    await using resumed = await open(roadmapId, first.cursor)
    await resumed.takeUntil('RoadmapTaskEnded')
    expect(resumed.events).toEqual(watched.events.slice(1))
  })

  it('reports what failed and why, the batch that retries it, and what a canceled batch leaves', async () => {
    api.provider.script = ({ piece }) => (piece === 'TUTORIAL' ? 'fail' : 'text')
    const { roadmapId } = await api.makeRoadmap(text)
    await using watched = await open(roadmapId)
    const { contents = [] } = await watched.take()
    const failed = contents.filter(({ status }) => status === 'FAILED')
    expect(failed.length).toBeGreaterThan(1)
    for (const one of failed) expect(one).toMatchObject({ piece: 'TUTORIAL', error: { code: 'CONTENT_REFUSED' } })
    api.provider.script = () => 'wait'
    const { result }: Started = await api.run(retryFailed, { roadmapId })
    expect(await watched.take()).toMatchObject({
      __typename: 'RoadmapTaskStarted',
      contents: failed.map(({ conceptId }) => ({ conceptId, piece: 'TUTORIAL', status: 'PENDING', error: null })),
    })
    await watched.takeUntil('RoadmapContentChanged')
    await api.run(cancel, { taskId: result.task.id })
    const ended = await watched.takeUntil('RoadmapTaskEnded')
    expect(ended).toMatchObject({ taskId: result.task.id, taskStatus: 'CANCELED' })
    expect(ended.contents).toHaveLength(failed.length)
    for (const change of ended.contents ?? [])
      expect(change).toMatchObject({ piece: 'TUTORIAL', status: 'FAILED', error: { code: 'CANCELED' } })
  })

  it('ends with the deletion of the roadmap, which cancels its tasks', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    await using watched = await open(roadmapId)
    const snapshot = await watched.take()
    api.provider.script = () => 'wait'
    const { result }: Started = await api.run(retry, { conceptId: snapshot.contents?.[0]?.conceptId, piece: 'QUIZ' })
    await watched.takeUntil('RoadmapTaskStarted')
    const taskId = result.task.id
    await vi.waitFor(async () => expect((await api.get({ id: taskId })).status).toBe('RUNNING'))
    const notFound = { result: { __typename: 'NotFoundError' } }
    expect(await api.run(remove, { roadmapId }, viewerOf('eve'))).toEqual(notFound)
    expect(await api.run(remove, { roadmapId })).toEqual({
      result: { __typename: 'DeleteRoadmapSuccess', id: roadmapId, canceledTaskIds: [taskId] },
    })
    await watched.takeUntil('RoadmapDeleted')
    await expect(watched.take()).rejects.toThrow('The subscription is over')
    using _ = keepReleasing()
    await vi.waitFor(() => expect(api.engine.worker?.running).toBe(0))

    expect(await api.run('query ($id: ID!) { roadmap(id: $id) { id } }', { id: roadmapId })).toEqual({ roadmap: null })
    const { rowCount } = await api.database.pool.query('select from studio.concept where roadmap_id = $1', [roadmapId])
    expect(rowCount).toBe(0)
    expect(await api.run(remove, { roadmapId })).toEqual(notFound)
    await using late = await open(roadmapId)
    await expect(late.take()).rejects.toThrow(`There is no roadmap "${roadmapId}"`)
  })

  it('is available to the owner only', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    await expect(api.watch(updates, { id: roadmapId }, { viewer: viewerOf('eve') }).next()).rejects.toThrow(
      'There is no roadmap',
    )
  })

  it('lets many tasks begin, end and be canceled on one roadmap at once', async () => {
    const { roadmapId } = await api.makeRoadmap(text)
    await using watched = await open(roadmapId)
    const { contents = [] } = await watched.take()
    const started = await Promise.all(
      contents.map(({ conceptId, piece }) => api.run(retry, { conceptId, piece }) as Promise<Started>),
    )
    await Promise.all(
      started.slice(0, 3).map(({ result }): Promise<object> => api.run(cancel, { taskId: result.task.id })),
    )
    const ended = new Set<string | undefined>()
    while (ended.size < started.length) ended.add((await watched.takeUntil('RoadmapTaskEnded')).taskId)
    expect(ended).toEqual(new Set(started.map(({ result }) => result.task.id)))
    const last = new Map(
      watched.events.flatMap(({ contents: changed = [] }) => changed).map((one) => [one.conceptId + one.piece, one]),
    )
    await using late = await open(roadmapId)
    const now = await late.take()
    expect(now.activeTaskIds).toEqual([])
    for (const one of now.contents ?? []) expect(last.get(one.conceptId + one.piece)).toEqual(one)
  })
})
