import { type ExecutionResult, parse } from 'graphql'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createContext, schema } from '../../../schema/studio/index.ts'
import { parseConfig } from '../../../src/config.ts'
import type { Live } from '../../../src/live/live.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createLiveDelivery } from '../../../src/main/app.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { type QuizApi, startQuizApi } from '../../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../../support/api.ts'

const admin = viewerOf('root', { roles: ['admin'] })
const notify = `mutation ($input: NotifyInput!) { result: notify(input: $input) { __typename
  ... on NotifySuccess { notification { id title level isForEveryone about { id } } } ... on InvalidInputError { issues { path } } } }`
const inbox = `query ($unread: Boolean, $after: String, $first: Int) { unreadCount inbox(unread: $unread, after: $after, first: $first) {
  nodes { id title level message isForEveryone readAt about { __typename id } } pageInfo { hasNextPage endCursor } } }`
const markRead = `mutation ($id: ID!) { result: markNotificationRead(input: { notificationId: $id }) { __typename
  ... on MarkNotificationReadSuccess { unreadCount notification { id readAt } } } }`
const watch = `subscription ($after: Cursor) { notifications(after: $after) { __typename cursor seq unreadCount
  ... on InboxSnapshot { reason hasMore newest { title about { id } } }
  ... on NotificationArrived { notification { id title about { __typename id } } }
  ... on NotificationsRead { ids } ... on NotificationsRemoved { ids } } }`

interface Entry {
  readonly id: string
  readonly title: string
  readonly isForEveryone: boolean
  readonly readAt: string | null
  readonly about: { readonly __typename: string; readonly id: string } | null
}
interface Inbox {
  readonly unreadCount: number
  readonly inbox: {
    readonly nodes: readonly Entry[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string }
  }
}
interface Event {
  readonly __typename: string
  readonly cursor: string
  readonly seq: number
  readonly unreadCount: number
  readonly newest?: readonly Entry[]
  readonly notification?: Entry
  readonly ids?: readonly string[]
}

let api: QuizApi
let live: Live
beforeAll(async () => {
  api = await startQuizApi()
  live = createLiveDelivery(api.services, parseConfig({ NODE_ENV: 'test' }), silentLogger)
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

async function tell(input: Record<string, unknown>, viewer = admin): Promise<{ id: string }> {
  const { result }: { result: { notification: { id: string } } } = await api.run(
    notify,
    { input: { level: 'INFORMATION', title: 'Hear', ...input } },
    viewer,
  )
  return result.notification
}
const read = (viewer: Viewer, variables: Record<string, unknown> = {}): Promise<Inbox> =>
  api.run(inbox, variables, viewer)

/** Subscribes through live delivery, as a page does. */
async function listen(viewer: Viewer, after?: string): Promise<{ readonly seen: Event[]; leave(): Promise<unknown> }> {
  const seen: Event[] = []
  const result: AsyncIterable<ExecutionResult, undefined> | ExecutionResult = await live.subscribe({
    schema,
    document: parse(watch),
    contextValue: createContext(api.services, viewer, { catchUp: false }),
    variableValues: { after },
  })
  if (!(Symbol.asyncIterator in result)) throw result.errors?.[0] ?? new Error('It did not subscribe')
  const iterator = result[Symbol.asyncIterator]() as AsyncIterableIterator<ExecutionResult, undefined>
  const reading = (async () => {
    for await (const { data, errors } of iterator) {
      if (errors !== undefined) throw errors[0]
      seen.push((data as { notifications: Event }).notifications)
    }
  })()
  reading.catch(() => undefined)
  return { seen, leave: async () => iterator.return?.() }
}

describe('notify', () => {
  it('is for admins', async () => {
    const { errors } = await api.execute(notify, { input: { level: 'ERROR', title: 'x' } }, viewerOf('ada'))
    expect(errors?.[0]?.message).toContain('Only users with the role "admin"')
    expect((await read(viewerOf('ada'))).unreadCount).toBe(0)
  })

  it('reports invalid input', async () => {
    const input = { level: 'ERROR', title: ' ', message: 'x'.repeat(2_001), expiresAt: '2020-01-01T00:00:00.000Z' }
    expect(await api.run(notify, { input }, admin)).toEqual({
      result: {
        __typename: 'InvalidInputError',
        issues: [{ path: 'input.title' }, { path: 'input.message' }, { path: 'input.expiresAt' }],
      },
    })
    const nul = await api.run(notify, { input: { level: 'ERROR', title: 'a\0' } }, admin)
    expect(nul).toMatchObject({ result: { issues: [{ path: 'input.title' }] } })
  })

  it('creates no second notification with the same key', async () => {
    const one = await tell({ userId: 'keyed', idempotencyKey: 'k' })
    expect(await tell({ userId: 'keyed', idempotencyKey: 'k' })).toEqual(one)
    expect((await read(viewerOf('keyed'))).inbox.nodes).toHaveLength(1)
  })

  it('shows its subject to users that may see it, and to no others, the admin included', async () => {
    const ada = viewerOf('about-ada')
    const documentId = await api.importText('# Bread\n\nFlour and water make dough.', ada)
    const told = await tell({ userId: 'about-ada', title: 'About', aboutId: documentId })
    await tell({ userId: 'about-bob', aboutId: documentId })
    expect(told).toMatchObject({ about: null })
    for (const aboutId of ['nothing_1', 'document_0', 'constructor_1', 'toString'])
      expect(
        await api.run(notify, { input: { level: 'INFORMATION', title: 'Nonsense', aboutId } }, admin),
      ).toMatchObject({
        result: { __typename: 'InvalidInputError', issues: [{ path: 'input.aboutId' }] },
      })
    const about = async (viewer: Viewer): Promise<unknown> =>
      Object.fromEntries((await read(viewer)).inbox.nodes.map((one) => [one.title, one.about]))
    const found = { __typename: 'Document', id: documentId }
    expect(await about(ada)).toMatchObject({ About: found })
    expect(await about(viewerOf('about-bob'))).toEqual({ Hear: null })
    await api.run(
      'mutation ($id: ID!) { deleteDocument(input: { documentId: $id }) { __typename } }',
      { id: documentId },
      ada,
    )
    expect(await about(ada)).toMatchObject({ About: null })
  })
})

describe('the inbox', () => {
  it('is paginated, newest first, with all or only unread entries', async () => {
    const viewer = viewerOf('pages')
    const ids: string[] = []
    for (const title of ['a', 'b', 'c', 'd', 'e']) ids.unshift((await tell({ userId: 'pages', title })).id)
    const first = await read(viewer, { first: 2 })
    expect(first.inbox.nodes.map(({ title }) => title)).toEqual(['e', 'd'])
    expect(first.inbox.pageInfo.hasNextPage).toBe(true)
    const second = await read(viewer, { first: 5, after: first.inbox.pageInfo.endCursor })
    expect(second.inbox.nodes.map(({ title }) => title)).toEqual(['c', 'b', 'a'])
    expect(second.inbox.pageInfo.hasNextPage).toBe(false)
    await api.run(markRead, { id: ids[0] }, viewer)
    const unread = await read(viewer, { unread: true })
    expect(unread.inbox.nodes.map(({ title }) => title)).toEqual(['d', 'c', 'b', 'a'])
    expect(unread.unreadCount).toBe(4)
  })

  it('marks the viewer’s own entries as read, and finds no others', async () => {
    const { id } = await tell({ userId: 'reader' })
    expect(await api.run(markRead, { id }, viewerOf('thief'))).toEqual({ result: { __typename: 'NotFoundError' } })
    expect((await read(viewerOf('reader'))).unreadCount).toBe(1)
    for (let times = 0; times < 2; times++)
      expect(await api.run(markRead, { id }, viewerOf('reader'))).toMatchObject({
        result: { unreadCount: 0, notification: { id, readAt: expect.anything() } },
      })
    const byNode = 'query ($id: ID!) { node(id: $id) { __typename id } }'
    expect(await api.run(byNode, { id }, viewerOf('reader'))).toEqual({ node: { __typename: 'Notification', id } })
    expect(await api.run(byNode, { id }, viewerOf('thief'))).toEqual({ node: null })
  })

  it('is not available to scoped tokens', async () => {
    const { errors } = await api.execute(inbox, {}, viewerOf('limited', { taskIds: ['task_1'] }))
    expect(errors?.[0]?.message).toContain('limited to task "task_1"')
    await expect(listen(viewerOf('limited', { taskIds: ['task_1'] }))).rejects.toThrow('limited to task "task_1"')
    expect((await api.execute(inbox, {}, null)).errors?.[0]?.message).toContain('needs a token')
  })
})

describe('notifications', () => {
  it('begins with a snapshot, then reports new and read entries, and resumes from a cursor', async () => {
    const viewer = viewerOf('watcher')
    const old = await tell({ userId: 'watcher', title: 'old' })
    const tab = await listen(viewer)
    await vi.waitFor(() => expect(tab.seen).toHaveLength(1))
    expect(tab.seen[0]).toMatchObject({
      __typename: 'InboxSnapshot',
      reason: 'SUBSCRIBED',
      unreadCount: 1,
      newest: [{ title: 'old' }],
      hasMore: false,
    })
    const fresh = await tell({ userId: 'watcher', title: 'new' })
    await api.run(markRead, { id: old.id }, viewer)
    await vi.waitFor(() => expect(tab.seen).toHaveLength(3))
    await tab.leave()
    expect(tab.seen.slice(1)).toMatchObject([
      { __typename: 'NotificationArrived', unreadCount: 2, notification: { id: fresh.id, title: 'new' } },
      { __typename: 'NotificationsRead', unreadCount: 1, ids: [old.id] },
    ])
    // Disconnected: what happened meanwhile, with nothing repeated.
    const all = await tell({ title: 'to all' })
    await api.run('mutation { markAllNotificationsRead { count unreadCount } }', {}, viewer)
    const back = await listen(viewer, tab.seen[2]?.cursor)
    await vi.waitFor(() => expect(back.seen).toHaveLength(2))
    await back.leave()
    expect(back.seen).toMatchObject([
      { __typename: 'NotificationArrived', notification: { id: all.id } },
      { __typename: 'NotificationsRead', unreadCount: 0, ids: expect.arrayContaining([all.id, fresh.id]) },
    ])
  })

  it('gives each user only that user’s entries, although all send the same operation', async () => {
    const viewers = ['one', 'two', 'three'].map((userId) => viewerOf(userId))
    const documentId = await api.importText('# Bread\n\nFlour and water make dough.', viewers[0])
    const tabs = await Promise.all(viewers.map((viewer) => listen(viewer)))
    for (const { seen } of tabs) await vi.waitFor(() => expect(seen).toHaveLength(1))
    for (const { userId } of viewers) await tell({ userId, title: `for ${userId}`, aboutId: documentId })
    await tell({ title: 'for all', aboutId: documentId })
    for (const [index, { seen, leave }] of tabs.entries()) {
      await vi.waitFor(() => expect(seen).toHaveLength(3))
      const about = index === 0 ? { __typename: 'Document', id: documentId } : null
      expect(seen.slice(1)).toMatchObject([
        { notification: { title: `for ${viewers[index]?.userId}`, about } },
        { notification: { title: 'for all', about } },
      ])
      await leave()
    }
    await vi.waitFor(() => expect(live.size).toBe(0))
  })
})

describe('the text for the end of a task', () => {
  /** The entries of this user only. */
  const about = async (viewer: Viewer): Promise<readonly Entry[]> =>
    (await read(viewer)).inbox.nodes.filter(({ isForEveryone }) => !isForEveryone)

  it('describes the result of a quiz and links to it, also when one of its questions was replaced', async () => {
    const viewer = viewerOf('quiz words')
    const quiz = await api.makeQuiz({ count: 3, viewer })
    const [question] = quiz.questions
    const { task } = await api.replace(question?.id ?? '', 'Too easy', viewer)
    await api.end(task.id)
    const quizAbout = { __typename: 'Quiz', id: quiz.id }
    expect((await about(viewer)).slice(0, 2)).toMatchObject([
      { level: 'SUCCESS', title: 'A question of your quiz on ‘Bread’ was replaced', message: null, about: quizAbout },
      {
        level: 'SUCCESS',
        title: 'Your quiz on ‘Bread’ is ready',
        message: '3 questions wait for your review.',
        about: quizAbout,
      },
    ])
    const many = await api.makeQuiz({ count: 40, viewer })
    expect((await about(viewer))[0]).toMatchObject({ level: 'WARNING', message: many.note, about: { id: many.id } })
  })

  it('names the object and links to it', async () => {
    const viewer = viewerOf('words')
    const text = '# Bread\n\n## Dough\n\nFlour and water make dough. Yeast turns sugar into gas.'
    api.provider.script = ({ piece }) => (piece === 'QUIZ' ? 'fail' : 'text')
    const { roadmapId } = await api.makeRoadmap(text, viewer)
    api.provider.script = () => 'text'
    const retryAll =
      'mutation ($id: ID!) { r: retryFailedContent(input: { roadmapId: $id }) { ... on RetryFailedContentSuccess { task { id } } } }'
    const { r }: { r: { task: { id: string } } } = await api.run(retryAll, { id: roadmapId }, viewer)
    await api.history(await api.get(r.task))
    const { document, task } = await api.services.documents.import({
      owner: 'words',
      name: 'broken.pdf',
      bytes: Buffer.from('%PDF-1.7 and nothing else'),
    })
    await api.history(task)
    const nodes = await about(viewer)
    expect(nodes.map(({ title }) => title)).toEqual([
      '‘broken.pdf’ could not be read',
      'What had failed on your roadmap of ‘Bread’ was made again',
      'Your roadmap of ‘Bread’ is ready',
      '‘test.md’ is ready to read',
    ])
    expect(nodes.map(({ about }) => about?.__typename)).toEqual(['Document', 'Roadmap', 'Roadmap', 'Document'])
    expect(nodes).toMatchObject([
      { level: 'ERROR', about: { id: document.id }, message: expect.stringMatching(/is missing\. The upload/) },
      { level: 'SUCCESS', message: null },
      { level: 'WARNING', message: expect.stringContaining('could not be made') },
      { level: 'SUCCESS' },
    ])
  })
})
