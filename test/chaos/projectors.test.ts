import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type AnalyticsState, reduceAnalytics } from '../../client/apps/analytics/reduce-analytics.ts'
import { AnalyticsUpdatesDocument, NotificationsDocument } from '../../client/gql/graphql.ts'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { text } from '../studio/quizzes/quiz-api.ts'
import { type Cluster, startCluster } from './servers.ts'

const { userId } = localDeveloper
let cluster: Cluster
let database: Database
beforeAll(async () => {
  cluster = await startCluster(
    3,
    (node) => ({ ROLE: node === 0 ? 'server' : 'worker', DATABASE_STATEMENT_MS: '60000' }),
    { running: 2 },
  )
  // The statement awaited below is one that another transaction blocks, for as long as the test
  // wants.
  database = await connectDatabase({
    url: cluster.databaseUrl,
    maxConnections: 3,
    logger: silentLogger,
    statementMs: 300_000,
  })
})
afterAll(async () => {
  await database?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
})

async function run<T>(document: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, error } = await cluster.client(0).urql.query<T>(document, variables).toPromise()
  if (data === undefined) throw new Error(error?.message ?? 'no answer')
  return data
}
async function change(document: string, variables: Record<string, unknown> = {}): Promise<string> {
  const { data, error } = await cluster
    .client(0)
    .urql.mutation<{ made: { id?: { id: string }; message?: string } }>(document, variables)
    .toPromise()
  if (data?.made.id === undefined) throw new Error(data?.made.message ?? error?.message ?? 'no answer')
  return data.made.id.id
}
const startQuiz = (documentId: string): Promise<string> =>
  change(
    `mutation ($id: ID!) { made: generateQuiz(input: { documentId: $id, questionCount: 6 }) {
       ... on Error { message } ... on GenerateQuizSuccess { id: quiz { id } } } }`,
    { id: documentId },
  )
async function importDocument(): Promise<string> {
  const id = await change(
    `mutation ($text: String!) { made: importDocument(input: { source: { text: $text }, name: "bread.md" }) {
       ... on Error { message } ... on ImportDocumentSuccess { id: document { id } } } }`,
    { text },
  )
  await vi.waitFor(async () => {
    const { document } = await run<{ document: { status: string } }>(
      'query ($id: ID!) { document(id: $id) { status } }',
      { id },
    )
    expect(document.status).toBe('READY')
  })
  return id
}

/** Returns the totals according to the logs, independent of the process that counted them. */
async function readLogs(): Promise<{ readonly questions: number; readonly quizzes: number }> {
  const { rows } = await database.pool.query<{ questions: number; quizzes: number }>(
    `select count(distinct (e.topic, e.payload->'item'->>'key')) filter (where e.type = 'TaskItemCompleted')::int as questions,
       count(*) filter (where e.type = 'TaskCompleted')::int as quizzes
     from tidings.event e join tidings.task t on e.topic = 'task:' || t.id where t.kind = 'GENERATE_QUIZ'`,
  )
  return rows[0] ?? { questions: 0, quizzes: 0 }
}

test('analytics and notifications are processed exactly once when workers are killed in the middle', async () => {
  const documentId = await importDocument()
  // All subscribers are on the server, which counts nothing itself.
  let figures: AnalyticsState | undefined
  const told: string[] = []
  cluster
    .client(0)
    .urql.subscription(AnalyticsUpdatesDocument, {})
    .subscribe(({ data }) => {
      if (data !== undefined) figures = reduceAnalytics(figures, data.analyticsUpdates)
    })
  cluster
    .client(0)
    .urql.subscription(NotificationsDocument, {})
    .subscribe(({ data }) => {
      if (data?.notifications.__typename === 'NotificationArrived') told.push(data.notifications.notification.title)
    })
  await vi.waitFor(async () => {
    const { rowCount } = await database.pool.query('select from tidings.topic where name = any($1::text[])', [
      [`analytics:${userId}`, `inbox:${userId}`],
    ])
    expect(rowCount).toBe(2)
    expect(figures).toBeDefined()
  })

  // With both topics locked, the counting process and the one that ends the task have done their
  // work and cannot commit it.
  const holder = await database.pool.connect()
  const quizzes: string[] = []
  try {
    await holder.query('begin')
    await holder.query('select from tidings.topic where name = any($1::text[]) order by name for update', [
      [`analytics:${userId}`, `inbox:${userId}`],
    ])
    quizzes.push(await startQuiz(documentId))
    await vi.waitFor(async () => {
      const { rows } = await database.pool.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where datname = current_database()
             and wait_event_type = 'Lock' and query like 'select from tidings.topic where name = $1%'`,
      )
      expect(rows).toEqual([{ count: 2 }])
    })
    await cluster.nodes[1]?.kill('SIGKILL')
    await cluster.nodes[2]?.start()
    expect(figures?.totals).toMatchObject({ generatedCount: 0, tasks: { completed: 0 } })
    expect(told).toEqual([])
  } finally {
    await holder.query('rollback')
    holder.release()
  }
  const settled = async (count: number): Promise<void> => {
    await vi.waitFor(async () => {
      const logs = await readLogs()
      expect(logs.quizzes).toBe(count)
      expect(figures?.totals).toMatchObject({ generatedCount: logs.questions, tasks: { completed: logs.quizzes } })
      expect(told).toHaveLength(count)
    })
  }
  await settled(1)
  expect(figures?.totals.generatedCount).toBe(6)

  // Two processes count, of which one is killed and comes back.
  await cluster.nodes[1]?.start()
  for (const _ of [1, 2, 3]) quizzes.push(await startQuiz(documentId))
  await cluster.nodes[2]?.kill('SIGKILL')
  await cluster.nodes[2]?.start()
  await settled(4)

  // No event follows: the folded state is final, and a new query returns the same.
  const { analytics, inbox } = await run<{
    analytics: { totals: object }
    inbox: { nodes: readonly { about: { __typename: string; id: string } }[] }
  }>(
    `{ analytics { totals { generatedCount replacedCount tasks { queued running retrying completed failed canceled } } }
       inbox(first: 50) { nodes { about { __typename id } } } }`,
  )
  expect(analytics.totals).toMatchObject({
    generatedCount: 24,
    tasks: { queued: 0, running: 0, retrying: 0, completed: 4, failed: 0, canceled: 0 },
  })
  expect(figures?.totals).toMatchObject({ generatedCount: 24, tasks: { completed: 4, running: 0 } })
  // There is a notification about the document as well.
  const about = inbox.nodes.flatMap((one) => (one.about.__typename === 'Quiz' ? [one.about.id] : []))
  expect(about.toSorted()).toEqual(quizzes.toSorted())
})
