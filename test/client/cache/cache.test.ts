import { Client, createRequest, type Exchange, type ExecutionResult, gql, makeResult } from '@urql/core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { filter, makeSubject, map, merge, pipe, subscribe } from 'wonka'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { type CacheSchema, createCacheExchange } from '../../../client/cache/cache.ts'
import { cacheSchema } from '../../../client/gql/cache-schema.ts'
import { conceptQuery, makeConcept, retryMutation } from '../support/roadmap.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, watch } from '../support/watch.ts'

const rules = studioPlugins.flatMap(({ cache }) => cache ?? [])

let site: Site
let conceptId: string
beforeAll(async () => {
  site = await startSite()
  ;({ conceptId } = await makeConcept(site))
})
afterEach(() => {
  site.provider.script = () => 'text'
  vi.restoreAllMocks()
})
afterAll(() => site[Symbol.asyncDispose]())

test('a retried piece reads GENERATING at once and COMPLETED with its text later, without another request', async () => {
  const requests: string[] = []
  const gate = Promise.withResolvers<void>()
  // The cache warns about data that it cannot merge.
  const warn = vi.spyOn(console, 'warn')
  await using client = site.client({
    fetch: async (input, init) => {
      requests.push(String(init?.body))
      if (requests.length > 1) await gate.promise
      return fetch(input, init)
    },
  })
  const seen: { status: string; body: string | null }[] = []
  const { unsubscribe } = pipe(
    client.urql.query(conceptQuery, { id: conceptId }),
    subscribe(({ data }) => {
      if (data?.node?.quiz) seen.push(data.node.quiz)
    }),
  )
  await eventually(() => expect(seen).toMatchObject([{ status: 'COMPLETED' }]))
  const before = seen[0]?.body
  site.provider.script = () => 'wait'
  const answer = client.urql.mutation(retryMutation, { input: { conceptId, piece: 'QUIZ' } }).toPromise()
  // The request has not even been sent.
  await eventually(() => expect(seen.at(-1)?.status).toBe('GENERATING'))
  gate.resolve()
  const taskId = (await answer).data?.retryContent.task?.id ?? ''
  expect(seen.at(-1)?.status).toBe('GENERATING')
  const watching = watch(client, taskId)
  await eventually(() => expect(watching.seqs.length).toBeGreaterThan(0))
  await eventually(() => {
    site.provider.release()
    expect(seen.at(-1)?.status).toBe('COMPLETED')
  })
  await watching.done
  expect(seen.at(-1)?.body).toEqual(expect.any(String))
  expect(seen.at(-1)?.body).not.toBe(before)
  expect(requests).toHaveLength(2)
  expect(warn).not.toHaveBeenCalled()
  unsubscribe()
})

/** Creates a client with this test as its server: it responds with whatever is pushed. */
function createDrivenClient(exchange: Exchange): {
  readonly client: Client
  push(key: number, result: ExecutionResult): void
  readonly keys: number[]
} {
  const results = makeSubject<{ key: number; result: ExecutionResult }>()
  const keys: number[] = []
  const server: Exchange = () => (operations$) =>
    merge([
      pipe(
        operations$,
        map((operation) => {
          if (operation.kind !== 'teardown') keys.push(operation.key)
          byKey.set(operation.key, operation)
        }),
        filter((_): _ is never => false),
      ),
      pipe(
        results.source,
        map(({ key, result }) => {
          const operation = byKey.get(key)
          if (operation === undefined) throw new Error(`There is no operation ${key}`)
          return makeResult(operation, { ...result, hasNext: operation.kind === 'subscription' })
        }),
      ),
    ])
  const byKey = new Map<number, Parameters<typeof makeResult>[0]>()
  const client = new Client({ url: 'http://localhost/graphql', exchanges: [exchange, server] })
  return { client, keys, push: (key, result) => results.next({ key, result }) }
}

const taskQuery = gql<{ task: { status: string; progress: { percent: number } } | null }>(
  '{ task(id: "t") { __typename id status progress { __typename percent } } }',
)
const progress = gql<{ taskProgress: unknown }, { n: number }>(
  'subscription ($n: Int) { taskProgress(taskId: "t") { __typename taskId seq cursor status progress { __typename percent } ... on TaskSnapshot { reason task { __typename id status progress { __typename percent } } } } }',
)
const event = (seq: number, percent: number, extra: object = {}): ExecutionResult => ({
  data: {
    taskProgress: {
      __typename: 'TaskAdvanced',
      taskId: 't',
      seq,
      cursor: `c-${seq}`,
      status: 'RUNNING',
      progress: { __typename: 'Progress', percent },
      ...extra,
    },
  },
})
/** Lets urql execute changed operations again. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const taskAt = (percent: number) => ({
  __typename: 'Task',
  id: 't',
  status: 'RUNNING',
  progress: { __typename: 'Progress', percent },
})

test('neither an older event nor an overtaken snapshot overwrites a newer state', async () => {
  const { client, keys, push } = createDrivenClient(createCacheExchange(cacheSchema as CacheSchema, rules))
  const percents: (number | undefined)[] = []
  const subscriptions = [
    pipe(
      client.query(taskQuery, {}),
      subscribe(({ data }) => void percents.push(data?.task?.progress.percent)),
    ),
    pipe(
      client.subscription(progress, { n: 1 }),
      subscribe(() => undefined),
    ),
    pipe(
      client.subscription(progress, { n: 2 }),
      subscribe(() => undefined),
    ),
  ]
  await eventually(() => expect(keys).toHaveLength(3))
  const [query = 0, one = 0, other = 0] = keys
  push(query, { data: { task: taskAt(0) } })
  push(one, event(5, 50))
  await eventually(() => expect(percents).toEqual([0, 50]))
  push(other, event(3, 30))
  await turn()
  push(other, event(4, 40, { __typename: 'TaskSnapshot', reason: 'SUBSCRIBED', task: taskAt(40) }))
  await turn()
  push(other, event(6, 60))
  await eventually(() => expect(percents.at(-1)).toBe(60))
  // After a restored backup the numbers start again.
  push(one, event(2, 20, { __typename: 'TaskSnapshot', reason: 'RESET', task: taskAt(20) }))
  await eventually(() => expect(percents.at(-1)).toBe(20))
  expect(percents.filter((percent) => percent === 30 || percent === 40)).toEqual([])
  for (const { unsubscribe } of subscriptions) unsubscribe()
})

const driven = () => {
  const { client, keys, push } = createDrivenClient(createCacheExchange(cacheSchema as CacheSchema, rules))
  const seen: string[] = []
  const { unsubscribe } = pipe(
    client.query(conceptQuery, { id: 'c' }),
    subscribe(({ data, stale }) => {
      const { quiz, tutorial } = (data?.node ?? {}) as Record<string, { status: string; body: string | null }>
      if (quiz !== undefined) seen.push(`${quiz.status} ${quiz.body} ${tutorial?.status}${stale ? ' …' : ''}`)
    }),
  )
  return { client, keys, push, seen, unsubscribe }
}
const conceptAt = (quiz: string, body: string | null = null, tutorial = 'COMPLETED') => {
  const content = { __typename: 'Content', error: null }
  return {
    __typename: 'Concept',
    id: 'c',
    quiz: { ...content, piece: 'QUIZ', status: quiz, body },
    tutorial: { ...content, piece: 'TUTORIAL', status: tutorial, body: null },
  }
}
const retried = (task: string, concept = conceptAt('GENERATING')): ExecutionResult => ({
  data: {
    retryContent: {
      __typename: 'RetryContentSuccess',
      task: { __typename: 'Task', id: task, status: 'QUEUED', progress: { __typename: 'Progress', percent: 0 } },
      concept,
    },
  },
})
const itemProgress = gql<{ taskProgress: unknown }>(
  'subscription { taskProgress(taskId: "t") { __typename taskId seq cursor status progress { __typename percent } ... on TaskItemCompleted { item { __typename key status error { __typename code } } } ... on TaskCompleted { result { __typename ... on ContentRetried { conceptId piece concept { __typename id quiz { __typename piece status body error { __typename code } } } } } } } }',
)
const itemCompleted = event(2, 90, {
  __typename: 'TaskItemCompleted',
  item: { __typename: 'TaskItem', key: 'c:QUIZ', status: 'COMPLETED', error: null },
})
const taskCompleted = event(3, 100, {
  __typename: 'TaskCompleted',
  status: 'COMPLETED',
  result: {
    __typename: 'ContentRetried',
    conceptId: 'c',
    piece: 'QUIZ',
    concept: { __typename: 'Concept', id: 'c', quiz: conceptAt('COMPLETED', 'new').quiz },
  },
})
/** Fetches the same query again, as a page does when it is opened again. */
const refetch = (client: Client): void =>
  void client.reexecuteOperation(
    client.createRequestOperation('query', createRequest(conceptQuery, { id: 'c' }), { requestPolicy: 'network-only' }),
  )
const retry = (client: Client, piece: string) =>
  client.mutation(retryMutation, { input: { conceptId: 'c', piece } }).toPromise()

test('a late result of a query does not undo the changes of events, and is fetched again', async () => {
  const { client, keys, push, seen, unsubscribe } = driven()
  await eventually(() => expect(keys).toHaveLength(1))
  const [query = 0] = keys
  push(query, { data: { node: conceptAt('GENERATING') } })
  const events = pipe(
    client.subscription(itemProgress, {}),
    subscribe(() => undefined),
  )
  await eventually(() => expect(keys).toHaveLength(2))
  refetch(client)
  await eventually(() => expect(keys).toHaveLength(3))
  push(keys[1] ?? 0, itemCompleted)
  push(keys[1] ?? 0, taskCompleted)
  // Shown although the query is in progress.
  await eventually(() => expect(seen.at(-1)).toBe('COMPLETED new COMPLETED …'))
  // The server has read this before the task was completed.
  push(query, { data: { node: conceptAt('GENERATING') } })
  await eventually(() => expect(seen.at(-1)).toMatch(/^COMPLETED new COMPLETED/))
  await eventually(() => expect(keys).toHaveLength(4))
  push(query, { data: { node: conceptAt('COMPLETED', 'newest') } })
  await eventually(() => expect(seen.at(-1)).toBe('COMPLETED newest COMPLETED'))
  await turn()
  // A result that was not overtaken is used as it is: no request follows.
  expect(keys).toHaveLength(4)
  expect(seen.slice(seen.findIndex((state) => state.startsWith('COMPLETED'))).join()).not.toContain('GENERATING')
  refetch(client)
  await eventually(() => expect(keys).toHaveLength(5))
  push(query, { data: { node: conceptAt('PENDING') } })
  await eventually(() => expect(seen.at(-1)).toBe('PENDING null COMPLETED'))
  events.unsubscribe()
  unsubscribe()
})

test('a late result of a query does not undo the result of a mutation', async () => {
  const { client, keys, push, seen, unsubscribe } = driven()
  await eventually(() => expect(keys).toHaveLength(1))
  const [query = 0] = keys
  push(query, { data: { node: conceptAt('FAILED') } })
  refetch(client)
  await eventually(() => expect(keys).toHaveLength(2))
  const answer = retry(client, 'QUIZ')
  await eventually(() => expect(keys).toHaveLength(3))
  push(keys[2] ?? 0, retried('t'))
  await answer
  push(query, { data: { node: conceptAt('FAILED') } })
  await eventually(() => expect(keys).toHaveLength(4))
  expect(seen.at(-1)).toMatch(/^GENERATING/)
  push(query, { data: { node: conceptAt('GENERATING') } })
  await eventually(() => expect(seen.at(-1)).toBe('GENERATING null COMPLETED'))
  unsubscribe()
})

test('an optimistic state is shown while the query is fetched again, and stays until its mutation completes', async () => {
  const { client, keys, push, seen, unsubscribe } = driven()
  await eventually(() => expect(keys).toHaveLength(1))
  const [query = 0] = keys
  push(query, { data: { node: conceptAt('COMPLETED', 'old') } })
  refetch(client)
  await eventually(() => expect(keys).toHaveLength(2))
  const answer = retry(client, 'QUIZ')
  await eventually(() => expect(seen.at(-1)).toMatch(/^GENERATING old COMPLETED/))
  push(query, { data: { node: conceptAt('COMPLETED', 'old', 'FAILED') } })
  await eventually(() => expect(seen.at(-1)).toMatch(/^GENERATING old FAILED/))
  push(keys[2] ?? 0, { data: { retryContent: { __typename: 'ConflictError', message: 'Busy' } } })
  await answer
  await eventually(() => expect(seen.at(-1)).toBe('COMPLETED old FAILED'))
  unsubscribe()
})

test('the result of one mutation does not wait for the results of others', async () => {
  const { client, keys, push, seen, unsubscribe } = driven()
  await eventually(() => expect(keys).toHaveLength(1))
  const [query = 0] = keys
  push(query, { data: { node: conceptAt('FAILED', null, 'FAILED') } })
  const first = retry(client, 'QUIZ')
  const second = retry(client, 'TUTORIAL')
  await eventually(() => expect(keys).toHaveLength(3))
  await eventually(() => expect(seen.at(-1)).toMatch(/^GENERATING null GENERATING/))
  push(keys[1] ?? 0, retried('one', conceptAt('GENERATING', null, 'FAILED')))
  expect((await first).data?.retryContent.task?.id).toBe('one')
  await turn()
  expect(seen.at(-1)).toMatch(/^GENERATING null GENERATING/)
  push(keys[2] ?? 0, { data: { retryContent: { __typename: 'ConflictError', message: 'Busy' } } })
  await second
  await eventually(() => expect(seen.at(-1)).toBe('GENERATING null FAILED'))
  unsubscribe()
})
