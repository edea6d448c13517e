import { randomUUID } from 'node:crypto'
import type { Services } from '../../index.ts'
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
  startAndWatch,
  watchInbox,
  watchPreview,
  watchSession,
  watchTask,
} from './example-operations.ts'

/** An example operation with variables, ready to run. */
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

/** The subjects of the operations: the newest of each kind, if one exists. */
interface Subjects {
  readonly conceptId?: string | undefined
  readonly documentId?: string | undefined
  readonly documentTitle?: string | undefined
  readonly projectId?: string | undefined
  readonly quizId?: string | undefined
  readonly sessionId?: string | undefined
  readonly taskId?: string | undefined
}

/**
 * Reads the initial operations: one tab of GraphiQL each. Operations on a subject that does not
 * exist yet are omitted.
 *
 * @param owner - the owner of the subjects; null for operations without a subject, where the page
 * is public
 */
export async function readExamples(services: Services, owner: string | null): Promise<readonly Example[]> {
  const about = owner === null ? {} : await findSubjects(services, owner)
  const { conceptId, documentId, documentTitle, projectId, quizId, sessionId, taskId }: Subjects = about
  const clientId = `graphiql-${randomUUID()}`
  return [
    example(startAndWatch, { documentId }),
    example(importText, { text: bread }),
    // Always included, with an id to fill in where no task exists: GraphiQL follows started tasks
    // with this operation.
    example(watchTask, { taskId: taskId ?? '' }),
    example(listRoadmaps, {}),
    example(retryQuiz, { conceptId }),
    example(findInDocuments, { words: documentTitle ?? 'flour or water' }),
    example(generateQuiz, { documentId }),
    example(readQuiz, { quizId }),
    example(createSession, { clientId }),
    example(watchSession, { sessionId }),
    example(sendMessage, { sessionId, clientId }),
    example(generateProject, { documentId }),
    example(watchPreview, { projectId }),
    example(watchInbox, {}),
  ].flat()
}

async function findSubjects(
  { engine, documents, projects, quizzes, roadmaps, sessions }: Services,
  owner: string,
): Promise<Subjects> {
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
  return {
    conceptId: concept?.id,
    documentId: document?.id,
    documentTitle: document?.title,
    projectId: project?.id,
    quizId: quiz?.id,
    sessionId: session?.id,
    taskId: task?.id,
  }
}

/** Returns no example when a variable has no value. */
function example(query: string, variables: Readonly<Record<string, string | undefined>>): Example[] {
  const values = Object.values(variables)
  if (values.length === 0) return [{ query }]
  return values.includes(undefined) ? [] : [{ query, variables: JSON.stringify(variables, null, 2) }]
}
