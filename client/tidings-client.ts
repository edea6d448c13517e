import { cacheExchange as documentCacheExchange, type Exchange } from '@urql/core'
import { chooseTransports } from './all-transports.ts'
import { createCacheExchange } from './cache/cache.ts'
import { type CoreClient, createCoreClient } from './core-client.ts'
import type { AnyKind, TaskEventOf, TaskOf } from './kinds/generated-kind.ts'
import type { TidingsClientOptions } from './options.ts'
import { createUploads, type UploadStore } from './outbox/uploads.ts'
import { type TaskStates, type WatchingClient, type WatchTaskOptions, watchTask } from './watch-task/watch-task.ts'

/** The client. Disposing closes its connection, ends its subscriptions and clears its timers. */
export interface TidingsClient extends CoreClient {
  /** Files being uploaded, with the number of bytes sent. */
  readonly uploads: UploadStore
  /**
   * Watches one task without React. Yields its events in order, each exactly once; `.states()`
   * folds them. With a kind of `tidings.gen.ts`, its result and error details are typed.
   */
  watchTask(id: string, options?: WatchTaskOptions): TaskStates
  watchTask<K extends AnyKind>(kind: K, id: string, options?: WatchTaskOptions): TaskStates<TaskEventOf<K>, TaskOf<K>>
}

/**
 * Creates a client. It opens no connection yet: the first subscription or the first listener of
 * `connection` does, and the connection is kept as long as either exists.
 *
 * @throws TypeError when `url` is not an http(s) address, or when the cache is `graphcache` and there is no schema
 * @example
 * const client = createTidingsClient({ url: 'https://example.org/graphql', schema, token: () => fetchToken() })
 * for await (const task of client.watchTask(exportReport, id).states()) console.log(task.status)
 */
export function createTidingsClient(options: TidingsClientOptions): TidingsClient {
  const { plugins = [] } = options
  const schema = options.schema ?? plugins.find((plugin) => plugin.schema !== undefined)?.schema
  const { cache = schema === undefined ? 'document' : 'graphcache' } = options
  const caches: Readonly<Record<NonNullable<TidingsClientOptions['cache']>, () => readonly Exchange[]>> = {
    graphcache: () => {
      if (schema === undefined)
        throw new TypeError('The normalised cache needs the schema: pass `schema` of tidings.gen.ts')
      return [
        createCacheExchange(
          schema,
          plugins.flatMap((plugin) => plugin.cache ?? []),
        ),
      ]
    },
    document: () => [documentCacheExchange],
    none: () => [],
  }
  const { fetch, uploads } = createUploads(options.fetch ?? globalThis.fetch.bind(globalThis))
  const client = createCoreClient({
    ...options,
    fetch,
    transports: chooseTransports(options),
    cache: caches[cache](),
  })
  return { ...client, uploads, watchTask: createWatch(client) }
}

/** Creates the method `watchTask` of a client. */
export function createWatch(client: WatchingClient): TidingsClient['watchTask'] {
  return ((...args: [string]) => watchTask(client, ...args)) as TidingsClient['watchTask']
}
