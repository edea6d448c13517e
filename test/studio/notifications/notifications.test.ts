import { describe, expect, test, vi } from 'vitest'
import { createPeriodic } from '../../../src/async/periodic.ts'
import { follow, type TopicUpdate } from '../../../src/log/follow.ts'
import { silentLogger } from '../../../src/logger.ts'
import {
  type Draft,
  fromPayload,
  type InboxState,
  inboxTopic,
  type Notification,
} from '../../../src/studio/notifications/notification.ts'
import { createNotifications, type Notifications } from '../../../src/studio/notifications/notifications.ts'
import { type EngineFixture, shareDatabase, startTestEngine } from '../../support/engine.ts'

shareDatabase()

const say = (title: string, rest: Partial<Draft> = {}): Draft => ({ level: 'INFORMATION', title, ...rest })
const past = new Date(Date.now() - 1_000)

async function start(): Promise<EngineFixture & { readonly notifications: Notifications }> {
  const fixture = await startTestEngine({ definitions: [], config: { ROLE: 'server' } })
  const { database, appender } = fixture.engine
  return { ...fixture, notifications: createNotifications({ database, appender }) }
}

/** Everything a subscriber of an inbox has received since its start. */
interface Ear extends AsyncDisposable {
  readonly heard: readonly string[]
  /** The inbox according to the snapshot and the events. */
  readonly now: ReadonlyMap<string, boolean>
  readonly unread: () => number
}
async function listen({ engine, notifications }: Awaited<ReturnType<typeof start>>, userId: string): Promise<Ear> {
  await notifications.open(userId)
  const heard: string[] = []
  const now = new Map<string, boolean>()
  let unread = -1
  const iterator = follow<InboxState>(engine, {
    topic: inboxTopic(userId),
    snapshot: () => notifications.snapshot(userId),
    isLast: () => false,
  })
  const take = (one: TopicUpdate<InboxState>): void => {
    if (one.is === 'snapshot') {
      for (const { title, readAt } of one.state.newest) now.set(title, readAt !== null)
      unread = one.state.unreadCount
      return void heard.push(`snapshot ${one.state.newest.map(({ title }) => title).join(' ')}`.trim())
    }
    const { type, payload } = one.event
    unread = Number(payload['unreadCount'])
    if (type === 'NotificationArrived') {
      const { title } = fromPayload(payload['notification'] as never, userId)
      now.set(title, false)
      heard.push(`arrived ${title}`)
    } else heard.push(`${type} ${(payload['ids'] as string[]).length}`)
  }
  const done = (async () => {
    for await (const one of iterator) take(one)
  })()
  await vi.waitFor(() => expect(heard.length).toBeGreaterThan(0))
  return {
    heard,
    now,
    unread: () => unread,
    [Symbol.asyncDispose]: async () => {
      await iterator[Symbol.asyncDispose]()
      await done
    },
  }
}
const titles = async (notifications: Notifications, userId: string): Promise<readonly string[]> =>
  (await notifications.list({ userId, limit: 100 })).map(({ title }) => title)

describe('a notification to one user', () => {
  test('is received by live and late subscribers of that user, once, and by no other', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    await using ada = await listen(fixture, 'ada')
    await using bob = await listen(fixture, 'bob')
    await notifications.notify('ada', say('one'))
    await notifications.notify('carol', say('for carol'))
    await vi.waitFor(() => expect(ada.heard).toEqual(['snapshot', 'arrived one']))
    await using later = await listen(fixture, 'ada')
    expect(later.heard).toEqual(['snapshot one'])
    expect(await titles(notifications, 'carol')).toEqual(['for carol'])
    expect(bob.heard).toEqual(['snapshot'])
  })

  test('is created once per key', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    const [first, second] = await Promise.all([
      notifications.notify('ada', say('one', { key: 'k' })),
      notifications.notify('ada', say('one', { key: 'k' })),
    ])
    expect([first.isNew, second.isNew].sort()).toEqual([false, true])
    expect(second.notification).toEqual(first.notification)
    expect(await titles(notifications, 'ada')).toEqual(['one'])
  })

  test('is passed to the hook for other delivery channels, once it is committed and only then', async () => {
    await using fixture = await start()
    const delivered: [string, string | null][] = []
    const { database, appender } = fixture.engine
    const notifications = createNotifications({
      database,
      appender,
      deliver: ({ title }, to) => delivered.push([title, to]),
    })
    await notifications.notify('ada', say('one', { key: 'k' }))
    await notifications.notify('ada', say('one', { key: 'k' }))
    await notifications.notifyEveryone('admin', say('all'))
    expect(delivered).toEqual([
      ['one', 'ada'],
      ['all', null],
    ])
  })
})

describe('a notification to all users', () => {
  test('reaches all subscribers, offline users and unknown users, each once, from one row', async () => {
    await using fixture = await start()
    const { notifications, database } = fixture
    await using ada = await listen(fixture, 'ada')
    await notifications.open('bob')
    await notifications.notifyEveryone('admin', say('to all'))
    await vi.waitFor(() => expect(ada.heard).toEqual(['snapshot', 'arrived to all']))
    expect(ada.unread()).toBe(1)
    for (const userId of ['ada', 'bob', 'never seen']) {
      expect(await titles(notifications, userId)).toEqual(['to all'])
      expect(await notifications.unreadCount(userId)).toBe(1)
    }
    await using late = await listen(fixture, 'never seen')
    expect(late.heard).toEqual(['snapshot to all'])
    expect((await database.pool.query('select user_id from studio.notification')).rows).toEqual([{ user_id: null }])
  })

  test('is read by each user separately', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    const { notification } = await notifications.notifyEveryone('admin', say('to all'))
    await notifications.markRead('ada', [notification.id])
    expect(await notifications.unreadCount('ada')).toBe(0)
    expect(await notifications.unreadCount('bob')).toBe(1)
    expect(await notifications.list({ userId: 'ada', isUnread: true, limit: 5 })).toEqual([])
    expect(await notifications.list({ userId: 'bob', isUnread: true, limit: 5 })).toHaveLength(1)
  })

  test('reaches every user that subscribes while it is sent', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    await Promise.all(Array.from({ length: 20 }, (_, index) => notifications.open(`early ${index}`)))
    const coming: Promise<Ear>[] = []
    const telling: Promise<unknown>[] = []
    for (let index = 0; index < 8; index++) {
      telling.push(notifications.notifyEveryone('admin', say(`n${index}`)))
      coming.push(listen(fixture, `late ${index}`))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(telling)
    const ears = await Promise.all(coming)
    for (const ear of ears) {
      await vi.waitFor(() => expect([...ear.now.keys()].sort()).toEqual(telling.map((_, index) => `n${index}`)))
      expect(ear.unread()).toBe(8)
      const said = ear.heard.join(' ').match(/n\d/g) ?? []
      expect(said).toHaveLength(8)
    }
    for (const ear of ears) await ear[Symbol.asyncDispose]()
  })
})

describe('marking as read', () => {
  test('is received by other tabs, changes nothing the second time, and does not affect entries of other users', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    const { notification } = await notifications.notify('ada', say('one'))
    await notifications.notify('ada', say('two'))
    await notifications.notifyEveryone('admin', say('three'))
    await using tab = await listen(fixture, 'ada')
    expect(await notifications.markRead('bob', [notification.id])).toEqual({ count: 0, unread: 1 })
    expect(await notifications.markRead('ada', [notification.id])).toEqual({ count: 1, unread: 2 })
    expect(await notifications.markRead('ada', [notification.id])).toEqual({ count: 0, unread: 2 })
    expect(await notifications.markRead('ada', 'all')).toEqual({ count: 2, unread: 0 })
    await vi.waitFor(() => expect(tab.unread()).toBe(0))
    expect(tab.heard.slice(1)).toEqual(['NotificationsRead 1', 'NotificationsRead 2'])
    const again: readonly (Notification | null)[] = await notifications.getMany('ada', [notification.id])
    expect(again[0]?.readAt).toBeInstanceOf(Date)
  })

  test('together with new entries, in any order at once, keeps log and tables consistent', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    await using tab = await listen(fixture, 'ada')
    await Promise.all(
      Array.from({ length: 60 }, (_, index): Promise<unknown> => {
        if (index % 3 === 0) return notifications.markRead('ada', 'all')
        if (index % 7 === 0) return notifications.notifyEveryone('admin', say(`n${index}`))
        return notifications.notify('ada', say(`n${index}`))
      }),
    )
    const unread = await notifications.unreadCount('ada')
    const snapshot = await notifications.snapshot('ada')
    await vi.waitFor(() => expect(tab.heard).toHaveLength((snapshot?.seq ?? 0) + 1))
    expect(tab.unread()).toBe(unread)
    expect(snapshot?.state.unreadCount).toBe(unread)
    expect(tab.now.size).toBe(40)
  })
})

describe('an expired notification', () => {
  test('is not shown and not counted, and is removed by pruning, which notifies subscribers', async () => {
    await using fixture = await start()
    const { notifications, database } = fixture
    await notifications.notify('ada', say('stays'))
    await using tab = await listen(fixture, 'ada')
    await notifications.notify('ada', say('old', { expiresAt: past }))
    await notifications.notifyEveryone('admin', say('old to all', { expiresAt: past }))
    expect(await titles(notifications, 'ada')).toEqual(['stays'])
    expect(await notifications.unreadCount('ada')).toBe(1)
    expect((await notifications.snapshot('ada'))?.state.newest.map(({ title }) => title)).toEqual(['stays'])
    expect(await notifications.prune()).toBe(2)
    expect(await notifications.prune()).toBe(0)
    await vi.waitFor(() => expect(tab.heard.slice(-2)).toEqual(['NotificationsRemoved 1', 'NotificationsRemoved 1']))
    expect(tab.unread()).toBe(1)
    expect((await database.pool.query('select title from studio.notification')).rows).toEqual([{ title: 'stays' }])
  })

  test('is removed from live inboxes when it expires, so that they show what a new snapshot shows', async () => {
    await using fixture = await start()
    const { notifications } = fixture
    await using tab = await listen(fixture, 'ada')
    await using _expiry = createPeriodic({
      run: () => notifications.prune(),
      everyMs: 20,
      logger: silentLogger,
      failure: 'failed',
    })
    await notifications.notify('ada', say('stays'))
    await notifications.notify('ada', say('short', { expiresAt: new Date(Date.now() + 500) }))
    await notifications.notifyEveryone('admin', say('short to all', { expiresAt: new Date(Date.now() + 500) }))
    await vi.waitFor(() => expect(tab.heard.filter((event) => event === 'NotificationsRemoved 1')).toHaveLength(2))
    const snapshot = await notifications.snapshot('ada')
    expect(tab.unread()).toBe(snapshot?.state.unreadCount)
    expect(snapshot?.state.newest.map(({ title }) => title)).toEqual(['stays'])
  })

  test('is by default older than the retention period of the store', async () => {
    await using fixture = await start()
    const { notification } = await fixture.notifications.notify('ada', say('one'))
    const days = (notification.expiresAt.getTime() - notification.createdAt.getTime()) / 86_400_000
    expect(days).toBeCloseTo(30, 1)
  })
})
