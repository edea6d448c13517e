import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { isAbstractType } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { schema } from '../../schema/studio/index.ts'
import { type Site, startSite } from './support/site.ts'

/** The fields of a task shown by the pages of this test. */
interface ShownTask {
  readonly status: string
  readonly finishedAt: string | null
  readonly progress: { readonly percent: number; readonly completedItems: number }
}
interface LiveEvent {
  readonly __typename: string
  readonly taskId: string
  readonly status: string
  readonly progress: { readonly percent: number; readonly completedItems: number }
}

const shownTask = gql`query ($id: ID!) { task(id: $id) { id status finishedAt progress { percent completedItems } } }`
const liveFields = '__typename taskId status progress { percent completedItems }'
const finalTask = 'task { id status finishedAt progress { percent completedItems } }'
const watch = gql`subscription ($id: ID!) { taskProgress(taskId: $id) { ${liveFields}
  ... on TaskCompleted { ${finalTask} } ... on TaskFailed { ${finalTask} } ... on TaskCanceled { ${finalTask} } } }`

let site: Site
let stack: AsyncDisposableStack
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  site = stack.use(await startSite())
})
afterAll(() => stack.disposeAsync())

function connect(): Client {
  const socket = createClient({ url: site.server.wsUrl, webSocketImpl: WebSocket, retryAttempts: 0 })
  stack.defer(() => socket.dispose())
  return socket
}

const possibleTypes = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
)

/** Creates an Apollo Client with a normalized cache, configured as in docs/client.md. */
function createApollo(): ApolloClient {
  const apollo = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes, typePolicies: { Progress: { merge: true } } }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(connect()),
      new HttpLink({ uri: `${site.server.url}/graphql` }),
    ),
  })
  stack.defer(() => apollo.stop())
  return apollo
}

/** Watches a query of a task in the cache. @returns the last result */
async function show(apollo: ApolloClient, id: string): Promise<() => ShownTask | undefined> {
  let last: ShownTask | undefined
  const query = apollo.watchQuery<{ readonly task: ShownTask }>({ query: shownTask, variables: { id } })
  const watching = query.subscribe(({ data }) => {
    last = data?.task as ShownTask | undefined
  })
  stack.defer(() => watching.unsubscribe())
  await vi.waitFor(() => expect(last).toBeDefined())
  return () => last
}

test('Apollo: a watched query follows a terminal event without further code', async () => {
  const apollo = createApollo()
  const id = await site.count(2)
  const shown = await show(apollo, id)
  expect(shown()?.finishedAt).toBeNull()
  const types: string[] = []
  const watching = apollo
    .subscribe<{ readonly taskProgress: LiveEvent }>({ query: watch, variables: { id } })
    .subscribe(({ data }) => types.push(data?.taskProgress.__typename ?? ''))
  stack.defer(() => watching.unsubscribe())
  await vi.waitFor(() => expect(types).toContain('TaskSnapshot'))
  site.step(2)
  await vi.waitFor(() => expect(types).toContain('TaskCompleted'))
  await vi.waitFor(() =>
    expect(shown()).toMatchObject({
      status: 'COMPLETED',
      finishedAt: expect.any(String),
      progress: { percent: 100, completedItems: 2 },
    }),
  )
})

test('Apollo: a watched query follows every event with the recipe of docs/client.md', async () => {
  const apollo = createApollo()
  const id = await site.count(3)
  const shown = await show(apollo, id)
  const watching = apollo
    .subscribe<{ readonly taskProgress: LiveEvent }>({ query: watch, variables: { id } })
    .subscribe(({ data }) => {
      if (data === undefined) return
      const { taskId, status, progress } = data.taskProgress
      apollo.cache.writeFragment({
        id: `Task:${taskId}`,
        fragment: gql`fragment LiveTask on Task { id status progress { percent completedItems } }`,
        data: { __typename: 'Task', id: taskId, status, progress },
      })
    })
  stack.defer(() => watching.unsubscribe())
  for (const completedItems of [1, 2]) {
    await vi.waitFor(() => expect(shown()?.status).toBe('RUNNING'))
    site.step()
    await vi.waitFor(() => expect(shown()).toMatchObject({ status: 'RUNNING', progress: { completedItems } }))
  }
  site.step()
  await vi.waitFor(() => expect(shown()?.status).toBe('COMPLETED'))
})

interface Seen extends Record<string, unknown> {
  readonly taskProgress: { readonly seq: number }
}

test('the task of a terminal event is read once for all subscribers of a group, and not for those that do not select it', async () => {
  const id = await site.count(3)
  const snapshot = vi.spyOn(site.services.engine.store, 'snapshot')
  const lastSeqs = Array.from({ length: 10 }, () => 0)
  const texts = [`seq ... on TaskCompleted { ${finalTask} }`, 'seq __typename']
  const query = (selection: string) =>
    `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { ${selection} } }`
  const ends = texts.flatMap((selection, group) =>
    Array.from({ length: 5 }, async (_, member) => {
      const index = group * 5 + member
      let last: Seen | undefined
      for await (const { data } of connect().iterate<Seen>({ query: query(selection), variables: { id } })) {
        last = data ?? undefined
        lastSeqs[index] = last?.taskProgress.seq ?? 0
      }
      return last
    }),
  )
  // A subscriber that is still reading the history executes separately: all have to receive live
  // events before the last one.
  for (let step = 1; step <= 2; step++) {
    await vi.waitFor(() => expect(Math.min(...lastSeqs)).toBeGreaterThan(0))
    const head = Math.max(...lastSeqs)
    site.step()
    await vi.waitFor(() => expect(Math.min(...lastSeqs)).toBeGreaterThan(head))
  }
  snapshot.mockClear()
  site.step()
  const results = await Promise.all(ends)
  for (const result of results.slice(0, 5))
    expect(result).toMatchObject({ taskProgress: { task: { id, status: 'COMPLETED', progress: { percent: 100 } } } })
  expect(snapshot.mock.calls.filter(([taskId]) => taskId === id)).toHaveLength(1)
  snapshot.mockRestore()
})
