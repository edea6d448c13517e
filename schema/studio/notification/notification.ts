import { z } from 'zod'
import { isStorable, TidingsError, unstorable, type Viewer } from '../../../src/engine.ts'
import type { Notification } from '../../../src/studio/notifications/notification.ts'
import { type Context, readPage, refuseAsMissing, requireAdmin, requireViewer } from '../../index.ts'
import { builder, defineConnection, defineResult, findNode, node, nodeExists, registerNode } from '../builder.ts'
import { notificationRef } from '../refs.ts'

registerNode('notification', {
  name: 'Notification',
  find: async (context, id) => {
    const [notification] = await context.notifications.getMany(requireViewer(context).userId, [id])
    return notification ?? null
  },
})

/**
 * Creates the context of a notification's recipient. Events are executed without a viewer, but an
 * inbox has one reader: the subject of a notification is loaded on that user's behalf, without
 * additional roles.
 */
function asRecipient(context: Context, userId: string): Context {
  const viewer: Viewer = { userId, roles: [], plan: null, taskIds: null, sessionIds: null, expiresAt: null }
  return Object.create(context, { viewer: { value: viewer } }) as Context
}

const notificationLevel = builder.enumType('NotificationLevel', {
  description: 'The level of a notification.',
  values: {
    INFORMATION: { description: 'General information.' },
    SUCCESS: { description: 'A successful result.' },
    WARNING: { description: 'An incomplete result, or an upcoming problem.' },
    ERROR: { description: 'A failure.' },
  } as const,
})

notificationRef.implement({
  description: 'A notification of a user.',
  interfaces: [node],
  fields: (t) => ({
    level: t.field({
      type: notificationLevel,
      description: 'The level.',
      resolve: ({ level }) => level,
    }),
    title: t.exposeString('title', { description: 'One sentence, plain text.' }),
    message: t.exposeString('message', { nullable: true, description: 'Further information, plain text.' }),
    about: t.field({
      type: node,
      nullable: true,
      description:
        'The subject of the notification, such as a task, document, quiz or roadmap. null without one, after it was deleted, and when it is no longer visible to the viewer.',
      resolve: ({ aboutId, recipient }, _args, context) =>
        aboutId === null ? null : findNode(asRecipient(context, recipient), aboutId),
    }),
    isForEveryone: t.exposeBoolean('isForEveryone', { description: 'Whether it was sent to all users.' }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the notification was sent.',
      resolve: ({ createdAt }) => createdAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the notification expires.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
    readAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the viewer marked it as read; null while it is unread.',
      resolve: ({ readAt }) => readAt,
    }),
  }),
})
const notificationConnection = defineConnection('Notification', notificationRef)

builder.queryFields((t) => ({
  inbox: t.field({
    type: notificationConnection,
    description: 'The viewer’s notifications, newest first.',
    args: {
      unread: t.arg.boolean({ defaultValue: false, description: 'Only unread notifications.' }),
      after: t.arg.string({ description: 'The `endCursor` of the previous page.' }),
      first: t.arg.int({ defaultValue: 20, description: 'The maximum number of entries, up to 100.' }),
    },
    resolve: (_, { unread, ...range }, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.notifications.list({ userId, isUnread: unread ?? false, ...rows }))
    },
  }),
  unreadCount: t.int({
    description: 'The number of unread notifications of the viewer.',
    resolve: (_, _args, context) => context.notifications.unreadCount(requireViewer(context).userId),
  }),
}))

const notifyInput = builder.inputType('NotifyInput', {
  description: 'The input.',
  fields: (t) => ({
    userId: t.id({
      description: 'The user: the `sub` of that user’s token. Without it, the notification is sent to all users.',
    }),
    level: t.field({ type: notificationLevel, required: true, description: 'The level.' }),
    title: t.string({ required: true, description: 'One sentence, plain text, up to 200 characters.' }),
    message: t.string({ description: 'Further information, plain text, up to 2,000 characters.' }),
    aboutId: t.id({
      description: 'The id of the subject. Users that may not see it receive the notification without it.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the notification expires; after NOTIFICATION_DAYS by default.',
    }),
    idempotencyKey: t.string({
      description:
        'A repeated request with the same key sends no second notification; with the same key and another input, it is refused.',
    }),
  }),
})
const checkedInput = z.object({
  userId: z.string().min(1, 'name a user').max(500, 'at most 500 characters').nullish(),
  title: z.string().trim().min(1, 'say something').max(200, 'at most 200 characters'),
  message: z.string().trim().max(2_000, 'at most 2,000 characters').nullish(),
  aboutId: z.string().max(200, 'at most 200 characters').nullish(),
  expiresAt: z
    .date()
    .refine((date) => date.getTime() > Date.now(), 'lies in the past')
    .nullish(),
  idempotencyKey: z.string().min(1, 'at least one character').max(200, 'at most 200 characters').nullish(),
})

/** @throws TidingsError `BAD_INPUT` */
function checkInput(input: unknown): z.infer<typeof checkedInput> {
  const parsed = checkedInput.safeParse(input)
  const issues = (parsed.error?.issues ?? []).map(({ path, message }) => ({
    path: `input.${path.join('.')}`,
    message,
  }))
  for (const [path, value] of Object.entries(parsed.data ?? {}))
    if (!isStorable(value)) issues.push({ path: `input.${path}`, message: unstorable })
  if (parsed.data !== undefined && issues.length === 0) return parsed.data
  const text = issues.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new TidingsError('BAD_INPUT', `The notification does not fit: ${text}`, { issues })
}

const markReadInput = builder.inputType('MarkNotificationReadInput', {
  description: 'The notification to mark as read.',
  fields: (t) => ({ notificationId: t.id({ required: true, description: 'A notification of the viewer.' }) }),
})

const notifySuccess = builder.objectRef<{ readonly notification: Notification }>('NotifySuccess').implement({
  description: 'The notification was sent.',
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The notification.',
      resolve: ({ notification }) => notification,
    }),
  }),
})
const notifyResult = defineResult(notifySuccess, ['InvalidInputError'], { budget: 'notifications' })
interface ReadSource {
  readonly notification: Notification
  readonly unread: number
}
const markReadSuccess = builder.objectRef<ReadSource>('MarkNotificationReadSuccess').implement({
  description: 'The notification is marked as read.',
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The notification.',
      resolve: ({ notification }) => notification,
    }),
    unreadCount: t.int({ description: 'The number of unread notifications.', resolve: ({ unread }) => unread }),
  }),
})
const markReadResult = defineResult(markReadSuccess, ['NotFoundError'])
const markAllReadSuccess = builder
  .objectRef<{ readonly count: number; readonly unread: number }>('MarkAllNotificationsReadSuccess')
  .implement({
    description: 'All notifications are marked as read.',
    fields: (t) => ({
      count: t.exposeInt('count', { description: 'The number of notifications that were unread.' }),
      unreadCount: t.int({
        description: 'The number of notifications that arrived since and are unread.',
        resolve: ({ unread }) => unread,
      }),
    }),
  })

async function loadNotification(context: Context, userId: string, id: string): Promise<Notification> {
  const [storedNotification] = await context.notifications.getMany(userId, [id])
  return storedNotification ?? refuseAsMissing('notification', id)
}

builder.mutationFields((t) => ({
  notify: t.field({
    type: notifyResult.type,
    description: 'Sends a notification to one user, or to all users. Requires the role `admin`.',
    args: { input: t.arg({ type: notifyInput, required: true, description: 'The input.' }) },
    resolve: (_, { input }, context) =>
      notifyResult.run(context, '', async () => {
        const { userId: adminId } = requireAdmin(context)
        const { userId, idempotencyKey, ...rest } = checkInput(input)
        if (typeof rest.aboutId === 'string' && !(await nodeExists(context, rest.aboutId))) {
          const issues = [{ path: 'input.aboutId', message: `There is nothing with the id "${rest.aboutId}"` }]
          throw new TidingsError('BAD_INPUT', 'The subject of the notification does not exist', { issues })
        }
        const key = idempotencyKey ? { key: `told by ${adminId} as ${idempotencyKey}` } : {}
        const draft = { ...rest, level: input.level, ...key }
        const { notification } = await (userId
          ? context.notifications.notify(userId, draft)
          : context.notifications.notifyEveryone(adminId, draft))
        if (!userId) context.note('BROADCAST', { subject: `notification:${notification.id}` })
        // The caller sees the subject of the notification with its own permissions.
        return { notification: { ...notification, recipient: adminId } }
      }),
  }),
  markNotificationRead: t.field({
    type: markReadResult.type,
    description: 'Marks a notification as read, in all tabs. Repeating it has no effect.',
    args: { input: t.arg({ type: markReadInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { notificationId: id } }, context) =>
      markReadResult.run(context, id, async () => {
        const { userId } = requireViewer(context)
        await loadNotification(context, userId, id)
        const { unread } = await context.notifications.markRead(userId, [id])
        return { notification: await loadNotification(context, userId, id), unread }
      }),
  }),
  markAllNotificationsRead: t.field({
    type: markAllReadSuccess,
    description:
      'Marks all notifications of the viewer as read, in all tabs. Notifications that arrive meanwhile stay unread.',
    resolve: async (_, _args, context) => {
      const { userId } = requireViewer(context)
      await context.takeBudget('changes')
      return context.notifications.markRead(userId, 'all')
    },
  }),
}))
