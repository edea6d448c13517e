import { type GraphQLField, getNamedType, isInputObjectType, isObjectType, isUnionType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../schema/studio/index.ts'
import { createExtractiveQuestions } from '../../src/studio/content/extractive/questions/questions.ts'
import { defineGenerateProject } from '../../src/studio/projects/generate/generate-project.ts'
import { createTemplateGenerator } from '../../src/studio/projects/generate/templates.ts'
import { defineSyncProject } from '../../src/studio/projects/sync-project.ts'
import { defineGenerateQuiz } from '../../src/studio/quizzes/generate-quiz.ts'
import { defineReplaceQuestion } from '../../src/studio/quizzes/replace-question.ts'
import { createQuizLog } from '../../src/studio/quizzes/updates.ts'
import { defineSelfTest } from '../../src/studio/self-test/self-test.ts'
import { createSessionLog } from '../../src/studio/sessions/events.ts'
import { defineReply } from '../../src/studio/sessions/reply.ts'
import type { TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { text } from '../studio/quizzes/quiz-api.ts'
import { createReplies } from '../studio/sessions/session-api.ts'
import { type ApiFixture, planBoostMs, startApi, viewerOf } from '../support/api.ts'
import { isInputPath } from './every-field.ts'

const viewer = viewerOf('u_1', { roles: ['admin'], plan: 'paid' })
type Input = Readonly<Record<string, unknown>>

/** Everything that the inputs below refer to. */
interface Fixtures {
  readonly documents: readonly [string, string]
  readonly sessionId: string
  readonly quizzes: readonly [string, string]
  readonly questions: readonly { readonly id: string; readonly answer: string }[]
  readonly draftQuestions: readonly string[]
  readonly roadmaps: { readonly failed: string; readonly made: string }
  readonly conceptId: string
  readonly projectId: string
  readonly failedTasks: readonly [string, string]
  readonly completedTask: string
}

/** One mutation that takes a key, with inputs without the key. */
interface Row {
  /** The part of a success that is the same when the mutation is sent again. */
  readonly select: string
  readonly accepted: (fixtures: Fixtures) => Input
  /** Other valid inputs. */
  readonly others: (fixtures: Fixtures) => readonly Input[]
  /** An input that is refused for another reason than its key. */
  readonly refused: (fixtures: Fixtures) => Input
}

const files = (content: string) => [{ path: 'index.html', content: `<p>${content}</p>` }]
const notification = { userId: 'bob', level: 'INFORMATION', title: 'Title' }
const rows: Readonly<Record<string, Row>> = {
  addContextCard: {
    select: 'card { id }',
    accepted: ({ sessionId }) => ({ sessionId, card: { note: 'A note' } }),
    others: ({ sessionId, documents }) => [
      { sessionId, card: { note: 'Another note' } },
      { sessionId, card: { note: 'A note' }, title: 'Another title' },
      { sessionId, card: { documentId: documents[0] } },
    ],
    refused: ({ sessionId }) => ({ sessionId, card: { note: '' } }),
  },
  createRoadmap: {
    select: 'task { id } roadmap { id }',
    accepted: ({ documents }) => ({ documentId: documents[0] }),
    others: ({ documents }) => [{ documentId: documents[1] }],
    refused: () => ({ documentId: 'document_none' }),
  },
  createSession: {
    select: 'session { id title }',
    accepted: () => ({ title: 'Bread' }),
    others: () => [{ title: 'Butter' }],
    refused: () => ({ title: ' ' }),
  },
  generateProject: {
    select: 'task { id } project { id }',
    accepted: ({ documents }) => ({ prompt: 'A page', documentId: documents[0] }),
    others: ({ documents }) => [
      { prompt: 'Another page', documentId: documents[0] },
      { prompt: 'A page', documentId: documents[1] },
    ],
    refused: () => ({ prompt: 'A page' }),
  },
  generateQuiz: {
    select: 'task { id } quiz { id }',
    accepted: ({ documents }) => ({ documentId: documents[0], questionCount: 2 }),
    others: ({ documents }) => [
      { documentId: documents[0], questionCount: 3 },
      { documentId: documents[1], questionCount: 2 },
      { documentId: documents[0], questionCount: 2, kinds: ['CLOZE'] },
    ],
    refused: ({ documents }) => ({ documentId: documents[0], questionCount: 0 }),
  },
  importDocument: {
    select: 'document { id } task { id }',
    accepted: () => ({ source: { text: '# Bread' }, name: 'bread.md' }),
    others: () => [
      { source: { text: '# Butter' }, name: 'bread.md' },
      { source: { text: '# Bread' }, name: 'butter.md' },
    ],
    refused: () => ({ source: { text: '' }, name: 'bread.md' }),
  },
  notify: {
    select: 'notification { id }',
    accepted: () => notification,
    others: ({ documents }) =>
      [
        { userId: 'eve' },
        { userId: null },
        { level: 'ERROR' },
        { title: 'Another title' },
        { message: 'A message' },
        { aboutId: documents[0] },
        { expiresAt: new Date(Date.now() + 3_600_000).toISOString() },
      ].map((change) => ({ ...notification, ...change })),
    refused: () => ({ ...notification, title: '' }),
  },
  replaceQuestion: {
    select: 'task { id }',
    accepted: ({ draftQuestions: [questionId] }) => ({ questionId }),
    others: ({ draftQuestions: [first, second] }) => [
      { questionId: second },
      { questionId: first, reason: 'Too easy' },
    ],
    refused: () => ({ questionId: 'question_none' }),
  },
  retryContent: {
    select: 'task { id }',
    accepted: ({ conceptId }) => ({ conceptId, piece: 'QUIZ' }),
    others: ({ conceptId }) => [{ conceptId, piece: 'TUTORIAL' }],
    refused: () => ({ conceptId: 'concept_none', piece: 'QUIZ' }),
  },
  retryFailedContent: {
    select: 'task { id }',
    accepted: ({ roadmaps }) => ({ roadmapId: roadmaps.failed }),
    others: ({ roadmaps }) => [{ roadmapId: roadmaps.made }],
    refused: () => ({ roadmapId: 'roadmap_none' }),
  },
  retryTask: {
    select: 'task { id }',
    accepted: ({ failedTasks: [taskId] }) => ({ taskId }),
    others: ({ failedTasks: [, taskId], completedTask }) => [{ taskId }, { taskId: completedTask }],
    refused: ({ completedTask }) => ({ taskId: completedTask }),
  },
  sendMessage: {
    select: 'sessionMessage { id }',
    accepted: ({ sessionId }) => ({ sessionId, text: 'Hello', wantsReply: false }),
    others: ({ sessionId }) => [
      { sessionId, text: 'Goodbye', wantsReply: false },
      { sessionId, text: 'Hello', wantsReply: true },
    ],
    refused: ({ sessionId }) => ({ sessionId, text: '' }),
  },
  startSelfTest: {
    select: 'task { id }',
    accepted: () => ({ items: 1 }),
    others: () => [{ items: 2 }],
    refused: () => ({ items: -1 }),
  },
  submitQuiz: {
    select: 'attempt { id }',
    accepted: ({ quizzes: [quizId], questions: [first] }) => ({
      quizId,
      answers: [{ questionId: first?.id, answer: first?.answer }],
    }),
    others: ({ quizzes: [quizId, other], questions: [first, second] }) => [
      { quizId, answers: [] },
      { quizId: other, answers: [] },
      { quizId, answers: [{ questionId: second?.id, answer: second?.answer }] },
      { quizId, answers: [first, second].map((one) => ({ questionId: one?.id, answer: one?.answer })) },
    ],
    refused: ({ quizzes: [quizId] }) => ({ quizId, answers: [{ questionId: 'question_none', answer: 'x' }] }),
  },
  syncProject: {
    select: 'task { id }',
    accepted: ({ projectId }) => ({ projectId, files: files('Bread') }),
    others: ({ projectId }) => [
      { projectId, files: files('Butter') },
      { projectId, files: files('Bread'), expectedVersion: 7 },
    ],
    refused: () => ({ projectId: 'project_none', files: files('Bread') }),
  },
}

let api: ApiFixture
let fixtures: Fixtures
beforeAll(async () => {
  const questions = createExtractiveQuestions()
  api = await startApi({}, ({ appender }) => [
    defineGenerateQuiz(questions, createQuizLog(appender)),
    defineReplaceQuestion(questions, createQuizLog(appender)),
    defineGenerateProject({
      generators: { templates: createTemplateGenerator({ paceMs: 0 }), model: null },
      questions,
    }),
    defineSyncProject(),
    defineReply(createReplies().provider, createSessionLog(appender)),
    defineSelfTest() as unknown as TaskDefinition,
  ])
  fixtures = await createFixtures()
})
afterAll(() => api[Symbol.asyncDispose]())

interface Answer {
  readonly __typename: string
  readonly message?: string
  readonly issues?: readonly { readonly path: string }[]
  readonly task?: { readonly id: string }
  readonly [name: string]: unknown
}

const mutations = schema.getMutationType()?.getFields() ?? {}

/** Returns the name of the key in a mutation's input; null when it takes none. */
function keyOf({ args }: GraphQLField<unknown, unknown>): string | null {
  const input = args[0] === undefined ? undefined : getNamedType(args[0].type)
  const names = isInputObjectType(input) ? Object.keys(input.getFields()) : []
  return names.find((name) => name === 'idempotencyKey' || name === 'clientId') ?? null
}

/** Runs a mutation. @param select - the selection on its success */
async function mutate(name: string, input: Input, select: string): Promise<Answer> {
  const field = mutations[name]
  if (field === undefined) throw new Error(`There is no mutation "${name}"`)
  const result = getNamedType(field.type)
  const members = isUnionType(result) ? result.getTypes() : isObjectType(result) ? [result] : []
  const success = members.find((type) => type.name.endsWith('Success'))?.name ?? ''
  const { answer }: { answer: Answer } = await api.run(
    `mutation ($input: ${String(field.args[0]?.type)}) {
      answer: ${name}(input: $input) {
        __typename ... on Error { message } ... on InvalidInputError { issues { path } } ... on ${success} { ${select} } } }`,
    { input },
    viewer,
  )
  return answer
}

async function end(answer: Answer): Promise<string> {
  const id = answer.task?.id
  if (id === undefined) throw new Error(JSON.stringify(answer))
  await api.history(await api.get({ id }))
  return id
}

async function createFixtures(): Promise<Fixtures> {
  const documents = [await api.importText(text, viewer), await api.importText(`${text}\nMore.`, viewer)] as const
  const makeQuiz = async (): Promise<string> => {
    const args = { documentId: documents[0], questionCount: 2, kinds: ['TRUE_FALSE'] }
    const answer = await mutate('generateQuiz', args, 'task { id } quiz { id }')
    await end(answer)
    return (answer['quiz'] as { id: string }).id
  }
  const questionsOf = async (id: string): Promise<{ id: string; answer: string }[]> => {
    const { quiz }: { quiz: { questions: { id: string; answer: string }[] } } = await api.run(
      'query ($id: ID!) { quiz(id: $id) { questions { id answer } } }',
      { id },
      viewer,
    )
    return quiz.questions
  }
  const publish = async (quizId: string): Promise<string> => {
    for (const { id } of await questionsOf(quizId)) await mutate('acceptQuestion', { questionId: id }, '__typename')
    await mutate('publishQuiz', { quizId }, '__typename')
    return quizId
  }
  const makeRoadmap = async (): Promise<string> => {
    const answer = await mutate('createRoadmap', { documentId: documents[0] }, 'task { id } roadmap { id }')
    await end(answer)
    return (answer['roadmap'] as { id: string }).id
  }
  const quizzes = [await publish(await makeQuiz()), await publish(await makeQuiz())] as const
  const draft = await makeQuiz()
  const made = await makeRoadmap()
  api.provider.script = () => 'fail'
  const failed = await makeRoadmap()
  api.provider.script = () => 'text'
  const { roadmap }: { roadmap: { stages: { modules: { concepts: { id: string }[] }[] }[] } } = await api.run(
    'query ($id: ID!) { roadmap(id: $id) { stages { modules { concepts { id } } } } }',
    { id: made },
    viewer,
  )
  const project = await mutate(
    'generateProject',
    { prompt: 'A page', documentId: documents[0] },
    'task { id } project { id }',
  )
  await end(project)
  const session = await mutate('createSession', { clientId: 'first', title: 'Session' }, 'session { id }')
  const fail = async (): Promise<string> =>
    end(await mutate('startSelfTest', { items: 0, failAfter: 0, retryable: false }, 'task { id }'))
  return {
    documents,
    quizzes,
    questions: await questionsOf(quizzes[0]),
    draftQuestions: (await questionsOf(draft)).map(({ id }) => id),
    roadmaps: { failed, made },
    conceptId: roadmap.stages[0]?.modules[0]?.concepts[0]?.id ?? '',
    projectId: (project['project'] as { id: string }).id,
    sessionId: (session['session'] as { id: string }).id,
    failedTasks: [await fail(), await fail()],
    completedTask: await end(await mutate('startSelfTest', { items: 0 }, 'task { id }')),
  }
}

test('the table has all mutations that take a key', () => {
  const keyed = Object.values(mutations).filter((field) => keyOf(field) !== null)
  expect(Object.keys(rows)).toEqual(keyed.map(({ name }) => name).toSorted())
})

test.each(Object.keys(rows))('%s: a key identifies one accepted input, and no refused one', async (name) => {
  const field = mutations[name]
  const row = rows[name]
  const key = field === undefined ? null : keyOf(field)
  if (row === undefined || key === null) throw new Error(`There is no mutation "${name}" with a key`)
  const run = (input: Input): Promise<Answer> => mutate(name, { ...input, [key]: `key of ${name}` }, row.select)

  const refused = await run(row.refused(fixtures))
  expect(refused.__typename).toMatch(/Error$/)
  expect(refused.issues?.filter(({ path }) => field === undefined || !isInputPath(field, path)) ?? []).toEqual([])
  const accepted = await run(row.accepted(fixtures))
  expect(accepted, 'after a refusal').toMatchObject({ __typename: expect.stringMatching(/Success$/) })
  expect(await run(row.accepted(fixtures)), 'sent again').toEqual(accepted)
  for (const other of row.others(fixtures))
    expect(await run(other), JSON.stringify(other)).toMatchObject({
      __typename: 'InvalidInputError',
      message: expect.stringMatching(/(key|id).* was used for/),
      issues: [{ path: `input.${key}` }],
    })
  expect(await run(row.accepted(fixtures)), 'sent again after others were refused').toEqual(accepted)
})

test('sendMessage: the key of a message that wants a reply is refused for one without a reply', async () => {
  const input = { sessionId: fixtures.sessionId, clientId: 'with reply', text: 'Hello', wantsReply: true }
  const sent = await mutate('sendMessage', input, 'sessionMessage { id }')
  expect(sent.__typename).toBe('SendMessageSuccess')
  expect(await mutate('sendMessage', input, 'sessionMessage { id }')).toEqual(sent)
  expect(await mutate('sendMessage', { ...input, wantsReply: false }, 'sessionMessage { id }')).toMatchObject({
    __typename: 'InvalidInputError',
    issues: [{ path: 'input.clientId' }],
  })
})

test('every mutation that starts a task applies the priority boost of the plan', async () => {
  await mutate('startSelfTest', { items: 0 }, 'task { id }')
  const { rows: kinds } = await api.database.pool.query<{ kind: string; boostMs: number }>(
    `select kind, min(extract(epoch from created_at - queue_key) * 1000)::float8 as "boostMs" from tidings.task group by kind`,
  )
  expect(kinds.map(({ kind }) => kind)).toContain('SELF_TEST')
  // All that the tests of this file have started; without a boost both times are nearly the same.
  for (const { kind, boostMs } of kinds) expect(boostMs, kind).toBeGreaterThan(planBoostMs / 2)
})
