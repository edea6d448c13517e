import type { Cache, UpdatesConfig } from '@urql/exchange-graphcache'
import type { Assumptions } from './optimistic-exchange.ts'
import type { FindField } from './patch.ts'

/** The fields of an entity, by their schema names. */
export type Fields = Readonly<Record<string, unknown>>

/** An event of a task, with the fields that were selected under their schema names. */
export interface TaskEventFields {
  readonly __typename?: string
  readonly taskId?: string
  readonly seq?: number
  readonly at?: string
  readonly status?: string
  readonly cursor?: string
  readonly progress?: object
  readonly attempt?: number
  readonly error?: object
  readonly reason?: string
  readonly nextAttemptAt?: string
  readonly result?: Fields | null
  readonly item?: { readonly key?: string; readonly status?: string; readonly error?: object | null }
}

/** Values known from events and mutation results: at most 1,000, the oldest are evicted. */
export interface Memory<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  /** Returns a value if it became known after a position. */
  getAfter(key: string, position: number): V | undefined
}

/** The parts of the cache that the rules of an application use. */
export interface CacheContext {
  /** The field names of each schema type. */
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>
  /** Writes exactly the given fields of an entity in the cache. */
  write(cache: Cache, entity: { readonly __typename: string; readonly id: string }, data: object): void
  /** Creates a memory, which {@link CacheContext.forgetOnReset} clears. */
  createMemory<V>(): Memory<V>
  /**
   * Clears all memories after the snapshot of a log that was reset to an earlier point: events
   * remembered from it may no longer be part of it.
   */
  forgetOnReset(event: { readonly reason?: string }): void
  /** Keeps the final state of a task when a list contains an earlier one. */
  applyListedTask(cache: Cache, taskId: string | undefined, task: TaskEventFields | null | undefined): void
}

/** The rules of an application for the normalized cache. */
export interface CacheRules {
  /** The updates by field of `Subscription` and `Mutation`. */
  readonly updates?: UpdatesConfig
  /** The predictions of mutations that are not answered yet. */
  readonly predictions?: Assumptions
  /** Called with each event of a task that is newer than those before it. */
  readonly onTaskEvent?: (cache: Cache, event: TaskEventFields) => void
  /** Finds values of fields that became known after a position. */
  readonly findAfter?: (position: number) => FindField
}
