import { gql } from '@urql/core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { RetryContentDocument, TasksDocument } from '../../../client/gql/graphql.ts'
import { type Gate, startGate } from '../support/gate.ts'
import { makeConcept } from '../support/roadmap.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

let site: Site
let gate: Gate
let conceptId: string
beforeAll(async () => {
  site = await startSite()
  ;({ conceptId } = await makeConcept(site))
  gate = await startGate(() => site.server.port)
})
beforeEach(() => Object.assign(gate, { answer: null }))
afterAll(async () => {
  await gate[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

/** The response of a server that does not know a field yet. */
const older = {
  status: 400,
  type: 'application/graphql-response+json',
  body: JSON.stringify({
    errors: [
      { message: 'Cannot query field "news" on type "Task".', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
    ],
  }),
}

test('a generated document that an older server refuses is sent again until the server is updated', async () => {
  const id = await site.count(2)
  await using client = site.client({ url: gate.url, transports: ['polling'] })
  const states = recordStates(client)
  gate.answer = older
  const watching = watch(client, id)
  const tasks = client.urql.query(TasksDocument, { first: 5 }).toPromise()
  const retry = client.urql.mutation(RetryContentDocument, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  await eventually(() =>
    expect(states.map(({ reason }) => reason)).toContain(
      '1 of 1 subscriptions wait: The page is newer than the server',
    ),
  )
  await eventually(() => expect(gate.seen.length).toBeGreaterThan(10))
  gate.answer = null
  site.step(2)
  await watching.done
  expect(watching.seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
  expect((await tasks).error).toBeUndefined()
  expect((await retry).error).toBeUndefined()
})

test('a generated document that the server never accepts fails after a while, with the reason', async () => {
  gate.answer = older
  await using client = site.client({ url: gate.url, transports: ['polling'], timing: { upgradeMs: 200 } })
  const message = 'The page is newer than the server'
  expect((await client.urql.query(TasksDocument, { first: 5 }).toPromise()).error?.graphQLErrors).toMatchObject([
    { message },
  ])
  await expect(watch(client, await site.count(1)).done).rejects.toThrow(message)
})

test.for([
  [{ generated: true }, 'The page is newer than the server'],
  [undefined, /Cannot query field/],
] as const)('over a WebSocket, with %o, the server refuses an unknown field as documented', async ([meta, message]) => {
  await using client = site.client({
    transports: ['websocket'],
    timing: { upgradeMs: meta === undefined ? 3_600_000 : 200 },
  })
  // urql keeps one document per text.
  const name = meta === undefined ? 'ByHand' : 'Generated'
  const text = `subscription ${name}($id: ID!) { taskProgress(taskId: $id) { news } }`
  const document = Object.assign(gql<object, { id: string }>(text), meta === undefined ? {} : { __meta__: meta })
  const messages: (string | undefined)[] = []
  client.urql
    .subscription(document, { id: await site.count(1) })
    .subscribe(({ error }) => messages.push(error?.message))
  await eventually(() => expect(messages).toEqual([expect.stringMatching(message)]))
})
