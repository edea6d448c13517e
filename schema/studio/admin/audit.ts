import { type AuditEntry, auditEvents, readAuditLog } from '../../../src/engine.ts'
import { readPage, requireAdmin } from '../../index.ts'
import { builder, defineConnection } from '../builder.ts'

const descriptions: Readonly<Record<(typeof auditEvents)[number], string>> = {
  CONNECTED: 'A WebSocket, an event stream or polling began; `subject` names the transport.',
  REFUSED: 'A request, connection or subscription was refused; see `reason` and `detail`.',
  SUBSCRIBED: 'A subscription to the topic in `subject` began.',
  SHARED: 'Access to `subject` was granted.',
  REVOKED: 'Access to `subject` was revoked.',
  LIMITED: 'The limit named by `reason` was reached.',
  BROADCAST: 'An administrator sent a notification to all users.',
  DELETED: 'An administrator deleted all data of the user in `subject`.',
  DROPPED: '`count` entries were lost, because the database was unavailable for too long.',
}
const auditEvent = builder.enumType('AuditEvent', {
  description: 'The recorded action.',
  values: Object.fromEntries(auditEvents.map((name) => [name, { description: descriptions[name] }])) as {
    readonly [K in (typeof auditEvents)[number]]: { readonly description: string }
  },
})

const auditEntry = builder.objectRef<AuditEntry>('AuditEntry').implement({
  description:
    'An entry of the audit log: an action with its user, address and time. Repetitions within a minute are counted on one entry; beyond a limit per minute, further entries are counted on one with the reason `others`.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A unique id.' }),
    event: t.field({ type: auditEvent, description: 'The recorded action.', resolve: ({ event }) => event }),
    at: t.field({
      type: 'DateTime',
      description: 'The time of the first occurrence.',
      resolve: ({ createdAt }) => createdAt,
    }),
    until: t.field({
      type: 'DateTime',
      description: 'The time of the last occurrence.',
      resolve: ({ until }) => until,
    }),
    count: t.exposeInt('count', { description: 'The number of occurrences, from `at` to `until`.' }),
    userId: t.id({
      nullable: true,
      description: 'The user; null without a token or for a refused one.',
      resolve: ({ userId }) => userId,
    }),
    address: t.exposeString('address', { nullable: true, description: 'The address of the client.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'The `User-Agent` of the client.' }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'The subject of the action: a topic, a document or a transport.',
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The cause as one word, such as the limit that was reached.',
    }),
    detail: t.exposeString('detail', { nullable: true, description: 'The cause in words, without secrets.' }),
  }),
})
const auditConnection = defineConnection('Audit', auditEntry)

builder.queryField('auditLog', (t) =>
  t.field({
    type: auditConnection,
    description:
      'The audit log, newest first, kept for AUDIT_DAYS. Requires the role `admin`. Entries appear within two seconds.',
    args: {
      first: t.arg.int({ defaultValue: 50, description: 'The maximum number of entries, up to 100.' }),
      after: t.arg.string({ description: 'The `endCursor` of the previous page.' }),
      userId: t.arg.id({ description: 'Only entries of this user.' }),
      event: t.arg({ type: auditEvent, description: 'Only entries of this action.' }),
      since: t.arg({ type: 'DateTime', description: 'Only entries that began at or after this time.' }),
    },
    resolve: (_, { userId, event, since, ...range }, context) => {
      requireAdmin(context)
      const filter = { userId: userId ?? undefined, event: event ?? undefined, since: since ?? undefined }
      return readPage(
        range,
        ({ before, limit }) => readAuditLog(context.engine.database, { filter, limit, after: before }),
        50,
      )
    },
  }),
)
