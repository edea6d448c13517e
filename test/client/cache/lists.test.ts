import { Client, type Exchange, gql, makeResult } from '@urql/core'
import { expect, test } from 'vitest'
import { filter, makeSubject, map, merge, pipe, subscribe, tap } from 'wonka'
import { studioPlugins } from '../../../client/apps/plugins.ts'
import { type CacheSchema, createCacheExchange } from '../../../client/cache/cache.ts'
import { cacheSchema } from '../../../client/gql/cache-schema.ts'

const rules = studioPlugins.flatMap(({ cache }) => cache ?? [])

const updates = gql<{ viewerUpdates: unknown }>(`subscription { viewerUpdates { __typename cursor seq
  ... on ViewerSnapshot { reason }
  ... on ViewerTaskChanged { taskId kind status }
  ... on ViewerTaskRemoved { taskId }
  ... on ViewerDocumentChanged { documentId document { id title } }
  ... on ViewerDocumentRemoved { documentId }
  ... on ViewerObjectChanged { object objectId isRemoved } } }`)
const lists = ['documents', 'roadmaps', 'quizzes', 'projects', 'sessions', 'tasks'] as const

const typeOf: Readonly<Record<string, string>> = {
  documents: 'DocumentConnection',
  roadmaps: 'RoadmapConnection',
  quizzes: 'QuizConnection',
  projects: 'ProjectConnection',
  sessions: 'SessionConnection',
  tasks: 'TaskConnection',
}

/** A page that shows all lists, whose server counts how often each is fetched. */
function openLists(): {
  readonly fetched: string[]
  update(event: object): Promise<readonly string[]>
  mutate(field: string, input: object, answer: string): Promise<readonly string[]>
} {
  const events = makeSubject<object>()
  const fetched: string[] = []
  const answers: object[] = []
  const server: Exchange = () => (operations$) =>
    merge([
      pipe(
        operations$,
        filter(({ kind }) => kind === 'query'),
        map((operation) => {
          const [definition] = operation.query.definitions
          const list = String(definition?.kind === 'OperationDefinition' ? definition.name?.value : undefined)
          fetched.push(list)
          const connection = { __typename: typeOf[list], nodes: [] }
          return makeResult(operation, { data: { __typename: 'Query', [list]: connection }, hasNext: false })
        }),
      ),
      pipe(
        operations$,
        filter(({ kind }) => kind === 'mutation'),
        map((operation) => makeResult(operation, { data: answers.shift() ?? null, hasNext: false })),
      ),
      pipe(
        merge([
          pipe(
            operations$,
            filter(({ kind }) => kind === 'subscription'),
            tap((operation) => (subscribed = operation)),
            filter((_): _ is never => false),
          ),
          events.source,
        ]),
        map((event) => makeResult(subscribed, { data: { viewerUpdates: event }, hasNext: true })),
      ),
    ])
  let subscribed: Parameters<typeof makeResult>[0] = undefined as never
  const client = new Client({
    url: 'http://server.invalid',
    exchanges: [createCacheExchange(cacheSchema as CacheSchema, rules), server],
    preferGetMethod: false,
  })
  for (const list of lists)
    pipe(
      client.query(gql(`query ${list} { ${list} { nodes { id } } }`), {}),
      subscribe(() => undefined),
    )
  pipe(
    client.subscription(updates, {}),
    subscribe(() => undefined),
  )
  let seq = 0
  return {
    fetched,
    async update(event) {
      fetched.length = 0
      events.next({ cursor: `c${++seq}`, seq, ...event })
      await new Promise((resolve) => setImmediate(resolve))
      return fetched.toSorted()
    },
    async mutate(field, input, __typename) {
      fetched.length = 0
      answers.push({ [field]: { __typename, message: '' } })
      const mutation = gql(`mutation ($input: Any) { ${field}(input: $input) { __typename ... on Error { message } } }`)
      await client.mutation(mutation, { input }).toPromise()
      await new Promise((resolve) => setImmediate(resolve))
      return fetched.toSorted()
    },
  }
}
const task = (kind: string, status: string) => ({ __typename: 'ViewerTaskChanged', taskId: 't', kind, status })

test('viewer updates fetch the lists that they concern again, and no others', async () => {
  const page = openLists()
  expect(page.fetched.toSorted()).toEqual(lists.toSorted())
  expect(await page.update({ __typename: 'ViewerSnapshot', reason: 'SUBSCRIBED' })).toEqual([])
  const document = { __typename: 'Document', id: 'd', title: 'Bread' }
  expect(await page.update({ __typename: 'ViewerDocumentChanged', documentId: 'd', document })).toEqual(['documents'])
  expect(await page.update({ __typename: 'ViewerDocumentRemoved', documentId: 'd' })).toEqual(['documents'])
  for (const [kind, list] of [
    ['CREATE_ROADMAP', 'roadmaps'],
    ['GENERATE_QUIZ', 'quizzes'],
    ['GENERATE_PROJECT', 'projects'],
    ['SYNC_PROJECT', 'projects'],
    ['REPLY', 'sessions'],
  ] as const) {
    expect(await page.update(task(kind, 'QUEUED'))).toEqual([list])
    expect(await page.update(task(kind, 'RUNNING'))).toEqual([])
    expect(await page.update(task(kind, 'FAILED'))).toEqual([list])
  }
  expect(await page.update(task('RETRY_CONTENT', 'QUEUED'))).toEqual([])
  for (const [object, list] of [
    ['ROADMAP', 'roadmaps'],
    ['QUIZ', 'quizzes'],
    ['PROJECT', 'projects'],
    ['SESSION', 'sessions'],
  ] as const)
    for (const isRemoved of [false, true])
      expect(await page.update({ __typename: 'ViewerObjectChanged', object, objectId: 'o', isRemoved })).toEqual([list])
  // Events that cannot be replayed: everything may have changed.
  const all = lists.filter((list) => list !== 'tasks').toSorted()
  expect(await page.update({ __typename: 'ViewerSnapshot', reason: 'LAGGED' })).toEqual(all)
})

test.each([
  ['Document', 'documents'],
  ['Roadmap', 'roadmaps'],
  ['Quiz', 'quizzes'],
  ['Project', 'projects'],
])('the deletion of a %s fetches %s again, unless it was refused', async (type, list) => {
  const page = openLists()
  const input = { [`${type.toLowerCase()}Id`]: 'o' }
  expect(await page.mutate(`delete${type}`, input, `Delete${type}Success`)).toEqual([list])
  expect(await page.mutate(`delete${type}`, input, 'NotFoundError')).toEqual([])
})
