import type { Count } from '../src/admin/census.ts'
import {
  type ConnectedClient,
  type ConnectionStats,
  countSubscriptions,
  mergeCensuses,
} from '../src/admin/connection-stats.ts'
import { mapIterable } from '../src/log/interruptible.ts'
import { requireAdmin } from './access.ts'
import { builder } from './builder.ts'
import { pageSize } from './connection.ts'

const transports = { ws: 'WEBSOCKET', sse: 'SSE', polling: 'POLLING' } as const
const transportKind = builder.enumType('TransportKind', {
  description: 'A way of watching.',
  values: {
    WEBSOCKET: { description: 'A WebSocket, with any number of subscriptions.' },
    SSE: { description: 'An event stream, of one subscription.' },
    POLLING: { description: 'Asking again and again: who asked within the last 12 seconds.' },
  } as const,
})

const connectedClient = builder.objectRef<ConnectedClient>('ConnectedClient').implement({
  description: 'Somebody who is connected.',
  fields: (t) => ({
    id: t.id({ description: 'Unique.', resolve: ({ server, id }) => `${server}/${id}` }),
    server: t.exposeString('server', { description: 'The name of the server.' }),
    transport: t.field({
      type: transportKind,
      description: 'How.',
      resolve: ({ transport }) => transports[transport],
    }),
    userId: t.id({ nullable: true, description: 'Who; null without a token.', resolve: ({ userId }) => userId }),
    address: t.exposeString('address', { description: 'From where.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What the client says it is.' }),
    openedAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: ({ openedAt }) => openedAt }),
    subscriptions: t.exposeInt('subscriptions', {
      nullable: true,
      description: 'Operations under way on it; null of one that polls.',
    }),
    unreadBytes: t.exposeInt('unreadBytes', {
      description: 'What was sent and waits here, as the client does not read what was before it.',
    }),
  }),
})
const transportCount = builder
  .objectRef<{ readonly transport: keyof typeof transports; readonly connections: number }>('TransportCount')
  .implement({
    description: 'Connections of one kind.',
    fields: (t) => ({
      transport: t.field({
        type: transportKind,
        description: 'Which.',
        resolve: ({ transport }) => transports[transport],
      }),
      connections: t.exposeInt('connections', { description: 'How many.' }),
    }),
  })
const subscriptionCount = builder.objectRef<Count>('SubscriptionCount').implement({
  description: 'Subscriptions to the same.',
  fields: (t) => ({
    name: t.string({ description: 'The field, or the topic.', resolve: ({ name }) => name ?? '' }),
    subscriptions: t.int({ description: 'How many.', resolve: ({ count }) => count }),
  }),
})
const viewerCount = builder.objectRef<Count>('ViewerCount').implement({
  description: 'Connections of one user.',
  fields: (t) => ({
    userId: t.id({ nullable: true, description: 'Who; null without a token.', resolve: ({ name }) => name }),
    connections: t.int({ description: 'How many.', resolve: ({ count }) => count }),
  }),
})
const serverStats = builder.objectRef<ConnectionStats['servers'][number]>('ServerStats').implement({
  description: 'One server that is up.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Of this run of it.' }),
    name: t.exposeString('name', { description: 'Its host and port.' }),
    startedAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: ({ startedAt }) => startedAt }),
    connections: t.int({
      description: 'Open connections on it.',
      resolve: ({ transports: { ws, sse, polling } }) => ws + sse + polling,
    }),
    subscriptions: t.int({ description: 'Subscriptions on it.', resolve: countSubscriptions }),
  }),
})

const connectionStats = builder.objectRef<ConnectionStats>('ConnectionStats').implement({
  description:
    'Who is connected, over all servers; each tells of itself within a second or so, and one that was killed is gone after 10 seconds. Lists are put together from the first 50 of each server.',
  fields: (t) => {
    const first = { first: t.arg.int({ defaultValue: 20, description: 'How many, up to 50.' }) }
    const cut = <T>(list: readonly T[], size: number | null | undefined): T[] => list.slice(0, pageSize(size, 20, 50))
    return {
      at: t.field({ type: 'DateTime', description: 'When it was put together.', resolve: ({ at }) => at }),
      servers: t.field({
        type: [serverStats],
        description: 'The servers that are up.',
        resolve: ({ servers }) => servers,
      }),
      connections: t.exposeInt('connections', { description: 'All open connections.' }),
      subscriptions: t.exposeInt('subscriptions', { description: 'All subscriptions but those that poll.' }),
      topics: t.int({
        description: 'Topics that somebody watches, counted on each server.',
        resolve: ({ servers }) => servers.reduce((sum, { topics }) => sum + topics, 0),
      }),
      byTransport: t.field({
        type: [transportCount],
        description: 'Connections by kind; all kinds, in this order.',
        resolve: (stats) =>
          (['ws', 'sse', 'polling'] as const).map((transport) => ({
            transport,
            connections: stats.transports[transport],
          })),
      }),
      byField: t.field({
        type: [subscriptionCount],
        args: first,
        description: 'Subscriptions by field, most first.',
        resolve: ({ byField }, args) => cut(byField, args.first),
      }),
      byTopic: t.field({
        type: [subscriptionCount],
        args: first,
        description: 'Subscriptions by topic, most first.',
        resolve: ({ byTopic }, args) => cut(byTopic, args.first),
      }),
      byViewer: t.field({
        type: [viewerCount],
        args: first,
        description: 'Connections by user, most first.',
        resolve: ({ byViewer }, args) => cut(byViewer, args.first),
      }),
      oldest: t.field({
        type: [connectedClient],
        args: first,
        description: 'Those who have been connected the longest.',
        resolve: ({ oldest }, args) => cut(oldest, args.first),
      }),
      slowest: t.field({
        type: [connectedClient],
        args: first,
        description: 'Those who leave the most unread; nobody who keeps up is in it.',
        resolve: ({ slowest }, args) => cut(slowest, args.first),
      }),
      auditedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the audit log was written the last time: what shows it asks again when this changes.',
        resolve: ({ auditedAt }) => auditedAt,
      }),
    }
  },
})

builder.queryField('connectionStats', (t) =>
  t.field({
    type: connectionStats,
    description: 'Who is connected now, to all servers. Needs the role `admin`.',
    resolve: async (_, _args, context) => {
      requireAdmin(context)
      return mergeCensuses(await context.engine.admin.census.read(), new Date())
    },
  }),
)

builder.subscriptionField('connectionStatsUpdates', (t) =>
  t.field({
    type: connectionStats,
    description:
      'Who is connected: now, and whenever it has changed. Each tells the whole, so nothing is missed by who comes back, and there is no cursor; who is slow is given the newest. Needs the role `admin`.',
    subscribe: (_, _args, context) => {
      requireAdmin(context)
      context.note('SUBSCRIBED', { subject: 'connections' })
      const watched = context.engine.admin.census.watch({ once: context.catchUp })
      return mapIterable(watched, (servers) => mergeCensuses(servers, new Date()))
    },
    resolve: (stats) => stats,
  }),
)
