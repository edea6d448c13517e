import type { DocumentInput } from '@urql/core'
import type { CacheSchema } from './cache/cache.ts'
import type { CacheContext, CacheRules } from './cache/cache-rules.ts'
import type { TaskProgressDocument, TaskSummaryFieldsFragment } from './gql/graphql.ts'

/** The changes to the viewer's tasks since a subscription began. */
export interface TaskChanges {
  /** Tasks that have changed, by id, the latest change last; null for deleted ones. */
  readonly tasks: ReadonlyMap<string, TaskSummaryFieldsFragment | null>
  /** The number of snapshots that replaced events: when it grows, fetch the lists again. */
  readonly gaps: number
}

/** The additions of an application to the client. */
export interface ClientPlugin {
  /** The types of the API, for the cache: `createTidingsClient` takes those of the first plugin that has them. */
  readonly schema?: CacheSchema
  /**
   * The subscription to a task of any kind, with the results of the application. Without it, tasks that are watched without their
   * kind have no results: each server has others.
   */
  readonly taskProgress?: typeof TaskProgressDocument
  /** Creates the rules of the normalized cache, which other caches ignore. */
  readonly cache?: (context: CacheContext) => CacheRules
  /** Inputs that take an `idempotencyKey`, which the client then adds: `mutation.argument`. */
  readonly keyedInputs?: readonly string[]
  /** Mutations that have the same effect when they are sent twice, without a key. */
  readonly repeatableMutations?: readonly string[]
  /** A subscription without variables that reports changes to the viewer's tasks, and its fold; `useTasks` follows it. */
  readonly taskChanges?: {
    readonly document: DocumentInput<object, Record<string, never>>
    readonly reducer: (state: never, data: never) => TaskChanges
  }
}
