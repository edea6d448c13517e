import type { JsonObject, TopicUpdate } from '../../../src/engine.ts'
import {
  fromPayload,
  type InboxState,
  inboxTopic,
  type Notification,
} from '../../../src/studio/notifications/notification.ts'
import {
  type Context,
  type EventPosition,
  promised,
  requireViewer,
  subscribeToTopic,
  type TopicEvent,
} from '../../index.ts'
import { builder, defineTopicEvents } from '../builder.ts'
import { notificationRef } from '../refs.ts'

/** The source of an inbox event. Only the subject of a notification is loaded, when it is selected. */
interface InboxEventSource extends TopicEvent {
  readonly unreadCount: number
  readonly ids: readonly string[]
  readonly notification?: Notification
  readonly snapshot?: InboxState
}

function readInbox(update: TopicUpdate<InboxState>, position: EventPosition, userId: string): InboxEventSource {
  if (update.is === 'snapshot') {
    const { reason, state } = update
    return { ...position, type: 'InboxSnapshot', unreadCount: state.unreadCount, ids: [], reason, snapshot: state }
  }
  const { type, payload } = update.event
  const { ids = [], unreadCount = 0 } = payload as { ids?: readonly string[]; unreadCount?: number }
  const event = { ...position, type, unreadCount, ids }
  if (type !== 'NotificationArrived') return event
  return { ...event, notification: fromPayload(payload['notification'] as JsonObject, userId) }
}

const {
  event: inboxEvent,
  eventRef,
  snapshotRef,
} = defineTopicEvents<InboxEventSource>('InboxEvent', {
  description:
    'An event of an inbox. New event types may be added: select `__typename` and `unreadCount`, and keep a default branch.',
  seq: '1, 2, 3 … without gaps. An InboxSnapshot repeats the last number.',
  // A changed unread count applies to every event.
  unknown: 'NotificationsRead',
})
builder.interfaceField(inboxEvent, 'unreadCount', (t) =>
  t.exposeInt('unreadCount', { description: 'The number of unread notifications after this event.' }),
)
const interfaces = [inboxEvent]

snapshotRef('InboxSnapshot').implement({
  description: 'The current state of the inbox.',
  interfaces,
  fields: (t) => ({
    newest: t.field({
      type: [notificationRef],
      description: 'The newest notifications, at most 20, newest first; `inbox` has the others.',
      resolve: (event) => promised(event.snapshot, event).newest,
    }),
    hasMore: t.boolean({
      description: 'Whether there are older notifications.',
      resolve: (event) => promised(event.snapshot, event).hasMore,
    }),
  }),
})
eventRef('NotificationArrived').implement({
  description: 'A notification arrived. A repeated one has the same id.',
  interfaces,
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The unread notification.',
      resolve: (event) => promised(event.notification, event),
    }),
  }),
})
eventRef('NotificationsRead').implement({
  description: 'Notifications were marked as read, in any tab.',
  interfaces,
  fields: (t) => ({
    ids: t.idList({ description: 'The ids of the notifications.', resolve: ({ ids }) => [...ids] }),
  }),
})
eventRef('NotificationsRemoved').implement({
  description: 'Notifications have expired.',
  interfaces,
  fields: (t) => ({
    ids: t.idList({ description: 'The ids of the notifications.', resolve: ({ ids }) => [...ids] }),
  }),
})

builder.subscriptionField('notifications', (t) =>
  t.field({
    type: inboxEvent,
    description: `All events of the viewer’s inbox, in order, each exactly once: notifications that arrive, are read in any tab, or expire.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
Never completes. An InboxSnapshot with its \`reason\` replaces events that cannot be replayed.`,
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic(async (_args: object, context: Context) => {
      const { userId } = requireViewer(context)
      const { notifications } = context
      return {
        topic: inboxTopic(userId),
        create: () => notifications.open(userId),
        snapshot: () => notifications.snapshot(userId),
        read: (update, position) => readInbox(update, position, userId),
      }
    }),
  }),
)
