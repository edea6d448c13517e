import { importReadme, makeProject, untilCompleted } from './project.ts'
import type { World } from './world.ts'

/** The ids of the created objects. `quiz` is not reviewed yet, `published` can be taken. */
export type OneOfEach = Readonly<
  Record<'document' | 'roadmap' | 'concept' | 'quiz' | 'published' | 'project' | 'session' | 'task', string>
>

type Made = Readonly<Record<string, { readonly id: string }>>
/** Sends a mutation of one field. */
async function send(world: World, query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<Made> {
  const [answer] = Object.values(await world.query<Record<string, Made>>(query, variables))
  if (answer === undefined) throw new Error('There is no answer')
  return answer
}
const idOf = (made: Made, name: string): string => {
  const found = made[name]
  if (found === undefined) throw new Error(`There is no ${name}`)
  return found.id
}

/** Creates one of everything that has a page, and waits until all of it is ready. */
export async function makeOneOfEach(world: World): Promise<OneOfEach> {
  const make = (query: string, variables?: Readonly<Record<string, unknown>>): Promise<Made> =>
    send(world, query, variables)
  const document = await importReadme(world, 'ws')
  const roadmap = await world.startRoadmap({ titles: ['Owls'] })
  const makeQuiz = (): Promise<Made> =>
    make(
      'mutation ($id: ID!) { generateQuiz(input: { documentId: $id, questionCount: 4 }) { ... on GenerateQuizSuccess { quiz { id } task { id } } } }',
      { id: document },
    )
  const [quiz, published] = [await makeQuiz(), await makeQuiz()]
  for (const id of [roadmap.taskId, idOf(quiz, 'task'), idOf(published, 'task')]) await untilCompleted(world, id)
  const { quiz: found } = await world.query<{ quiz: { questions: { id: string }[] } }>(
    'query ($id: ID!) { quiz(id: $id) { questions { id } } }',
    { id: idOf(published, 'quiz') },
  )
  for (const { id } of found.questions)
    await make('mutation ($id: ID!) { acceptQuestion(input: { questionId: $id }) { __typename } }', { id })
  await make('mutation ($id: ID!) { publishQuiz(input: { quizId: $id }) { __typename } }', {
    id: idOf(published, 'quiz'),
  })
  const { roadmap: outline } = await world.query<{
    roadmap: { stages: { modules: { concepts: { id: string }[] }[] }[] }
  }>('query ($id: ID!) { roadmap(id: $id) { stages { modules { concepts { id } } } } }', {
    id: roadmap.roadmapId,
  })
  const session = await make(
    'mutation { createSession(input: { clientId: "s", title: "What a socket does" }) { ... on CreateSessionSuccess { session { id } } } }',
    {},
  )
  await make(
    'mutation ($session: ID!, $document: ID!) { addContextCard(input: { sessionId: $session, clientId: "c", card: { documentId: $document } }) { __typename } }',
    { session: idOf(session, 'session'), document },
  )
  const asked = await make(
    'mutation ($session: ID!) { sendMessage(input: { sessionId: $session, clientId: "m", text: "How is a broken connection detected?" }) { ... on SendMessageSuccess { task { id } } } }',
    { session: idOf(session, 'session') },
  )
  await untilCompleted(world, idOf(asked, 'task'))
  const project = await makeProject(world, document)
  return {
    document,
    roadmap: roadmap.roadmapId,
    concept: outline.stages[0]?.modules[0]?.concepts[0]?.id ?? '',
    quiz: idOf(quiz, 'quiz'),
    published: idOf(published, 'quiz'),
    project: project.id,
    session: idOf(session, 'session'),
    task: roadmap.taskId,
  }
}
