import type { Exchange } from '@urql/core'
import { composeExchanges } from '@urql/core'
import { type Cache, type CacheExchangeOpts, cacheExchange, type UpdatesConfig } from '@urql/exchange-graphcache'
import { map, pipe } from 'wonka'
import { createTaskCache } from './cache-events.ts'
import { withLateAnswers } from './late-answers-exchange.ts'
import { type Assumption, optimisticExchange } from './optimistic-exchange.ts'

/** The schema in the form that graphcache takes. */
export type CacheSchema = NonNullable<CacheExchangeOpts['schema']>

/**
 * Creates urql's normalised cache, configured for this API. Entities are keyed by id, and types
 * without an id are embedded in their parent. A retried piece of content reads GENERATING at once.
 * Task events update the task and its content wherever they are shown.
 */
export function createCacheExchange(schema: CacheSchema): Exchange {
  const { keys, fields } = readSchema(schema)
  const tasks = createTaskCache(fields)
  const updates: UpdatesConfig = {
    Subscription: {
      taskProgress(result, { fromStart }, cache) {
        // A replay of the history reports past states, not the current one.
        if (fromStart !== true) tasks.applyEvent(cache, result['taskProgress'])
      },
      roadmapUpdates: (result, _, cache) => tasks.applyRoadmapEvent(cache, result['roadmapUpdates']),
      viewerUpdates(result, _, cache) {
        tasks.applyViewerEvent(cache, result['viewerUpdates'])
        updateLists(cache, result['viewerUpdates'])
      },
    },
    Mutation: {
      retryContent: ({ retryContent }, { input }, cache) => tasks.applyRetry(cache, input, retryContent),
      // No event announces new or deleted list entries, so the lists are invalidated here.
      importDocument: (_, __, cache) => invalidateLists(cache, 'documents'),
      deleteDocument: ({ deleteDocument }, { input }, cache) => forget(cache, 'Document', deleteDocument, input),
      deleteQuiz: ({ deleteQuiz }, { input }, cache) => forget(cache, 'Quiz', deleteQuiz, input),
      deleteRoadmap: ({ deleteRoadmap }, { input }, cache) => forget(cache, 'Roadmap', deleteRoadmap, input),
      createRoadmap: (_, __, cache) => invalidateLists(cache, 'roadmaps'),
      generateQuiz: (_, __, cache) => invalidateLists(cache, 'quizzes'),
      generateProject: (_, __, cache) => invalidateLists(cache, 'projects'),
      deleteProject: (_, __, cache) => invalidateLists(cache, 'projects'),
      createSession: (_, __, cache) => invalidateLists(cache, 'sessions'),
      joinSession: (_, __, cache) => invalidateLists(cache, 'sessions'),
      leaveSession: (_, __, cache) => invalidateLists(cache, 'sessions'),
    },
  }
  const cache = cacheExchange({
    schema,
    keys: Object.fromEntries(keys.map((type) => [type, () => null])),
    updates,
  })
  const exchanges = composeExchanges([
    optimisticExchange({ retryContent: ({ input }) => assumeRetry(input) }, fields),
    withLateAnswers(cache, tasks, fields),
  ])
  // A request that fails before execution has `data: null`, which urql's types do not allow.
  return (input) => {
    const exchange = exchanges(input)
    return (operations$) =>
      pipe(
        exchange(operations$),
        map((result) => (result.data === null ? { ...result, data: undefined } : result)),
      )
  }
}

/** Predicts the result of `retryContent`, as far as it can be known. */
function assumeRetry(input: unknown): Assumption {
  const { conceptId = '', piece = '' } = (input ?? {}) as { readonly conceptId?: string; readonly piece?: string }
  return {
    type: 'Concept',
    id: conceptId,
    fields: { [piece.toLowerCase()]: { __typename: 'Content', piece, status: 'GENERATING', error: null } },
  }
}

function invalidateLists(cache: Cache, field: string): void {
  for (const { fieldName, arguments: args } of cache.inspectFields('Query'))
    if (fieldName === field) cache.invalidate('Query', fieldName, args)
}

/** Removes the object that a mutation such as `deleteQuiz` has deleted. */
function forget(cache: Cache, type: 'Document' | 'Quiz' | 'Roadmap', result: unknown, input: unknown): void {
  if ((result as { __typename?: string } | null)?.__typename !== `Delete${type}Success`) return
  const id = (input as Readonly<Record<string, unknown>>)[`${type.toLowerCase()}Id`]
  invalidateLists(cache, deletedFrom[type])
  cache.invalidate({ __typename: type, id: String(id) })
}
const deletedFrom = { Document: 'documents', Quiz: 'quizzes', Roadmap: 'roadmaps' } as const

/** The lists that a task of each kind changes when it starts and when it ends. Documents have events of their own. */
const listsOfKind: Readonly<Record<string, string>> = {
  CREATE_ROADMAP: 'roadmaps',
  GENERATE_QUIZ: 'quizzes',
  GENERATE_PROJECT: 'projects',
  SYNC_PROJECT: 'projects',
  REPLY: 'sessions',
}
/** The list and the type of each object that `ViewerObjectChanged` names. */
const listsOfObject: Readonly<Record<string, readonly [list: string, type: string]>> = {
  ROADMAP: ['roadmaps', 'Roadmap'],
  QUIZ: ['quizzes', 'Quiz'],
  PROJECT: ['projects', 'Project'],
  SESSION: ['sessions', 'Session'],
}

/**
 * Invalidates the lists that an event of `viewerUpdates` concerns; those that a page shows are fetched again. Lists of tasks are
 * not among them: `useTasks` takes tasks from the events.
 */
function updateLists(cache: Cache, update: unknown): void {
  const {
    __typename = '',
    reason,
    kind,
    status,
    documentId,
    taskId,
    object,
    objectId,
    isRemoved,
  } = (update ?? {}) as Readonly<Record<string, string | undefined>>
  switch (__typename) {
    case 'ViewerSnapshot':
      // The first one comes with the lists of the page.
      if (reason === 'SUBSCRIBED') return
      for (const list of new Set(['documents', ...Object.values(listsOfKind)])) invalidateLists(cache, list)
      return
    case 'ViewerDocumentRemoved':
      if (documentId !== undefined) cache.invalidate({ __typename: 'Document', id: documentId })
      invalidateLists(cache, 'documents')
      return
    case 'ViewerDocumentChanged':
      invalidateLists(cache, 'documents')
      return
    case 'ViewerTaskRemoved':
      if (taskId !== undefined) cache.invalidate({ __typename: 'Task', id: taskId })
      return
    case 'ViewerTaskChanged': {
      const list = listsOfKind[kind ?? '']
      if (list !== undefined && status !== 'RUNNING' && status !== 'RETRYING') invalidateLists(cache, list)
      return
    }
    case 'ViewerObjectChanged': {
      const [list, type] = listsOfObject[object ?? ''] ?? []
      if (list === undefined || type === undefined) return
      if (isRemoved && objectId !== undefined) cache.invalidate({ __typename: type, id: objectId })
      invalidateLists(cache, list)
      return
    }
    default:
  }
}

/**
 * Reads from the schema the object types that are embedded in others, and the field names of all
 * object types.
 */
function readSchema(schema: CacheSchema): {
  readonly keys: readonly string[]
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>
} {
  const keys: string[] = []
  const fields = new Map<string, ReadonlySet<string>>()
  for (const type of schema.__schema.types ?? []) {
    if (type.kind !== 'OBJECT') continue
    const names = new Set<string>(type.fields.map(({ name }: { readonly name: string }) => name))
    fields.set(type.name, names)
    // The id of an error refers to another entity.
    const isError = type.interfaces.some(({ name }: { readonly name: string }) => name === 'Error')
    if (!names.has('id') || isError) keys.push(type.name)
  }
  return { keys, fields }
}
