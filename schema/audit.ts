import { type AuditEntry, readAuditLog } from '../src/admin/audit-log.ts'
import { auditEvents } from '../src/admin/fact.ts'
import { requireAdmin } from './access.ts'
import { builder } from './builder.ts'
import { defineConnection, readPage } from './connection.ts'

const descriptions: Readonly<Record<(typeof auditEvents)[number], string>> = {
  CONNECTED: 'A socket or an event stream was opened, or somebody began to poll; `subject` says which.',
  REFUSED: 'A request, a connection or a subscription was turned away; `reason` and `detail` say why.',
  SUBSCRIBED: 'Somebody watches the topic in `subject`.',
  SHARED: 'Leave to see `subject` was given.',
  REVOKED: 'Leave to see `subject` was taken back.',
  LIMITED: 'The limit in `reason` was reached.',
  BROADCAST: 'An administrator told everyone something.',
  DROPPED: 'So many entries could not be kept, as the database was away for too long.',
}
const auditEvent = builder.enumType('AuditEvent', {
  description: 'What happened.',
  values: Object.fromEntries(auditEvents.map((name) => [name, { description: descriptions[name] }])) as {
    readonly [K in (typeof auditEvents)[number]]: { readonly description: string }
  },
})

const auditEntry = builder.objectRef<AuditEntry>('AuditEntry').implement({
  description:
    'Who did what, from where and when. The same again within a minute is counted on the same entry; more in a minute than are told one by one are counted on an entry whose `reason` is `others`.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique.' }),
    event: t.field({ type: auditEvent, description: 'What happened.', resolve: ({ event }) => event }),
    at: t.field({ type: 'DateTime', description: 'When it happened first.', resolve: ({ createdAt }) => createdAt }),
    until: t.field({ type: 'DateTime', description: 'When it happened last.', resolve: ({ until }) => until }),
    count: t.exposeInt('count', { description: 'How often, from the first time to the last.' }),
    userId: t.id({
      nullable: true,
      description: 'Who; null without a token, and where it was refused.',
      resolve: ({ userId }) => userId,
    }),
    address: t.exposeString('address', { nullable: true, description: 'The address of the client.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What the client says it is.' }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'What it is about: a topic, a document, a way of connecting.',
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in one word: a limit, what was refused.' }),
    detail: t.exposeString('detail', { nullable: true, description: 'Why, in words. Secrets are never in it.' }),
  }),
})
const auditConnection = defineConnection('Audit', auditEntry)

builder.queryField('auditLog', (t) =>
  t.field({
    type: auditConnection,
    description:
      'What happened at the door, newest first, kept for AUDIT_DAYS. Needs the role `admin`. An entry is here a second or two after it happened.',
    args: {
      first: t.arg.int({ defaultValue: 50, description: 'How many, up to 100.' }),
      after: t.arg.string({ description: '`endCursor` of the page before.' }),
      userId: t.arg.id({ description: 'Only of this user.' }),
      event: t.arg({ type: auditEvent, description: 'Only these.' }),
      since: t.arg({ type: 'DateTime', description: 'Only what began then or later.' }),
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
