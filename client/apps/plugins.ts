import type { UpdatesConfig } from '@urql/exchange-graphcache'
import { cacheSchema } from '../gql/cache-schema.ts'
import { TaskProgressDocument, ViewerUpdatesDocument } from '../gql/graphql.ts'
import { identifiedMutations, keyedInputs } from '../gql/keyed.ts'
import type { CacheSchema, ClientPlugin } from '../index.ts'
import { change, remove, updateLists } from './lists.ts'
import { createContentRules } from './roadmaps/content-cache.ts'
import { reduceViewerUpdates } from './viewer/reduce-viewer.ts'

/** No event announces new or deleted list entries of this page's mutations, so they invalidate the lists. */
const invalidating = (updates: UpdatesConfig['Mutation']): ClientPlugin => ({
  cache: () => ({ updates: { Mutation: updates } }),
})

/** The parts for all applications that are generated from the schema. */
const generated: ClientPlugin = {
  schema: cacheSchema as unknown as CacheSchema,
  taskProgress: TaskProgressDocument,
  keyedInputs,
  repeatableMutations: identifiedMutations,
}
const documents = invalidating({ importDocument: change('Document'), deleteDocument: remove })
const roadmaps: ClientPlugin = { cache: createContentRules }
const quizzes = invalidating({ generateQuiz: change('Quiz'), deleteQuiz: remove })
const projects = invalidating({ generateProject: change('Project'), deleteProject: remove })
const sessions = invalidating({
  createSession: change('Session'),
  joinSession: change('Session'),
  leaveSession: change('Session'),
})
/** The lists of all applications and of tasks, which follow `viewerUpdates`. */
const lists: ClientPlugin = {
  cache: ({ applyListedTask }) => ({
    updates: {
      Subscription: {
        viewerUpdates(result, _, cache) {
          const update = (result['viewerUpdates'] ?? {}) as { readonly taskId?: string; readonly task?: object | null }
          applyListedTask(cache, update.taskId, update.task)
          updateLists(cache, update)
        },
      },
    },
  }),
  taskChanges: { document: ViewerUpdatesDocument, reducer: reduceViewerUpdates },
}

/** The plugins of the applications: `createTidingsClient({ url, plugins: studioPlugins })`. */
export const studioPlugins: readonly ClientPlugin[] = [
  generated,
  documents,
  roadmaps,
  quizzes,
  projects,
  sessions,
  lists,
]
