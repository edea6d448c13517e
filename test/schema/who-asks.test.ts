import { type Client, createClient } from 'graphql-ws'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createContext, schema } from '../../schema/index.ts'
import { parseConfig } from '../../src/config.ts'
import type { Live } from '../../src/live/shared.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { startServer } from '../../src/server/http.ts'
import { type QuizApi, startQuizApi } from '../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../support/api.ts'

const secret = 'a-secret-of-32-characters-at-least'
const ada = viewerOf('ada')

let api: QuizApi
let live: Live
let stack: AsyncDisposableStack
let connect: (sub: string, claims?: Record<string, unknown>) => Promise<Client>
let documentId: string
let quizId: string
let conversionId: string
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  api = stack.use(await startQuizApi())
  const { services } = api
  const config = parseConfig({ NODE_ENV: 'test', PORT: '0', JWT_SECRET: secret })
  live = createLiveDelivery(services, config, silentLogger)
  const server = stack.use(
    await startServer({
      config,
      schema,
      live,
      createContext: (viewer, options) => createContext(services, viewer, options),
      health: { database: api.database, bus: api.engine.bus },
      logger: silentLogger,
    }),
  )
  connect = async (sub, claims = {}) => {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(sub)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(secret))
    const client = createClient({
      url: server.wsUrl,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: `Bearer ${token}` },
    })
    stack.defer(() => client.dispose())
    return client
  }
  quizId = (await api.makeQuiz({ viewer: ada, count: 1, kinds: ['TRUE_FALSE'] })).id
  const { quiz, tasks }: { quiz: { document: { id: string } }; tasks: { nodes: { id: string; kind: string }[] } } =
    await api.run(
      'query ($id: ID!) { quiz(id: $id) { document { id } } tasks { nodes { id kind } } }',
      { id: quizId },
      ada,
    )
  documentId = quiz.document.id
  conversionId = tasks.nodes.find(({ kind }) => kind === 'CONVERT_DOCUMENT')?.id ?? ''
  await services.documents.share(documentId, 'bob')
})
afterAll(() => stack.disposeAsync())

const watch = (fields: string) => `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) {
  ... on TaskCompleted { result { ... on DocumentConverted { documentId document { ${fields} } } } } } }`

/** What the last event of the conversion tells of its document, and the errors of all of them. */
async function lastOf(client: Client, query: string) {
  const errors: unknown[] = []
  let last: unknown
  for await (const result of client.iterate({ query, variables: { id: conversionId } })) {
    errors.push(...(result.errors ?? []))
    last = (result.data as { taskProgress: { result?: unknown } } | null)?.taskProgress.result
  }
  return { last, errors }
}

test('a field that depends on the viewer answers each who watches live for that one alone', async () => {
  const query = watch('id quizzes { id }')
  const before = live.counters.executed
  expect(await lastOf(await connect('ada'), query)).toEqual({
    last: { documentId, document: { id: documentId, quizzes: [{ id: quizId }] } },
    errors: [],
  })
  expect(await lastOf(await connect('bob'), query)).toEqual({
    last: { documentId, document: { id: documentId, quizzes: [] } },
    errors: [],
  })
  expect(live.counters.executed).toBe(before)
})

test('without such a field all are answered by one execution', async () => {
  const before = live.counters.executed
  const expected = { last: { documentId, document: { id: documentId } }, errors: [] }
  expect(await lastOf(await connect('ada'), watch('id'))).toEqual(expected)
  expect(live.counters.executed).toBeGreaterThan(before)
})

test('a limited token is told what its task has produced by the id alone, live, and the others as ever', async () => {
  const [limited, unlimited] = [await connect('ada', { tasks: [conversionId] }), await connect('ada')]
  expect(await lastOf(limited, watch('id'))).toEqual({ last: { documentId, document: null }, errors: [] })
  expect(await lastOf(unlimited, watch('id'))).toEqual({
    last: { documentId, document: { id: documentId } },
    errors: [],
  })
  // Asked for nothing of that kind, it shares what all are told.
  const before = live.counters.executed
  const seq = 'subscription ($id: ID!) { taskProgress(taskId: $id) { seq } }'
  expect(await lastOf(limited, seq)).toMatchObject({ errors: [] })
  expect(live.counters.executed).toBeGreaterThan(before)
  const client = await connect('ada', { tasks: [] })
  expect(await lastOf(client, seq)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] })
})
