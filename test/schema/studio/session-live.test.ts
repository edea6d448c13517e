import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pipe, subscribe } from 'wonka'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { SessionEventsDocument } from '../../../client/gql/graphql.ts'
import { createTidingsClient } from '../../../client/tidings-client.ts'
import { closeCodes } from '../../../src/protocol.ts'
import { eventually } from '../../log/support.ts'
import { signToken } from '../../server/support.ts'
import { bob, type SessionApi, startSessionApi, watchSession } from '../../studio/sessions/session-api.ts'
import { type ServedApi, serveApi } from '../../support/serve-api.ts'

/** The close reasons of the clients' sockets. */
const closeReasons: number[] = []
class ClosingSocket extends globalThis.WebSocket {
  constructor(...given: ConstructorParameters<typeof globalThis.WebSocket>) {
    super(...given)
    this.addEventListener('close', ({ code }) => closeReasons.push(code))
  }
}

let api: SessionApi
let served: ServedApi
let stack: AsyncDisposableStack
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(await startSessionApi({ CHECK_MS: 60_000 }))
  served = stack.use(await serveApi(api))
})
afterAll(() => stack.disposeAsync())

interface Seen {
  readonly __typename: string
  readonly cursor: string
  readonly seq: number
  readonly present?: readonly string[]
  readonly typing?: readonly string[]
  readonly message?: { readonly body: string }
}
interface Watching {
  readonly client: Client
  readonly seen: Seen[]
  ended: unknown
}
/** Subscribes over a separate WebSocket. */
async function watch(userId: string, sessionId: string, after?: string): Promise<Watching> {
  const client = await served.connect(userId)
  const watching: Watching = { client, seen: [], ended: undefined }
  client.subscribe<{ sessionEvents: Seen }>(
    { query: watchSession, variables: { id: sessionId, after } },
    {
      next: ({ data }) => void (data && watching.seen.push(data.sessionEvents)),
      error: (error) => {
        watching.ended = (error as { extensions: { code: string } }[])[0]?.extensions.code
      },
      complete: () => {
        watching.ended ??= 'completed'
      },
    },
  )
  return watching
}
const lastPresence = ({ seen }: Watching): string => {
  const last = seen.findLast(({ __typename }) => __typename === 'SessionPresenceChanged')
  return `${last?.present?.join(' ')}; ${last?.typing?.join(' ')}`
}

test('presence and typing are sent to all subscribers without a position of their own in the log', async () => {
  const id = await api.create()
  await api.invite(id, 'bob')
  const ada = await watch('ada', id)
  await eventually(() => expect(lastPresence(ada)).toBe('ada; '))
  const his = await watch('bob', id)
  await eventually(() => expect(lastPresence(ada)).toBe('ada bob; '))
  await eventually(() => expect(lastPresence(his)).toBe('ada bob; '))
  const type = (isTyping: boolean) =>
    api.mutate(
      'result: setTyping(input: { sessionId: $id, isTyping: $isTyping }) { __typename }',
      '($id: ID!, $isTyping: Boolean!)',
      { id, isTyping },
      bob,
    )
  await type(true)
  await eventually(() => expect(lastPresence(ada)).toBe('ada bob; bob'))
  expect((await api.read(id)).typing).toEqual(['bob'])
  await type(false)
  await eventually(() => expect(lastPresence(ada)).toBe('ada bob; '))
  // Presence is not in the log: a subscriber that resumes after a message receives the current
  // presence at that position.
  await api.send(id, 'Hello')
  await eventually(() => expect(ada.seen.some(({ message }) => message?.body === 'Hello')).toBe(true))
  const after = ada.seen.findLast(({ __typename }) => __typename === 'SessionStatisticsChanged') ?? ada.seen.at(-1)
  const again = await watch('ada', id, after?.cursor)
  await eventually(() => expect(lastPresence(again)).toBe('ada bob; '))
  expect(again.seen.map(({ __typename, cursor }) => [__typename, cursor])).toEqual([
    ['SessionPresenceChanged', after?.cursor],
  ])
  await his.client.dispose()
  await eventually(() => expect(lastPresence(ada)).toBe('ada; '))
  expect((await api.read(id)).present).toEqual(['ada'])
})

test('a removed participant is notified at once and no longer present, while the others continue', async () => {
  const id = await api.create()
  await api.invite(id, 'bob')
  const [hers, his] = [await watch('ada', id), await watch('bob', id)]
  await eventually(() => expect(lastPresence(hers)).toBe('ada bob; '))
  await api.mutate('result: removeParticipant(input: { sessionId: $id, userId: "bob" }) { __typename }', '($id: ID!)', {
    id,
  })
  await eventually(() => expect(his.ended).toBe('FORBIDDEN'))
  await eventually(() => expect(lastPresence(hers)).toBe('ada; '))
  await api.send(id, 'He is gone')
  await eventually(() => expect(hers.seen.some(({ message }) => message?.body === 'He is gone')).toBe(true))
  expect(his.seen.some(({ message }) => message !== undefined)).toBe(false)
  expect(hers.ended).toBeUndefined()
})

test('all subscribers share the executions of its events', async () => {
  const id = await api.create()
  const watching = [await watch('ada', id), await watch('ada', id), await watch('ada', id)]
  for (const one of watching) await eventually(() => expect(lastPresence(one)).toBe('ada; '))
  const before = { executed: served.live.counters.executed, seen: watching.map(({ seen }) => seen.length) }
  for (let n = 1; n <= 5; n++) await api.send(id, `Number ${n}`)
  for (const { seen } of watching)
    await eventually(() =>
      expect(seen.flatMap(({ message }) => message?.body ?? [])).toEqual([1, 2, 3, 4, 5].map((n) => `Number ${n}`)),
    )
  await api.mutate('result: closeSession(input: { sessionId: $id }) { __typename }', '($id: ID!)', { id })
  for (const one of watching) await eventually(() => expect(one.ended).toBe('completed'))
  const told = watching.map(({ seen }, index) => seen.length - (before.seen[index] ?? 0))
  // At least one per message, at most one per event, and not one per event and subscriber.
  const executed = served.live.counters.executed - before.executed
  expect(executed).toBeGreaterThanOrEqual(5)
  expect(executed).toBeLessThanOrEqual(Math.max(...told))
})

test('a token that expires ends the stream with that reason; the client renews it and misses nothing', async () => {
  const id = await api.create()
  let renewals = 0
  await using client = createTidingsClient({
    plugins: studioPlugins,
    url: `${served.server.url}/graphql`,
    storage: null,
    transports: ['websocket'],
    webSocketImpl: ClosingSocket,
    // Never renewed in advance, so that the server has to end it.
    timing: { tokenLeewayMs: 0, backoffMs: 20, maxBackoffMs: 200 },
    async token() {
      renewals++
      return signToken({ sub: 'ada' }, { expiresInMs: 2_000 })
    },
  })
  const seen: string[] = []
  let hasBegun = false
  const subscription = pipe(
    client.urql.subscription(SessionEventsDocument, { sessionId: id }),
    subscribe(({ data }) => {
      const event = data?.sessionEvents
      hasBegun ||= event?.__typename === 'SessionSnapshot'
      if (event?.__typename === 'SessionMessageAdded') seen.push(event.message.body)
    }),
  )
  // Messages sent before the snapshot are in it.
  await eventually(() => expect(hasBegun).toBe(true))
  const sent: string[] = []
  while (renewals < 4) {
    sent.push(`Number ${sent.length + 1}`)
    await api.send(id, sent.at(-1) ?? '')
    // At a steady pace, through every renewal.
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(sent.length - 5))
  }
  await eventually(() => expect(seen).toEqual(sent))
  expect(closeReasons).toContain(closeCodes.expired)
  subscription.unsubscribe()
})
