import { Client, type Exchange, type ExecutionResult, gql, makeResult } from '@urql/core'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { filter, makeSubject, map, merge, pipe, subscribe } from 'wonka'
import { cacheSchema } from '../../../client/gql/cache-schema.ts'
import { type CacheSchema, createCacheExchange } from '../../../client/live/cache.ts'
import { conceptQuery, makeConcept, retryMutation } from '../support/roadmap.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, watch } from '../support/watch.ts'

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

test('a retried piece reads GENERATING at once and COMPLETED with its text by itself, without another request', async () => {
  const requests: string[] = []
  const gate = Promise.withResolvers<void>()
  // The cache complains there about what it cannot place.
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
  // The request has not even left.
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

/** A client whose server is this test: it answers with whatever is pushed. */
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
/** Lets urql execute again what has changed. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const taskAt = (percent: number) => ({
  __typename: 'Task',
  id: 't',
  status: 'RUNNING',
  progress: { __typename: 'Progress', percent },
})

test('an older event never overwrites a newer state, and neither does a snapshot that was overtaken', async () => {
  const { client, keys, push } = createDrivenClient(createCacheExchange(cacheSchema as CacheSchema))
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
  // After a restored backup the numbers begin anew.
  push(one, event(2, 20, { __typename: 'TaskSnapshot', reason: 'RESET', task: taskAt(20) }))
  await eventually(() => expect(percents.at(-1)).toBe(20))
  expect(percents.filter((percent) => percent === 30 || percent === 40)).toEqual([])
  for (const { unsubscribe } of subscriptions) unsubscribe()
})
