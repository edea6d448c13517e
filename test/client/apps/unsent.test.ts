import { gql } from '@urql/core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createUnsent, type Unsent } from '../../../client/apps/sessions/unsent.ts'
import type { OfflineStorage } from '../../../client/outbox/storage-adapter.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually } from '../support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterEach(() => site.proxy.heal())
afterAll(() => site[Symbol.asyncDispose]())

let made = 0
async function createSession(): Promise<string> {
  const { createSession: created } = await site.ask<{ createSession: { session: { id: string } } }>(
    `mutation { createSession(input: { clientId: "c${++made}", title: "T" }) { ... on CreateSessionSuccess { session { id } } } }`,
  )
  return created.session.id
}
const bodies = async (id: string): Promise<readonly string[]> => {
  const { session } = await site.ask<{ session: { messages: { nodes: readonly { body: string }[] } } }>(
    `{ session(id: "${id}") { messages { nodes { body } } } }`,
  )
  return session.messages.nodes.map(({ body }) => body)
}
const states = (unsent: Unsent): readonly string[] =>
  unsent.getSnapshot().map(({ text, status }) => `${text} ${status}`)
const numbers = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `Number ${n + 1}`)

test('messages sent in the same tick are sent in order', async () => {
  await using client = site.client()
  const unsent = createUnsent(client)
  const sessionId = await createSession()
  for (const text of numbers(12)) unsent.send({ sessionId, text, wantsReply: false })
  expect(states(unsent).map((state) => state.split(' ')[1])).toEqual(numbers(12).map((text) => text.split(' ')[1]))
  await eventually(async () => expect(await bodies(sessionId)).toEqual(numbers(12)))
  await eventually(() => expect(new Set(unsent.getSnapshot().map(({ status }) => status))).toEqual(new Set(['sent'])))
  unsent.arrived(new Set(unsent.getSnapshot().map(({ clientId }) => clientId)))
  expect(unsent.getSnapshot()).toEqual([])
})

test('messages written offline survive a reload, and are sent once and in order on return', async () => {
  const items = new Map<string, string>()
  const storage: OfflineStorage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    keys: () => [...items.keys()],
  }
  const sessionId = await createSession()
  {
    await using client = site.client({ storage })
    const unsent = createUnsent(client)
    site.proxy.refuse()
    site.proxy.resetAll()
    for (const text of numbers(3)) unsent.send({ sessionId, text, wantsReply: false })
    await eventually(() => expect(states(unsent)).toEqual(numbers(3).map((text) => `${text} waiting`)))
    const [, second] = unsent.getSnapshot()
    unsent.discard(second?.clientId ?? '')
    expect(states(unsent)).toEqual(['Number 1 waiting', 'Number 3 waiting'])
  }
  await using client = site.client({ storage })
  // Keeps the connection in use, as the page does.
  const stop = client.connection.subscribe(() => undefined)
  const unsent = createUnsent(client)
  await eventually(() => expect(states(unsent)).toHaveLength(2))
  await site.proxy.heal()
  await eventually(async () => expect(await bodies(sessionId)).toEqual(['Number 1', 'Number 3']))
  await eventually(() => expect(unsent.getSnapshot()).toEqual([]))
  stop()
})

test('a refused message stays, with the reason, until it is discarded', async () => {
  await using client = site.client()
  const unsent = createUnsent(client)
  unsent.send({ sessionId: 'session_0', text: 'Hello', wantsReply: false })
  await eventually(() =>
    expect(unsent.getSnapshot()).toMatchObject([{ status: 'refused', reason: 'There is no session "session_0"' }]),
  )
  unsent.discard(unsent.getSnapshot()[0]?.clientId ?? '')
  expect(unsent.getSnapshot()).toEqual([])
})

test('a message sent by a document with an inline input waits in the outbox only', async () => {
  await using client = site.client()
  const unsent = createUnsent(client)
  const id = await createSession()
  site.proxy.refuse()
  site.proxy.resetAll()
  const document = gql(
    'mutation ($id: ID!, $text: String!) { sendMessage(input: { sessionId: $id, clientId: "o", text: $text, wantsReply: false }) { __typename } }',
  )
  const answer = client.urql.mutation(document, { id, text: 'Written out' }).toPromise()
  await eventually(() => expect(client.outbox.getSnapshot().pending).toMatchObject([{ field: 'sendMessage' }]))
  expect(unsent.getSnapshot()).toEqual([])
  await site.proxy.heal()
  expect((await answer).data?.sendMessage.__typename).toBe('SendMessageSuccess')
  expect(await bodies(id)).toEqual(['Written out'])
})
