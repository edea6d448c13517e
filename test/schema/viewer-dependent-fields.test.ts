import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type QuizApi, startQuizApi } from '../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../support/api.ts'
import { type ServedApi, serveApi } from '../support/serve-api.ts'

const ada = viewerOf('ada')

let api: QuizApi
let served: ServedApi
let stack: AsyncDisposableStack
let documentId: string
let quizId: string
let conversionId: string
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(await startQuizApi())
  served = stack.use(await serveApi(api))
  quizId = (await api.makeQuiz({ viewer: ada, count: 1, kinds: ['TRUE_FALSE'] })).id
  const { quiz, tasks }: { quiz: { document: { id: string } }; tasks: { nodes: { id: string; kind: string }[] } } =
    await api.run(
      'query ($id: ID!) { quiz(id: $id) { document { id } } tasks { nodes { id kind } } }',
      { id: quizId },
      ada,
    )
  documentId = quiz.document.id
  conversionId = tasks.nodes.find(({ kind }) => kind === 'CONVERT_DOCUMENT')?.id ?? ''
  await api.services.documents.share(documentId, 'bob')
})
afterAll(() => stack.disposeAsync())

const watch = (fields: string) => `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) {
  ... on TaskCompleted { result { ... on DocumentConverted { documentId document { ${fields} } } } } } }`

/** Returns the document in the last event of the conversion, and the errors of all events. */
async function lastOf(client: Client, query: string) {
  const errors: unknown[] = []
  let last: unknown
  try {
    for await (const result of client.iterate({ query, variables: { id: conversionId } })) {
      errors.push(...(result.errors ?? []))
      last = (result.data as { taskProgress: { result?: unknown } } | null)?.taskProgress.result
    }
  } catch (refusal) {
    errors.push(...(refusal as readonly unknown[]))
  }
  return { last, errors }
}

test('a viewer-dependent field is resolved for each live subscriber separately', async () => {
  const query = watch('id quizzes { id }')
  expect(await lastOf(await served.connect('ada'), query)).toEqual({
    last: { documentId, document: { id: documentId, quizzes: [{ id: quizId }] } },
    errors: [],
  })
  expect(await lastOf(await served.connect('bob'), query)).toEqual({
    last: { documentId, document: { id: documentId, quizzes: [] } },
    errors: [],
  })
})

test('a scoped token receives only the id of what its task has produced, live, and other tokens everything', async () => {
  const [limited, unlimited] = [await served.connect('ada', { tasks: [conversionId] }), await served.connect('ada')]
  expect(await lastOf(limited, watch('id'))).toEqual({ last: { documentId, document: null }, errors: [] })
  expect(await lastOf(unlimited, watch('id'))).toEqual({
    last: { documentId, document: { id: documentId } },
    errors: [],
  })
  // Without such a field it shares the execution with all, which is compiled.
  const { executed, interpreted } = served.live.counters
  const seq = 'subscription ($id: ID!) { taskProgress(taskId: $id) { seq } }'
  expect(await lastOf(limited, seq)).toMatchObject({ errors: [] })
  expect(served.live.counters.executed).toBeGreaterThan(executed)
  expect(served.live.counters.interpreted).toBe(interpreted)
  const client = await served.connect('ada', { tasks: [] })
  expect(await lastOf(client, seq)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] })
})
