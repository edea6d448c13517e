import { buildSchema, type GraphQLError, parse, validate } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import pg from 'pg'
import { createTidings, defineTopic, type Tidings, TidingsError } from 'tidings'
import { createTidingsClient, type GeneratedTopic, watchTopic } from 'tidings/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { writeOperations } from '../../src/library/operations.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createTestDirectory } from '../support/directory.ts'

const status = z.enum(['open', 'on-its-way', 'delivered'])
const order = defineTopic({
  name: 'order',
  description: 'What happens to an order.',
  state: z.object({ status, notes: z.int() }),
  events: {
    statusChanged: z.object({ status, by: z.string().optional() }).describe('The order has another status.'),
    noteAdded: z.object({ text: z.string(), place: z.object({ page: z.int() }).nullable() }),
    closed: z.object({}),
  },
  ephemeral: { courierMoved: z.object({ x: z.number(), y: z.number() }) },
  latest: ['statusChanged'],
  last: ['closed'],
  authorize: (_viewer, id) => !id.startsWith('hidden'),
  async read(id, { client }) {
    const { rows } = await client.query<{ status: z.infer<typeof status>; notes: number }>(
      'select status, notes from orders where id = $1',
      [id],
    )
    return rows[0] ?? null
  },
})
/** A feed without a state. */
const news = defineTopic({ name: 'news', events: { printed: z.object({ title: z.string() }) }, authorize: () => true })

const resources = new AsyncDisposableStack()
let database: TestDatabase
/** A connection of the application. */
let application: pg.Client
let tidings: Tidings
let client: Client
let url: string
beforeAll(async () => {
  database = resources.use(await createTestDatabase())
  application = await connectApplication()
  await application.query('create table orders (id text primary key, status text not null, notes integer not null)')
  tidings = resources.use(
    createTidings({ tasks: [], topics: [order, news], databaseUrl: database.url, logger: silentLogger, checkMs: 100 }),
  )
  const { wsUrl, url: base } = await tidings.listen({ port: 0, worker: false })
  url = `${base}/graphql`
  client = createClient({ url: wsUrl, webSocketImpl: WebSocket })
  resources.defer(() => client.dispose())
})
afterAll(() => resources.disposeAsync())

/** Opens a connection, which is closed before the database is dropped: unlike that of a pool, its end is awaited. */
async function connectApplication(): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: database.url })
  await connection.connect()
  resources.defer(() => connection.end())
  return connection
}

const createOrder = (id: string) =>
  application.query("insert into orders values ($1, 'open', 0)", [id]).then(() => undefined)

interface Update {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly state?: { readonly status: string; readonly notes: number }
}

const [watchOrder = ''] = writeOperationsOfTopics()
function writeOperationsOfTopics(): readonly string[] {
  const { schema } = createTidings({ tasks: [], topics: [order, news] })
  return writeOperations(schema)
    .slice(1)
    .map(({ query }) => query)
}

/** Follows a topic until it ends or is left. */
function follow(id: string, after?: string, query = watchOrder, from: Client = client) {
  const updates: Update[] = []
  let leave: () => void = () => undefined
  const ended = new Promise<unknown>((resolve) => {
    leave = from.subscribe<Record<string, Update>>(
      { query, variables: { id, after } },
      {
        next({ data, errors }) {
          if (errors) resolve(errors[0]?.extensions?.['code'])
          updates.push(...Object.values(data ?? {}).filter((update) => update !== null))
        },
        error: (errors) => resolve((errors as readonly GraphQLError[])[0]?.extensions['code']),
        complete: () => resolve(undefined),
      },
    )
  })
  return { updates, ended, leave: () => leave() }
}

test('a topic has a subscription, a snapshot with its state, and a type for each event', () => {
  expect(tidings.printSchema()).toContain(`"""The order has another status."""
type OrderStatusChanged implements OrderEvent {`)
  const schema = buildSchema(tidings.printSchema())
  for (const query of writeOperationsOfTopics()) expect(validate(schema, parse(query))).toEqual([])
  expect(watchOrder).toContain('... on OrderSnapshot { state { status notes } reason }')
  expect(watchOrder).toContain('... on OrderNoteAdded { text place { page } }')
})

test('subscribers receive the state, then every event in order, continue from a cursor, and end after the last one', async () => {
  await createOrder('1')
  const first = follow('1')
  await vi.waitFor(() => expect(first.updates).toHaveLength(1))
  expect(first.updates[0]).toMatchObject({
    __typename: 'OrderSnapshot',
    seq: 0,
    state: { status: 'OPEN', notes: 0 },
    reason: 'SUBSCRIBED',
  })
  expect(await tidings.publish(order, '1', { statusChanged: { status: 'on-its-way' } })).toEqual({ seq: 1 })
  // Several at once.
  expect(
    await tidings.publish(order, '1', {
      noteAdded: { text: 'At the door.', place: { page: 2 } },
      statusChanged: { status: 'delivered', by: 'u_1' },
    }),
  ).toEqual({ seq: 3 })
  await vi.waitFor(() => expect(first.updates).toHaveLength(4))
  const second = follow('1', first.updates[1]?.cursor)
  await tidings.publish(order, '1', { closed: {} })
  expect([await first.ended, await second.ended]).toEqual([undefined, undefined])
  expect(first.updates.slice(1)).toMatchObject([
    { __typename: 'OrderStatusChanged', seq: 1, status: 'ON_ITS_WAY', by: null },
    { __typename: 'OrderNoteAdded', seq: 2, text: 'At the door.', place: { page: 2 } },
    { __typename: 'OrderStatusChanged', seq: 3, status: 'DELIVERED', by: 'u_1' },
    { __typename: 'OrderClosed', seq: 4 },
  ])
  expect(second.updates).toEqual(first.updates.slice(2))
  await expect(tidings.publish(order, '1', { closed: {} })).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a snapshot never lacks what the events before it have changed', async () => {
  await createOrder('2')
  const followers: ReturnType<typeof follow>[] = []
  for (let count = 1; count <= 60; count++) {
    if (count % 3 === 0) followers.push(follow('2'))
    await application.query('update orders set notes = $1 where id = $2', [count, '2'])
    await tidings.publish(order, '2', { noteAdded: { text: String(count), place: null } })
  }
  await tidings.publish(order, '2', { closed: {} })
  await Promise.all(followers.map(({ ended }) => ended))
  for (const { updates } of followers) {
    const [snapshot, ...events] = updates
    // The last event changes no note, and a subscription may begin after it.
    expect(snapshot?.state?.notes).toBeGreaterThanOrEqual(Math.min(snapshot?.seq ?? Number.NaN, 60))
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => (snapshot?.seq ?? 0) + 1 + index))
    expect(updates.at(-1)?.seq).toBe(61)
  }
})

test('ephemeral events reach connected subscribers only, with the position of the event before them', async () => {
  await createOrder('3')
  await tidings.publish(order, '3', { noteAdded: { text: 'First.', place: null } })
  const follower = follow('3')
  await vi.waitFor(() => expect(follower.updates).toHaveLength(1))
  await tidings.emit(order, '3', { courierMoved: { x: 1.5, y: 2 } })
  await vi.waitFor(() => expect(follower.updates).toHaveLength(2))
  expect(follower.updates[1]).toMatchObject({ __typename: 'OrderCourierMoved', seq: 1, x: 1.5, y: 2 })
  const { rows } = await application.query("select count(*)::int as events from tidings.event where topic = 'order:3'")
  expect(rows).toEqual([{ events: 1 }])
  follower.leave()
})

test('events of another process arrive, too', async () => {
  await createOrder('4')
  const follower = follow('4')
  await vi.waitFor(() => expect(follower.updates).toHaveLength(1))
  await using other = createTidings({ tasks: [], topics: [order], databaseUrl: database.url, logger: silentLogger })
  await other.publish(order, '4', { closed: {} })
  expect(await follower.ended).toBeUndefined()
  expect(follower.updates.map(({ __typename }) => __typename)).toEqual(['OrderSnapshot', 'OrderClosed'])
})

test('a topic that a viewer may not see does not exist, nor does one of a missing object, or without events', async () => {
  await createOrder('hidden 5')
  expect(await follow('hidden 5').ended).toBe('NOT_FOUND')
  expect(await follow('missing').ended).toBe('NOT_FOUND')
  const watchNews = 'subscription ($id: ID!) { newsUpdates(id: $id) { __typename seq } }'
  expect(await follow('today', undefined, watchNews).ended).toBe('NOT_FOUND')
  const { rows } = await application.query("select from tidings.topic where name like '%missing' or name like 'news:%'")
  expect(rows).toEqual([])

  await tidings.publish(news, 'today', { printed: { title: 'Owls' } })
  const follower = follow('today', undefined, watchNews)
  await vi.waitFor(() => expect(follower.updates).toEqual([{ __typename: 'NewsSnapshot', seq: 1 }]))
  follower.leave()
})

test('an event that does not fit is refused with its name', async () => {
  const publish = (events: object) => tidings.publish(order, '6', events)
  await expect(publish({ statusChanged: { status: 'lost' } })).rejects.toThrow(
    /event statusChanged of order does not fit:\n.*Invalid option/,
  )
  await expect(publish({ moved: {} })).rejects.toThrow(
    'The topic order has no event "moved"; it has statusChanged, noteAdded, closed',
  )
  await expect(publish({ courierMoved: { x: 1, y: 1 } })).rejects.toThrow('has no event "courierMoved"')
  await expect(publish({})).rejects.toThrow('There is no event to publish to order')
  await expect(publish({ closed: {}, statusChanged: { status: 'open' } })).rejects.toThrow(
    'OrderClosed ends the topic order: publish it after the others',
  )
  const unknown = defineTopic({ name: 'unknown', events: { done: z.object({}) }, authorize: () => true })
  await expect((async () => tidings.publish(unknown, '1', { done: {} }))()).rejects.toThrow(TidingsError)
})

test('a definition that does not fit is refused', () => {
  const base = { name: 'feed', events: { one: z.object({}) }, authorize: () => true }
  expect(() => defineTopic({ ...base, name: 'My-Feed' })).toThrow('write it in camel case, such as order')
  expect(() => defineTopic({ ...base, events: { ONE: z.object({}) } })).toThrow('such as statusChanged')
  expect(() => defineTopic({ ...base, ephemeral: { one: z.object({}) } })).toThrow('is in events and in ephemeral')
  expect(() => defineTopic({ ...base, state: z.object({ n: z.int() }) })).toThrow('no function read')
  const create = (...topics: (typeof news)[]) => createTidings({ tasks: [], topics })
  expect(() => create(news, news)).toThrow('The topic news exists already')
  const timed = defineTopic({ ...base, events: { one: z.object({ at: z.string() }) } })
  expect(() => createTidings({ tasks: [], topics: [timed] })).toThrow(
    'The event one of feed has a field "at", which every event has: rename it',
  )
})

test('the values of events are typed', () => {
  const typed = () => {
    // @ts-expect-error: no such status
    void tidings.publish(order, '1', { statusChanged: { status: 'lost' } })
    // @ts-expect-error: no such event
    void tidings.publish(order, '1', { moved: {} })
    // @ts-expect-error: it is not ephemeral
    void tidings.emit(order, '1', { closed: {} })
  }
  expect(typed).toBeTypeOf('function')
})

test('a page receives the typed events of a topic', async () => {
  await createOrder('page')
  await using directory = await createTestDirectory()
  const file = directory.join('tidings.gen.ts')
  await tidings.writeClient(file)
  const { order: topic } = (await import(/* @vite-ignore */ file)) as { readonly order: GeneratedTopic }
  await using page = createTidingsClient({ url })
  const types: string[] = []
  const watching = (async () => {
    for await (const event of watchTopic(page, topic, 'page')) types.push(event.__typename)
  })()
  await vi.waitFor(() => expect(types).toEqual(['OrderSnapshot']))
  await tidings.publish(order, 'page', { noteAdded: { text: 'Here.', place: null } })
  await vi.waitFor(() => expect(types).toEqual(['OrderSnapshot', 'OrderNoteAdded']))
  await tidings.publish(order, 'page', { closed: {} })
  await watching
  expect(types.at(-1)).toBe('OrderClosed')
})

/** Opens a connection of the application with an open transaction. */
async function begin(): Promise<pg.Client> {
  const connection = await connectApplication()
  await connection.query('begin')
  return connection
}

test('events published in a transaction reach subscribers at its commit, and never existed after a rollback', async () => {
  const options = { tasks: [], topics: [order], databaseUrl: database.url, logger: silentLogger, checkMs: 60_000 }
  await using other = createTidings(options)
  const { url, wsUrl } = await other.listen({ port: 0, worker: false })
  const otherClient = createClient({ url: wsUrl, webSocketImpl: WebSocket })
  await createOrder('7')
  const follower = follow('7', undefined, watchOrder, otherClient)
  await vi.waitFor(() => expect(follower.updates).toHaveLength(1))

  const connection = await begin()
  await connection.query("update orders set status = 'delivered' where id = '7'")
  expect(
    await tidings.publish(order, '7', { statusChanged: { status: 'delivered' } }, { transaction: connection }),
  ).toEqual({ seq: 1 })
  await connection.query('rollback')
  await connection.query('begin')
  expect(
    await tidings.publish(order, '7', { noteAdded: { text: 'A', place: null } }, { transaction: connection }),
  ).toEqual({
    seq: 1,
  })
  await tidings.publish(order, '7', { noteAdded: { text: 'B', place: null } }, { transaction: connection })
  expect(follower.updates).toHaveLength(1)
  await connection.query('commit')
  await vi.waitFor(() => expect(follower.updates).toHaveLength(3))

  // From there on, with and without a transaction.
  await tidings.publish(order, '7', { noteAdded: { text: 'C', place: null } })
  await connection.query('begin')
  await tidings.publish(order, '7', { closed: {} }, { transaction: connection })
  await connection.query('commit')
  expect(await follower.ended).toBeUndefined()
  expect(follower.updates.map(({ seq, __typename }) => `${seq} ${__typename}`)).toEqual([
    '0 OrderSnapshot',
    '1 OrderNoteAdded',
    '2 OrderNoteAdded',
    '3 OrderNoteAdded',
    '4 OrderClosed',
  ])
  // Nothing had to be found by the comparison with the log.
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^tidings_events_repaired_total 0$/m)
  // A refusal leaves the transaction usable.
  await connection.query('begin')
  const late = tidings.publish(order, '7', { closed: {} }, { transaction: connection })
  await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
  await connection.query('commit')
  await otherClient.dispose()
})

test('transactions that publish to one topic follow each other, and the first creates it', async () => {
  const [first, second] = [await begin(), await begin()]
  const publishIn = (transaction: pg.Client, title: string) =>
    tidings.publish(news, 'in turn', { printed: { title } }, { transaction })
  expect(await publishIn(first, 'A')).toEqual({ seq: 1 })
  const waiting = publishIn(second, 'B')
  await first.query('commit')
  expect(await waiting).toEqual({ seq: 2 })
  await second.query('commit')
  const { rows } = await application.query(
    "select seq::int, payload->>'title' as title from tidings.event where topic = 'news:in turn' order by seq",
  )
  expect(rows).toEqual([
    { seq: 1, title: 'A' },
    { seq: 2, title: 'B' },
  ])
})
