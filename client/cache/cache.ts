import type { Exchange } from '@urql/core'
import { composeExchanges } from '@urql/core'
import {
  type Cache,
  type CacheExchangeOpts,
  cacheExchange,
  type UpdateResolver,
  type UpdatesConfig,
} from '@urql/exchange-graphcache'
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
      importDocument: change('Document'),
      deleteDocument: remove,
      createRoadmap: change('Roadmap'),
      deleteRoadmap: remove,
      generateQuiz: change('Quiz'),
      deleteQuiz: remove,
      generateProject: change('Project'),
      deleteProject: remove,
      createSession: change('Session'),
      joinSession: change('Session'),
      leaveSession: change('Session'),
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
function change(type: string): UpdateResolver {
  return (_, __, cache) => invalidate(cache, type)
}

/** The update of mutations such as `deleteQuiz`. */
const remove: UpdateResolver = (result, { input }, cache, { fieldName }) => {
  const type = fieldName.slice('delete'.length)
  const { __typename } = (result[fieldName] ?? {}) as { readonly __typename?: string }
  if (__typename === `Delete${type}Success`)
    invalidate(cache, type, (input as Readonly<Record<string, unknown>>)[`${type.toLowerCase()}Id`])
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
