import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { defineSelfTest } from '../../../src/studio/self-test/self-test.ts'
import type { TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'

const updates = `subscription ($after: Cursor) { viewerUpdates(after: $after) { __typename cursor seq at
  ... on ViewerSnapshot { reason }
  ... on ViewerTaskChanged { taskId kind status task { id status } }
  ... on ViewerTaskRemoved { taskId }
  ... on ViewerDocumentChanged { documentId document { id title status } }
  ... on ViewerDocumentRemoved { documentId }
  ... on ViewerObjectChanged { object objectId isRemoved } } }`

interface Update {
  readonly __typename: string
  readonly cursor: string
  readonly seq: number
  readonly taskId?: string
  readonly kind?: string
  readonly status?: string
  readonly task?: { readonly id: string } | null
  readonly documentId?: string
  readonly object?: string
  readonly objectId?: string
  readonly isRemoved?: boolean
  readonly document?: { readonly id: string; readonly title: string } | null
}

let api: ApiFixture
let stack: AsyncDisposableStack
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(await startApi({}, [defineSelfTest() as unknown as TaskDefinition]))
})
afterAll(() => stack.disposeAsync())

/** Follows a viewer's updates until the test file ends. */
async function follow(viewer: Viewer, after?: string): Promise<readonly Update[]> {
  const seen: Update[] = []
  const events = api.watch(updates, { after }, { viewer }) as AsyncGenerator<{ readonly viewerUpdates: Update }>
  // Not awaited: a generator that waits for its next event returns after it.
  stack.defer(() => void events.return(undefined))
  if (after === undefined) seen.push((await events.next()).value?.viewerUpdates as Update)
  void (async () => {
    for await (const { viewerUpdates } of events) seen.push(viewerUpdates)
  })()
  return seen
}
const namesOf = (seen: readonly Update[]): string[] =>
  seen.map(({ __typename, status }) => [__typename.replace('Viewer', ''), status ?? []].flat().join(' '))

const importText = `mutation ($text: String!) { result: importDocument(input: { source: { text: $text }, name: "bread.md" }) {
  ... on ImportDocumentSuccess { document { id } task { id } } } }`
const share = `mutation ($id: ID!, $userId: ID!) { shareDocument(input: { documentId: $id, userId: $userId }) { __typename } }`
const revoke = `mutation ($id: ID!, $userId: ID!) { revokeDocument(input: { documentId: $id, userId: $userId }) { __typename } }`
const remove = 'mutation ($id: ID!) { deleteDocument(input: { documentId: $id }) { __typename } }'

describe('viewerUpdates', () => {
  it('appends changes in order for any number of concurrent flushes, after a process has died before its flush', async () => {
    const viewer = viewerOf('lists-flush')
    await api.services.viewerUpdates.open(viewer.userId)
    // The state that a transaction leaves when its process dies after the commit.
    await api.database.pool.query(
      `insert into studio.viewer_change (user_id, type, payload)
       select $1, 'ViewerTaskRemoved', jsonb_build_object('taskId', 'task_' || n) from generate_series(1, 1200) n`,
      [viewer.userId],
    )
    const seen = await follow(viewer)
    const counts = await Promise.all(Array.from({ length: 6 }, () => api.services.viewerUpdates.flush()))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1_200)
    await vi.waitFor(() => expect(seen).toHaveLength(1_201))
    expect(seen.slice(1).map(({ taskId }) => taskId)).toEqual(Array.from({ length: 1_200 }, (_, n) => `task_${n + 1}`))
  })

  it('costs few statements when many subscribe at once', async () => {
    const viewer = viewerOf('lists-many')
    await follow(viewer)
    using query = vi.spyOn(api.database.pool, 'query')
    const all = await Promise.all(Array.from({ length: 100 }, () => follow(viewer)))
    expect(all.map(([first]) => first?.__typename)).toEqual(all.map(() => 'ViewerSnapshot'))
    const statements = query.mock.calls.filter((call) => JSON.stringify(call).includes('viewer:lists-many'))
    // Each had an insert and a read of its own, beside those of the log, which are shared.
    expect(statements.length).toBeLessThan(50)
  })

  it('reports a task that its owner deletes, at once also when it has just ended', async () => {
    const viewer = viewerOf('lists-deleting')
    const seen = await follow(viewer)
    const { result }: { result: { task: { id: string } } } = await api.run(importText, { text: '# Bread' }, viewer)
    await vi.waitFor(() => expect(namesOf(seen)).toContain('TaskChanged COMPLETED'))
    await api.run(
      'mutation ($id: ID!) { deleteTask(input: { taskId: $id }) { __typename } }',
      { id: result.task.id },
      viewer,
    )
    await vi.waitFor(() => expect(namesOf(seen)).toContain('TaskRemoved'))
    expect(seen.find(({ __typename }) => __typename === 'ViewerTaskRemoved')?.taskId).toBe(result.task.id)
  })

  it('has every change of the viewer’s tasks and library in order, for the users it concerns, and resumes', async () => {
    const [ada, bob] = [viewerOf('lists-ada'), viewerOf('lists-bob')]
    const [own, shared] = [await follow(ada), await follow(bob)]
    expect(own).toMatchObject([{ __typename: 'ViewerSnapshot', reason: 'SUBSCRIBED', seq: 0 }])
    const { result }: { result: { document: { id: string }; task: { id: string } } } = await api.run(
      importText,
      { text: '# Bread\n\nFlour and water.' },
      ada,
    )
    const { document, task } = result
    await vi.waitFor(() => expect(namesOf(own)).toContain('TaskChanged COMPLETED'))
    // Imported, then with its title, then READY.
    await vi.waitFor(() =>
      expect(namesOf(own).toSorted()).toEqual([
        ...['DocumentChanged', 'DocumentChanged', 'DocumentChanged'],
        ...['Snapshot', 'TaskChanged COMPLETED', 'TaskChanged QUEUED', 'TaskChanged RUNNING'],
      ]),
    )
    for (const update of own.slice(1)) {
      if (update.taskId !== undefined)
        expect(update).toMatchObject({ taskId: task.id, kind: 'CONVERT_DOCUMENT', task: { id: task.id } })
      else expect(update).toMatchObject({ documentId: document.id, document: { id: document.id } })
    }
    expect(own.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(shared).toHaveLength(1)

    await api.run(share, { id: document.id, userId: bob.userId }, ada)
    await vi.waitFor(() => expect(shared).toHaveLength(2))
    expect(shared[1]).toMatchObject({ __typename: 'ViewerDocumentChanged', document: { title: 'Bread' } })
    await api.run(revoke, { id: document.id, userId: bob.userId }, ada)
    await vi.waitFor(() => expect(shared).toHaveLength(3))
    expect(shared[2]).toMatchObject({ __typename: 'ViewerDocumentRemoved', documentId: document.id })

    await api.run(remove, { id: document.id }, ada)
    await vi.waitFor(() => expect(namesOf(own).slice(7).toSorted()).toEqual(['DocumentRemoved', 'TaskRemoved']))
    const again = await follow(ada, own[2]?.cursor)
    await vi.waitFor(() => expect(again.map(({ cursor }) => cursor)).toEqual(own.slice(3).map(({ cursor }) => cursor)))
    // The object named by an event may be deleted by the time it is resolved.
    expect(again.find(({ __typename }) => __typename === 'ViewerDocumentChanged')?.document).toBeNull()
  })

  it('reports roadmaps, quizzes, projects and sessions that appear, change and disappear, to the users that have them', async () => {
    const [ada, bob] = [viewerOf('lists-objects'), viewerOf('lists-invited')]
    const [own, others] = [await follow(ada), await follow(bob)]
    const { pool } = api.database
    // The statements of the applications; which code runs them does not matter to the triggers.
    for (const statement of [
      `insert into studio.roadmap (id, owner, title) values ('roadmap_1', 'lists-objects', 'Bread')`,
      `update studio.roadmap set title = 'Dough' where id = 'roadmap_1'`,
      `insert into studio.quiz (id, owner, title, status, requested_count, kinds) values ('quiz_1', 'lists-objects', 'Bread', 'DRAFT', 1, '{CLOZE}')`,
      `update studio.quiz set status = 'PUBLISHED' where id = 'quiz_1'`,
      `update studio.quiz set published_at = now() where id = 'quiz_1'`,
      `delete from studio.quiz where id = 'quiz_1'`,
      `insert into studio.project (id, owner, title, prompt, status) values ('project_1', 'lists-objects', 'Bread', '', 'GENERATING')`,
      `update studio.project set version = version + 1 where id = 'project_1'`,
      `insert into studio.session (id, owner, title, client_id) values ('session_1', 'lists-objects', 'Bread', 'c')`,
      `insert into studio.session_participant (session_id, user_id) values ('session_1', 'lists-objects'), ('session_1', 'lists-invited')`,
      `update studio.session set closed_at = now() where id = 'session_1'`,
      `update studio.session set message_count = 1, last_activity_at = now() where id = 'session_1'`,
      `delete from studio.session_participant where user_id = 'lists-invited'`,
    ])
      await pool.query(statement)
    await api.services.viewerUpdates.flush()
    const objectsOf = (seen: readonly Update[]): string[] =>
      seen.flatMap(({ object, objectId, isRemoved }) =>
        object === undefined ? [] : [`${object} ${objectId}${isRemoved ? ' removed' : ''}`],
      )
    await vi.waitFor(() => expect(objectsOf(others)).toHaveLength(3))
    expect(objectsOf(own)).toEqual([
      ...['ROADMAP roadmap_1', 'ROADMAP roadmap_1'],
      ...['QUIZ quiz_1', 'QUIZ quiz_1', 'QUIZ quiz_1 removed'],
      ...['PROJECT project_1', 'PROJECT project_1'],
      ...['SESSION session_1', 'SESSION session_1'],
    ])
    expect(objectsOf(others)).toEqual(['SESSION session_1', 'SESSION session_1', 'SESSION session_1 removed'])
  })

  it('loses nothing when many tasks of one user change at once, and records nothing for users without a subscription', async () => {
    const [busy, absent] = [viewerOf('lists-busy'), viewerOf('lists-absent')]
    const seen = await follow(busy)
    const start = (viewer: Viewer): Promise<{ result: { task: { id: string } } }> =>
      api.run(
        `mutation { result: startSelfTest(input: { items: 3, everyMs: 0 }) { ... on StartSelfTestSuccess { task { id } } } }`,
        {},
        viewer,
      )
    const started = await Promise.all(Array.from({ length: 25 }, (_, index) => start(index % 5 === 4 ? absent : busy)))
    const ids = started.filter((_, index) => index % 5 !== 4).map(({ result }) => result.task.id)
    await vi.waitFor(() => expect(seen.filter(({ status }) => status === 'COMPLETED')).toHaveLength(ids.length))
    expect(seen.map(({ seq }) => seq)).toEqual(Array.from(seen, (_, index) => index))
    for (const id of ids)
      expect(seen.filter(({ taskId }) => taskId === id).map(({ status }) => status)).toEqual([
        'QUEUED',
        'RUNNING',
        'COMPLETED',
      ])
    const { rows } = await api.database.pool.query(
      `select from tidings.topic where name = 'viewer:lists-absent' union all select from studio.viewer_change`,
    )
    expect(rows).toEqual([])
  })
})
