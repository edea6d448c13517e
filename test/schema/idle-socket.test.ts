import { once } from 'node:events'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { startSite } from '../client/support/site.ts'
import { signToken } from '../server/support.ts'
import { type SessionApi, startSessionApi, watchSession } from '../studio/sessions/session-api.ts'
import { type ServedApi, serveApi } from '../support/serve-api.ts'

// All other tests with several subscriptions on one socket have events, and an event flushes what
// an earlier write has left corked; and none sends a ping or a query while no topic has events.
// Here no topic has events.

let api: SessionApi
let served: ServedApi
let stack: AsyncDisposableStack
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(await startSessionApi({ CHECK_MS: 60_000 }))
  served = stack.use(await serveApi(api))
})
afterAll(() => stack.disposeAsync())

interface Message {
  readonly id?: string
  readonly type: string
  readonly payload?: { readonly data?: Readonly<Record<string, { __typename: string; cursor: string }>> }
}

/** Opens a socket of the user `ada` and speaks graphql-transport-ws by hand. */
async function connect() {
  const socket = new WebSocket(served.server.wsUrl, 'graphql-transport-ws')
  const messages: Message[] = []
  let pongs = 0
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as Message))
  socket.on('pong', () => pongs++)
  await once(socket, 'open')
  const send = (message: object) => socket.send(JSON.stringify(message))
  const authorization = `Bearer ${await signToken({ sub: 'ada' }, { expiresInMs: 3_600_000 })}`
  send({ type: 'connection_init', payload: { authorization } })
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  const received = (id: string) =>
    messages
      .filter((message) => message.id === id && message.type === 'next')
      .flatMap(({ payload }) => Object.values(payload?.data ?? {}))
  return {
    socket,
    received,
    countOf: (type: string) => messages.filter((message) => message.type === type).length,
    send,
    /** Pings on both levels and waits for both pongs. */
    async ping() {
      const before = { pongs, answers: messages.filter(({ type }) => type === 'pong').length }
      socket.ping()
      send({ type: 'ping' })
      await vi.waitFor(() => {
        expect(pongs, 'pong frames').toBe(before.pongs + 1)
        expect(messages.filter(({ type }) => type === 'pong').length, 'pong messages').toBe(before.answers + 1)
      })
    },
    subscribe: (id: string, query: string, variables: object) =>
      send({ id, type: 'subscribe', payload: { query, variables } }),
  }
}

const watchInbox = 'subscription ($after: Cursor) { notifications(after: $after) { __typename cursor } }'

test('answers pings, queries and completes on an idle socket with several subscriptions', async () => {
  const sessionId = await api.create()
  const first = await connect()
  first.subscribe('inbox', watchInbox, {})
  first.subscribe('session', watchSession, { id: sessionId })
  await vi.waitFor(() => expect(first.received('inbox')).toHaveLength(1))
  // A snapshot and the presence.
  await vi.waitFor(() => expect(first.received('session').length).toBeGreaterThan(1))
  const inboxCursor = first.received('inbox')[0]?.cursor
  const cursor = first.received('session')[0]?.cursor

  for (let round = 0; round < 10; round++) {
    const { socket, subscribe, received, ping, send, countOf } = await connect()
    subscribe('inbox', watchInbox, { after: inboxCursor })
    subscribe('session', watchSession, { id: sessionId, after: cursor })
    // During the joins and after each: a join sends the presence, which is written outside of any
    // event.
    await ping()
    for (const id of ['another', 'third']) {
      subscribe(id, watchSession, { id: sessionId, after: cursor })
      await ping()
      await vi.waitFor(() =>
        expect(received(id)).toContainEqual(expect.objectContaining({ __typename: 'SessionPresenceChanged' })),
      )
      await ping()
    }
    subscribe('query', '{ viewer { id } }', {})
    await vi.waitFor(() => expect(received('query')).toHaveLength(1))
    await vi.waitFor(() => expect(countOf('complete')).toBe(1))
    send({ id: 'third', type: 'complete' })
    await ping()
    socket.terminate()
  }
  first.socket.terminate()
  expect(served.live.counters.leftCorked).toBe(0)
})

test('completes subscriptions that join after the terminal event, beside one that stays idle', async () => {
  await using site = await startSite()
  const ids = [await site.count(1, true), await site.count(1, true)]
  for (const id of ids) await site.engine.history({ id, kind: 'GENERATE_PROJECT' })
  const socket = new WebSocket(site.server.wsUrl, 'graphql-transport-ws')
  const messages: Message[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as Message))
  await once(socket, 'open')
  const subscribe = (id: string, query: string, variables: object) =>
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }))
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  subscribe('idle', watchInbox, {})
  await vi.waitFor(() => expect(messages).toHaveLength(2))
  const watchTask = 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename cursor } }'
  for (const id of ids) subscribe(id, watchTask, { id })
  // No topic has another event, which would flush what a join left behind.
  await vi.waitFor(() =>
    expect(messages.flatMap(({ id, type }) => (type === 'complete' ? [id] : [])).toSorted()).toEqual(ids.toSorted()),
  )
  socket.terminate()
})
