import { randomUUID } from 'node:crypto'
import type { Services } from './context.ts'
import {
  createSession,
  findInDocuments,
  generateProject,
  generateQuiz,
  importText,
  listRoadmaps,
  readQuiz,
  retryQuiz,
  sendMessage,
  watchInbox,
  watchPreview,
  watchSession,
  watchTask,
} from './example-operations.ts'

/** An operation to try, with the variables that make it run as it is. */
export interface Example {
  readonly query: string
  /** JSON text. */
  readonly variables?: string
}

const bread = `# Bread

## Dough

A dough needs flour, water, salt and time. Flour gives structure, because gluten forms when water reaches its proteins. Salt slows the yeast down and keeps the crumb tight.

## Baking

A hot oven makes the loaf rise once more. Steam keeps the crust soft until the loaf has reached its full volume.
`

/** Operations to begin with: one tab of GraphiQL each. Those about something that there is not yet are left out. */
export async function readExamples(services: Services, owner: string): Promise<readonly Example[]> {
  const { engine, documents, projects, quizzes, roadmaps, sessions } = services
  const [[roadmap], [task], read, [quiz], [session], [project]] = await Promise.all([
    roadmaps.list({ owner, limit: 1 }),
    engine.store.list({ owner, limit: 1 }),
    documents.list({ owner, limit: 20 }),
    quizzes.list({ owner, limit: 1 }),
    sessions.list({ userId: owner, sessionIds: null, limit: 1 }),
    projects.list({ owner, limit: 1 }),
  ])
  const [[concept] = []] = await roadmaps.conceptsOf(roadmap === undefined ? [] : [roadmap.id])
  const document = read.find(({ status }) => status === 'READY')
  const clientId = `graphiql-${randomUUID()}`
  return [
    example(listRoadmaps, {}),
    example(retryQuiz, { conceptId: concept?.id }),
    example(watchTask, { taskId: task?.id }),
    example(importText, { text: bread }),
    example(findInDocuments, { words: document?.title ?? 'flour or water' }),
    example(generateQuiz, { documentId: document?.id }),
    example(readQuiz, { quizId: quiz?.id }),
    example(createSession, { clientId }),
    example(watchSession, { sessionId: session?.id }),
    example(sendMessage, { sessionId: session?.id, clientId }),
    example(generateProject, { documentId: document?.id }),
    example(watchPreview, { projectId: project?.id }),
    example(watchInbox, {}),
  ].flat()
}

/** None when there is nothing to put in the place of a variable. */
function example(query: string, variables: Readonly<Record<string, string | undefined>>): Example[] {
  const values = Object.values(variables)
  if (values.length === 0) return [{ query }]
  return values.includes(undefined) ? [] : [{ query, variables: JSON.stringify(variables, null, 2) }]
}
