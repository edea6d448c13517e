import { mapIterable } from '../../../src/async/index.ts'
import {
  type ConnectedClient,
  type ConnectionStats,
  type Count,
  countSubscriptions,
  mergeServerStatistics,
} from '../../../src/engine.ts'
import { pageSize, requireAdmin } from '../../index.ts'
import { builder } from '../builder.ts'

const transports = { ws: 'WEBSOCKET', sse: 'SSE', polling: 'POLLING' } as const
const transportKind = builder.enumType('TransportKind', {
  description: 'A transport of subscriptions.',
  values: {
    WEBSOCKET: { description: 'A WebSocket with any number of subscriptions.' },
    SSE: { description: 'An event stream.' },
    POLLING: { description: 'Repeated requests; counts clients that polled within the last 12 seconds.' },
  } as const,
})

const connectedClient = builder.objectRef<ConnectedClient>('ConnectedClient').implement({
  description: 'A connected client.',
  fields: (t) => ({
    id: t.id({ description: 'A unique id.', resolve: ({ server, id }) => `${server}/${id}` }),
    server: t.exposeString('server', { description: 'The name of the server.' }),
    transport: t.field({
      type: transportKind,
      description: 'The transport.',
      resolve: ({ transport }) => transports[transport],
    }),
    userId: t.id({ nullable: true, description: 'The user; null without a token.', resolve: ({ userId }) => userId }),
    address: t.exposeString('address', { description: 'The address of the client.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'The `User-Agent` of the client.' }),
    openedAt: t.field({
      type: 'DateTime',
      description: 'When the connection was opened.',
      resolve: ({ openedAt }) => openedAt,
    }),
    subscriptions: t.exposeInt('subscriptions', {
      nullable: true,
      description: 'The number of running operations; null for polling.',
    }),
    unreadBytes: t.exposeInt('unreadBytes', {
      description: 'The bytes that the client has not read yet.',
    }),
  }),
})
const transportCount = builder
  .objectRef<{ readonly transport: keyof typeof transports; readonly connections: number }>('TransportCount')
  .implement({
    description: 'The number of connections of a transport.',
    fields: (t) => ({
      transport: t.field({
        type: transportKind,
        description: 'The transport.',
        resolve: ({ transport }) => transports[transport],
      }),
      connections: t.exposeInt('connections', { description: 'The number of its connections.' }),
    }),
  })
const subscriptionCount = builder.objectRef<Count>('SubscriptionCount').implement({
  description: 'The number of subscriptions to a field or topic.',
  fields: (t) => ({
    name: t.string({ description: 'The name of the field or topic.', resolve: ({ name }) => name ?? '' }),
    subscriptions: t.int({ description: 'The number of subscriptions to it.', resolve: ({ count }) => count }),
  }),
})
const viewerCount = builder.objectRef<Count>('ViewerCount').implement({
  description: 'The number of connections of one user.',
  fields: (t) => ({
    userId: t.id({ nullable: true, description: 'The user; null without a token.', resolve: ({ name }) => name }),
    connections: t.int({ description: 'The number of the user’s connections.', resolve: ({ count }) => count }),
  }),
})
const serverStats = builder.objectRef<ConnectionStats['servers'][number]>('ServerStats').implement({
  description: 'A running server.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of this server process.' }),
    name: t.exposeString('name', { description: 'The host and port.' }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'When the server process started.',
      resolve: ({ startedAt }) => startedAt,
    }),
    connections: t.int({
      description: 'The number of open connections.',
      resolve: ({ transports: { ws, sse, polling } }) => ws + sse + polling,
    }),
    subscriptions: t.int({ description: 'The number of subscriptions.', resolve: countSubscriptions }),
  }),
})

const connectionStats = builder.objectRef<ConnectionStats>('ConnectionStats').implement({
  description:
    'Connections and subscriptions of all servers. Each server reports within about a second; a killed server disappears after 10 seconds. Lists are merged from the first 50 entries of each server.',
  fields: (t) => {
    const first = { first: t.arg.int({ defaultValue: 20, description: 'The maximum number of entries, up to 50.' }) }
    const cut = <T>(list: readonly T[], size: number | null | undefined): T[] => list.slice(0, pageSize(size, 20, 50))
    return {
      at: t.field({ type: 'DateTime', description: 'The time of the statistics.', resolve: ({ at }) => at }),
      servers: t.field({
        type: [serverStats],
        description: 'The running servers.',
        resolve: ({ servers }) => servers,
      }),
      connections: t.exposeInt('connections', { description: 'All open connections.' }),
      subscriptions: t.exposeInt('subscriptions', { description: 'All subscriptions, without polling.' }),
      topics: t.int({
        description: 'Topics with subscribers, summed over the servers.',
        resolve: ({ servers }) => servers.reduce((sum, { topics }) => sum + topics, 0),
      }),
      byTransport: t.field({
        type: [transportCount],
        description: 'Connections by transport, including transports without connections.',
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
        description: 'The connections that have been open longest.',
        resolve: ({ oldest }, args) => cut(oldest, args.first),
      }),
      slowest: t.field({
        type: [connectedClient],
        args: first,
        description: 'The clients with the most unread bytes, without those that keep up.',
        resolve: ({ slowest }, args) => cut(slowest, args.first),
      }),
      auditedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'The time of the last entry of the audit log. Fetch the log again when it changes.',
        resolve: ({ auditedAt }) => auditedAt,
      }),
    }
  },
})

builder.queryField('connectionStats', (t) =>
  t.field({
    type: connectionStats,
    description: 'Connection statistics of all servers. Requires the role `admin`.',
    resolve: async (_, _args, context) => {
      requireAdmin(context)
      return mergeServerStatistics(await context.engine.admin.serverStatistics.read(), new Date())
    },
  }),
)

builder.subscriptionField('connectionStatsUpdates', (t) =>
  t.field({
    type: connectionStats,
    description:
      'The connection statistics after every change, at once for a new subscription. Each event is complete, so there is no cursor, and a slow subscriber receives only the newest. Requires the role `admin`.',
    subscribe: (_, _args, context) => {
      requireAdmin(context)
      context.note('SUBSCRIBED', { subject: 'connections' })
      const updates = context.engine.admin.serverStatistics.watch({ once: context.catchUp })
      return mapIterable(updates, (servers) => mergeServerStatistics(servers, new Date()))
    },
    resolve: (stats) => stats,
  }),
)
