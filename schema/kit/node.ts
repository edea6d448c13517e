import type { Document } from '../../src/studio/documents/document.ts'
import type { Notification } from '../../src/studio/notifications/notification.ts'
import type { Project } from '../../src/studio/projects/project.ts'
import type { Question, Quiz } from '../../src/studio/quizzes/quiz.ts'
import type { Concept, Roadmap } from '../../src/studio/roadmaps/roadmaps.ts'
import { findOwn, findReadableDocument, findSession, findVisibleTask } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { type SessionSource, type TaskSource, taskSource } from './refs.ts'

/** An object with a global id. */
type NodeSource = TaskSource | Document | Roadmap | Concept | Notification | Project | Quiz | Question | SessionSource

const typeNames: Readonly<Record<string, string>> = {
  task: 'Task',
  document: 'Document',
  roadmap: 'Roadmap',
  concept: 'Concept',
  notification: 'Notification',
  quiz: 'Quiz',
  question: 'Question',
  project: 'Project',
  session: 'Session',
}

const idOf = (source: NodeSource): string =>
  'task' in source ? source.task.id : 'session' in source ? source.session.id : source.id
/** Returns the part of an id that identifies the type. */
const prefixOf = (id: string): string => id.slice(0, Math.max(0, id.indexOf('_')))

/** `Node` of the Relay object identification specification. */
export const node = builder.interfaceRef<NodeSource>('Node').implement({
  description: 'An object with an id that is unique over all types; `node` finds it by its id.',
  resolveType: (source) => typeNames[prefixOf(idOf(source))] ?? null,
  fields: (t) => ({ id: t.id({ description: 'Unique over all types; the prefix names the type.', resolve: idOf }) }),
})

/** Finds an object that the viewer may see by its id; null when there is none. */
export async function findNode(context: Context, id: string): Promise<NodeSource | null> {
  const prefix = prefixOf(id)
  if (prefix === 'task') return taskSource(await findVisibleTask(context, id))
  if (prefix === 'session') {
    const session = await findSession(context, id)
    return session === null ? null : { session }
  }
  const { userId } = requireViewer(context)
  const { loaders } = context
  switch (prefix) {
    case 'document':
      return findReadableDocument(context, id)
    case 'roadmap':
      return findOwn(context, loaders.roadmap, id)
    case 'concept':
      return findOwn(context, loaders.concept, id)
    case 'notification': {
      const [found] = await context.notifications.getMany(userId, [id])
      return found ?? null
    }
    case 'quiz':
      return findOwn(context, loaders.quiz, id)
    case 'question':
      return findOwn(context, loaders.question, id)
    case 'project':
      return findOwn(context, loaders.project, id)
    default:
      return null
  }
}

/** Whether an id belongs to an existing object, independent of access. */
export async function nodeExists({ loaders }: Pick<Context, 'loaders'>, id: string): Promise<boolean> {
  const prefix = prefixOf(id)
  const loader = existingLoaders.find((name) => name === prefix)
  return loader !== undefined && (await loaders[loader].load(id)) !== null
}

const existingLoaders = ['task', 'document', 'roadmap', 'concept', 'quiz', 'question', 'project', 'session'] as const

builder.queryField('node', (t) =>
  t.field({
    type: node,
    nullable: true,
    description: 'An object that is visible to the viewer; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'An id of any type.' }) },
    resolve: (_, { id }, context) => findNode(context, id),
  }),
)
