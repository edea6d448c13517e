import SchemaBuilder from '@pothos/core'
import { createClient } from 'graphql-ws'
import { createTidings, defineTopic } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'

const order = defineTopic({
  name: 'order',
  state: z.object({ status: z.string() }),
  events: { statusChanged: z.object({ status: z.string() }), closed: z.object({}) },
  last: ['closed'],
  authorize: (_viewer, id) => id !== 'hidden',
  read: async () => await Promise.resolve({ status: 'open' }),
})

test('a subscription of a team follows a topic, under its own name and with its own permission', async () => {
  await using database = await createTestDatabase({ empty: true })
  await using tidings = createTidings({
    tasks: [],
    topics: [order],
    databaseUrl: database.url,
    logger: silentLogger,
    authenticate: ({ connectionParams }) => ({ userId: String(connectionParams?.['user']) }),
  })
  const builder = new SchemaBuilder<{ Context: { readonly orders: readonly string[] } }>({
    plugins: [TidingsPlugin],
    tidings: { instance: tidings, prefix: 'Tidings' },
  })
  builder.queryType({})
  builder.subscriptionType({})
  builder.subscriptionField('watchOrder', (t) =>
    t.topicSubscription(order, {
      description: 'What happens to an order of yours.',
      authorize: ({ id }, { orders }) => orders.includes(id),
    }),
  )
  const schema = builder.toSchema()
  expect(Object.keys(schema.getSubscriptionType()?.getFields() ?? {})).toEqual(['tidingsTaskProgress', 'watchOrder'])
  const { wsUrl } = await tidings.listen({
    port: 0,
    schema,
    context: (viewer) => ({ orders: viewer?.userId === 'ada' ? ['1', 'hidden'] : [] }),
  })
  const follow = async (id: string, user: string): Promise<unknown[]> => {
    const client = createClient({ url: wsUrl, webSocketImpl: WebSocket, connectionParams: { user }, retryAttempts: 0 })
    const query = `subscription ($id: ID!) { watchOrder(id: $id, fromStart: true) {
      __typename seq ... on OrderStatusChanged { status } ... on OrderSnapshot { reason }
    } }`
    const results = await Array.fromAsync(client.iterate({ query, variables: { id } }))
    await client.dispose()
    return results.map(({ data }) => data?.['watchOrder'])
  }
  await tidings.publish(order, '1', { statusChanged: { status: 'shipped' }, closed: {} })
  expect(await follow('1', 'ada')).toEqual([
    { __typename: 'OrderStatusChanged', seq: 1, status: 'shipped' },
    { __typename: 'OrderClosed', seq: 2 },
  ])
  // The permission of the field, and that of the topic.
  await expect(follow('1', 'grace')).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
  await expect(follow('hidden', 'ada')).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
})

test('a topic of another instance is refused', () => {
  const tidings = createTidings({ tasks: [], logger: silentLogger })
  const builder = new SchemaBuilder<object>({ plugins: [TidingsPlugin], tidings: { instance: tidings } })
  builder.queryType({})
  builder.subscriptionType({})
  builder.subscriptionField('watchOrder', (t) => t.topicSubscription(order))
  expect(() => builder.toSchema()).toThrow('The topic order is not among the topics of the instance')
})
