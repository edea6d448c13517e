import { z } from 'zod'
import { TidingsError } from '../src/errors.ts'
import type { Notification } from '../src/studio/notifications/notification.ts'
import { isStorable, unstorable } from '../src/tasks/storable.ts'
import type { Viewer } from '../src/tasks/viewer.ts'
import { requireAdmin } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, readPage } from './connection.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { findNode, node, nodeExists } from './node.ts'
import { notificationRef } from './refs.ts'
import { defineResult } from './result.ts'

/**
 * The context for whose inbox a notification is in. Events are executed without a viewer, but an inbox has one reader: what a notification
 * is about is looked up on that one's behalf, with no more rights than anybody has.
 */
function asRecipient(context: Context, userId: string): Context {
  const viewer: Viewer = { userId, roles: [], plan: null, taskIds: null, sessionIds: null, expiresAt: null }
  return Object.create(context, { viewer: { value: viewer } }) as Context
}

const notificationLevel = builder.enumType('NotificationLevel', {
  description: 'How much a notification matters, and to what end.',
  values: {
    INFORMATION: { description: 'Good to know.' },
    SUCCESS: { description: 'Something has come to a good end.' },
    WARNING: { description: 'Something has come to an end, but not as it was asked for; or something will go wrong.' },
    ERROR: { description: 'Something has gone wrong.' },
  } as const,
})

notificationRef.implement({
  description: 'What somebody was told.',
  interfaces: [node],
  fields: (t) => ({
    level: t.field({
      type: notificationLevel,
      description: 'How much it matters, and to what end.',
      resolve: ({ level }) => level,
    }),
    title: t.exposeString('title', { description: 'One sentence, plain text.' }),
    message: t.exposeString('message', { nullable: true, description: 'What there is to know beside it, plain text.' }),
    about: t.field({
      type: node,
      nullable: true,
      description:
        'What it is about: a task, document, quiz, roadmap … null when it is about nothing, and when that is gone or no longer the viewer’s to see.',
      resolve: ({ aboutId, recipient }, _args, context) =>
        aboutId === null ? null : findNode(asRecipient(context, recipient), aboutId),
    }),
    isForEveryone: t.exposeBoolean('isForEveryone', { description: 'Whether all users were told.' }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was told.',
      resolve: ({ createdAt }) => createdAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it disappears.',
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
    description: 'What the viewer was told, alone or with everyone, newest first.',
    args: {
      unread: t.arg.boolean({ defaultValue: false, description: 'Only what is unread.' }),
      after: t.arg.string({ description: '`endCursor` of the page before.' }),
      first: t.arg.int({ defaultValue: 20, description: 'Size of the page, up to 100.' }),
    },
    resolve: (_, { unread, ...range }, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.notifications.list({ userId, isUnread: unread ?? false, ...rows }))
    },
  }),
  unreadCount: t.int({
    description: 'How many notifications in the viewer’s inbox are unread.',
    resolve: (_, _args, context) => context.notifications.unreadCount(requireViewer(context).userId),
  }),
}))

const notifyInput = builder.inputType('NotifyInput', {
  description: 'What to tell, and whom.',
  fields: (t) => ({
    userId: t.id({ description: 'The user, as named by the `sub` of that user’s token; everyone when left out.' }),
    level: t.field({ type: notificationLevel, required: true, description: 'How much it matters, and to what end.' }),
    title: t.string({ required: true, description: 'One sentence, plain text, up to 200 characters.' }),
    message: t.string({ description: 'What there is to know beside it, plain text, up to 2,000 characters.' }),
    aboutId: t.id({
      description: 'The id of what it is about. Whoever may not see that sees the notification without it.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it disappears; after some weeks by default.' }),
    idempotencyKey: t.string({
      description: 'Sent again with the same key, nothing is told a second time; with another input, it is refused.',
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
  description: 'It was told.',
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The notification.',
      resolve: ({ notification }) => notification,
    }),
  }),
})
const notifyResult = defineResult(notifySuccess, ['InvalidInputError'])
interface ReadSource {
  readonly notification: Notification
  readonly unread: number
}
const markReadSuccess = builder.objectRef<ReadSource>('MarkNotificationReadSuccess').implement({
  description: 'It is read.',
  fields: (t) => ({
    notification: t.field({
      type: notificationRef,
      description: 'The notification, read.',
      resolve: ({ notification }) => notification,
    }),
    unreadCount: t.int({ description: 'How many are left.', resolve: ({ unread }) => unread }),
  }),
})
const markReadResult = defineResult(markReadSuccess, ['NotFoundError'])
const markAllReadSuccess = builder
  .objectRef<{ readonly count: number; readonly unread: number }>('MarkAllNotificationsReadSuccess')
  .implement({
    description: 'Everything that was there is read.',
    fields: (t) => ({
      count: t.exposeInt('count', { description: 'How many were unread before.' }),
      unreadCount: t.int({
        description: 'How many are left: what has arrived since.',
        resolve: ({ unread }) => unread,
      }),
    }),
  })

async function loadNotification(context: Context, userId: string, id: string): Promise<Notification> {
  const [found] = await context.notifications.getMany(userId, [id])
  return found ?? refuseAsMissing('notification', id)
}

builder.mutationFields((t) => ({
  notify: t.field({
    type: notifyResult.type,
    description:
      'Tells one user, or everyone, something: those who are away find it in their inbox. For the role `admin`.',
    args: { input: t.arg({ type: notifyInput, required: true, description: 'What to tell, and whom.' }) },
    resolve: (_, { input }, context) =>
      notifyResult.run(context, '', async () => {
        const { userId: teller } = requireAdmin(context)
        const { userId, idempotencyKey, ...rest } = checkInput(input)
        if (typeof rest.aboutId === 'string' && !(await nodeExists(context, rest.aboutId))) {
          const issues = [{ path: 'input.aboutId', message: `There is nothing with the id "${rest.aboutId}"` }]
          throw new TidingsError('BAD_INPUT', 'The subject of the notification does not exist', { issues })
        }
        const key = idempotencyKey ? { key: `told by ${teller} as ${idempotencyKey}` } : {}
        const draft = { ...rest, level: input.level, ...key }
        const { notification } = await (userId
          ? context.notifications.notify(userId, draft)
          : context.notifications.notifyEveryone(teller, draft))
        if (!userId) context.note('BROADCAST', { subject: `notification:${notification.id}` })
        // Whoever tells sees what it is about with own eyes.
        return { notification: { ...notification, recipient: teller } }
      }),
  }),
  markNotificationRead: t.field({
    type: markReadResult.type,
    description: 'Marks one notification as read, in all tabs. Doing so again changes nothing.',
    args: { input: t.arg({ type: markReadInput, required: true, description: 'The arguments.' }) },
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
    description: 'Marks everything in the viewer’s inbox as read, in all tabs. What arrives meanwhile stays unread.',
    resolve: (_, _args, context) => context.notifications.markRead(requireViewer(context).userId, 'all'),
  }),
}))
