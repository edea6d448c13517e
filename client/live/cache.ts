import type { Exchange } from '@urql/core'
import { composeExchanges } from '@urql/core'
import { type Cache, type CacheExchangeOpts, cacheExchange, type UpdatesConfig } from '@urql/exchange-graphcache'
import { map, pipe } from 'wonka'
import { createTaskCache } from './cache-events.ts'
import { withLateAnswers } from './late-answers-exchange.ts'
import { type Assumption, optimisticExchange } from './optimistic-exchange.ts'

/** The schema as graphcache takes it. */
export type CacheSchema = NonNullable<CacheExchangeOpts['schema']>

/**
 * urql's normalised cache, set up for this API: things are kept by their ids, parts of things within them, a retried piece of
 * content reads GENERATING at once, and what a task's events say reaches the task and its content wherever they are shown.
 */
export function createCacheExchange(schema: CacheSchema): Exchange {
  const { keys, fields } = readSchema(schema)
  const tasks = createTaskCache(fields)
  const updates: UpdatesConfig = {
    Subscription: {
      taskProgress(result, { fromStart }, cache) {
        // A replay of the history says what was, not what is.
        if (fromStart !== true) tasks.applyEvent(cache, result['taskProgress'])
      },
      roadmapUpdates: (result, _, cache) => tasks.applyRoadmapEvent(cache, result['roadmapUpdates']),
    },
    Mutation: {
      retryContent: ({ retryContent }, { input }, cache) => tasks.applyRetry(cache, input, retryContent),
      // Nothing else tells the lists that there is something new.
      importDocument: (_, __, cache) => invalidateLists(cache, 'documents'),
      deleteDocument: ({ deleteDocument }, { input }, cache) => {
        if ((deleteDocument as { __typename?: string } | null)?.__typename !== 'DeleteDocumentSuccess') return
        invalidateLists(cache, 'documents')
        cache.invalidate({ __typename: 'Document', id: String((input as { documentId?: unknown }).documentId) })
      },
      deleteQuiz: ({ deleteQuiz }, { input }, cache) => {
        if ((deleteQuiz as { __typename?: string } | null)?.__typename !== 'DeleteQuizSuccess') return
        invalidateLists(cache, 'quizzes')
        cache.invalidate({ __typename: 'Quiz', id: String((input as { quizId?: unknown }).quizId) })
      },
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
  // Where a request fails before there is anything it says null, which no type of urql's does.
  return (input) => {
    const exchange = exchanges(input)
    return (operations$) =>
      pipe(
        exchange(operations$),
        map((result) => (result.data === null ? { ...result, data: undefined } : result)),
      )
  }
}

/** What `retryContent` will most likely bring, as far as it can be known. */
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

/** Of the schema: the object types that are parts of others, and the names of all types' fields. */
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
    // An error's id is that of something else.
    const isError = type.interfaces.some(({ name }: { readonly name: string }) => name === 'Error')
    if (!names.has('id') || isError) keys.push(type.name)
  }
  return { keys, fields }
}
