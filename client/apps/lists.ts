import type { Cache, UpdateResolver } from '@urql/exchange-graphcache'

function invalidateLists(cache: Cache, field: string): void {
  for (const { fieldName, arguments: args } of cache.inspectFields('Query'))
    if (fieldName === field) cache.invalidate('Query', fieldName, args)
}

/** The field of `Query` that lists the objects of each type. */
const lists: Readonly<Record<string, string>> = {
  Document: 'documents',
  Roadmap: 'roadmaps',
  Quiz: 'quizzes',
  Project: 'projects',
  Session: 'sessions',
}
/** The type of the objects that a task of each kind changes when it starts and when it ends. Documents have events of their own. */
const typesOfKind: Readonly<Record<string, string>> = {
  CREATE_ROADMAP: 'Roadmap',
  GENERATE_QUIZ: 'Quiz',
  GENERATE_PROJECT: 'Project',
  SYNC_PROJECT: 'Project',
  REPLY: 'Session',
}

/** Invalidates the lists of a type, if there are any, and an object of it that was removed. */
function invalidate(cache: Cache, type: string, removedId?: unknown): void {
  const list = lists[type]
  if (list === undefined) return
  invalidateLists(cache, list)
  if (removedId !== undefined) cache.invalidate({ __typename: type, id: String(removedId) })
}

/** Returns the update of a mutation that adds objects of a type to their lists, or removes them. */
export function change(type: string): UpdateResolver {
  return (_, __, cache) => invalidate(cache, type)
}

/** The update of mutations such as `deleteQuiz`. */
export const remove: UpdateResolver = (result, { input }, cache, { fieldName }) => {
  const type = fieldName.slice('delete'.length)
  const { __typename } = (result[fieldName] ?? {}) as { readonly __typename?: string }
  if (__typename === `Delete${type}Success`)
    invalidate(cache, type, (input as Readonly<Record<string, unknown>>)[`${type.toLowerCase()}Id`])
}

/**
 * Invalidates the lists that an event of `viewerUpdates` concerns; those that a page shows are fetched again. Lists of tasks are
 * not among them: `useTasks` takes tasks from the events.
 */
export function updateLists(cache: Cache, update: unknown): void {
  const {
    __typename = '',
    reason,
    kind,
    status,
    documentId,
    taskId,
    object = '',
    objectId,
    isRemoved,
  } = (update ?? {}) as Readonly<Record<string, string | undefined>>
  switch (__typename) {
    case 'ViewerSnapshot':
      // The first one comes with the lists of the page.
      if (reason === 'SUBSCRIBED') return
      for (const type in lists) invalidate(cache, type)
      return
    case 'ViewerDocumentRemoved':
    case 'ViewerDocumentChanged':
      invalidate(cache, 'Document', __typename === 'ViewerDocumentRemoved' ? documentId : undefined)
      return
    case 'ViewerTaskRemoved':
      if (taskId !== undefined) cache.invalidate({ __typename: 'Task', id: taskId })
      return
    case 'ViewerTaskChanged':
      if (status !== 'RUNNING' && status !== 'RETRYING') invalidate(cache, typesOfKind[kind ?? ''] ?? '')
      return
    case 'ViewerObjectChanged':
      // QUIZ is the type Quiz.
      invalidate(cache, object.charAt(0) + object.slice(1).toLowerCase(), isRemoved ? objectId : undefined)
      return
    default:
  }
}
