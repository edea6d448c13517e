import type { JsonObject } from '../src/db/tables.ts'
import { createCursorFormat } from '../src/log/cursor.ts'
import type { Followed, SnapshotReason } from '../src/log/follow.ts'
import {
  fromPayload,
  type InboxEventType,
  type InboxState,
  inboxTopic,
  type Notification,
} from '../src/studio/notifications/notification.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { requireInbox } from './notification.ts'
import { notificationRef } from './refs.ts'
import { snapshotReason } from './task-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

/** What an event of an inbox is resolved from. Only what a notification is about is loaded, where it is asked for. */
interface InboxEventSource {
  readonly type: InboxEventType | 'InboxSnapshot'
  readonly cursor: string
  readonly seq: number
  readonly at: string
  readonly unreadCount: number
  readonly ids: readonly string[]
  readonly notification?: Notification
  readonly snapshot?: InboxState & { readonly reason: SnapshotReason }
}

const known: ReadonlySet<string> = new Set<InboxEventType>([
  'NotificationArrived',
  'NotificationsRead',
  'NotificationsRemoved',
])

function createInboxReader(epoch: string, userId: string): (followed: Followed<InboxState>) => InboxEventSource {
  const cursorOf = createCursorFormat(epoch, inboxTopic(userId))
  return (followed) => {
    if (followed.is === 'snapshot') {
      const { seq, reason, state } = followed
      return {
        type: 'InboxSnapshot',
        cursor: cursorOf(seq),
        seq,
        at: new Date().toISOString(),
        unreadCount: state.unreadCount,
        ids: [],
        snapshot: { ...state, reason },
      }
    }
    const { type, seq, at, payload } = followed.event
    const { ids = [], unreadCount = 0 } = payload as { ids?: readonly string[]; unreadCount?: number }
    return {
      // What a newer server wrote reads as a change of the unread count to this one.
      type: known.has(type) ? (type as InboxEventType) : 'NotificationsRead',
      cursor: cursorOf(seq),
      seq,
      at,
      unreadCount,
      ids,
      ...(type === 'NotificationArrived'
        ? { notification: fromPayload(payload['notification'] as JsonObject, userId) }
        : {}),
    }
  }
}

const inboxEvent = builder.interfaceRef<InboxEventSource>('InboxEvent').implement({
  description:
    'What happened to an inbox. New kinds of event may appear: select `__typename` and `unreadCount`, and keep a default branch.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it back as `after` to receive what follows this event.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without a gap. An InboxSnapshot repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ at }) => at }),
    unreadCount: t.exposeInt('unreadCount', { description: 'How many are unread after this event.' }),
  }),
})
const interfaces = [inboxEvent]

function whole<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('An event of an inbox lacks what its type promises')
  return value
}

builder.objectRef<InboxEventSource>('InboxSnapshot').implement({
  description: 'The present state of the inbox, in place of events.',
  interfaces,
  fields: (t) => ({
    reason: t.field({
      type: snapshotReason,
      description: 'Why it stands here.',
      resolve: ({ snapshot }) => whole(snapshot).reason,
    }),
    newest: t.field({
      type: [notificationRef],
      description: 'The newest notifications, at most 20, newest first; `inbox` has the others.',
      resolve: ({ snapshot }) => whole(snapshot).newest,
    }),
    hasMore: t.boolean({
      description: 'Whether there are older ones.',
      resolve: ({ snapshot }) => whole(snapshot).hasMore,
    }),
  }),
})
builder.objectRef<InboxEventSource>('NotificationArrived').implement({
  description: 'Something new. One that is told twice has the same id.',
  interfaces,
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The notification, unread.',
      resolve: ({ notification }) => whole(notification),
    }),
  }),
})
builder.objectRef<InboxEventSource>('NotificationsRead').implement({
  description: 'Some were marked as read, here or anywhere else.',
  interfaces,
  fields: (t) => ({
    ids: t.idList({ description: 'The notifications that are read now.', resolve: ({ ids }) => [...ids] }),
  }),
})
builder.objectRef<InboxEventSource>('NotificationsRemoved').implement({
  description: 'Some have expired and are gone.',
  interfaces,
  fields: (t) => ({
    ids: t.idList({ description: 'The notifications that are gone.', resolve: ({ ids }) => [...ids] }),
  }),
})

builder.subscriptionField('notifications', (t) =>
  t.field({
    type: inboxEvent,
    description: `Everything that happens to the viewer’s inbox, in order, each event once: what arrives, also for everyone, what is marked as read, in whatever tab, and what expires.

Without \`after\`: a snapshot with the newest first, then what follows. With \`after\`: exactly what follows that cursor.
It goes on until it is left. What cannot be replayed is said by an InboxSnapshot with its \`reason\`.`,
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
    },
    ...subscribeToTopic(async (_args: object, context: Context) => {
      const { userId } = requireInbox(context)
      const { notifications, engine } = context
      await notifications.open(userId)
      return {
        topic: inboxTopic(userId),
        snapshot: () => notifications.snapshot(userId),
        createReader: () => createInboxReader(engine.reader.epoch, userId),
      }
    }),
  }),
)
