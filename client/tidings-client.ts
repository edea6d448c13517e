import { cacheExchange as documentCacheExchange, type Exchange } from '@urql/core'
import { createCacheExchange } from './cache/cache.ts'
import { type CoreClient, createCoreClient } from './core-client.ts'
import { cacheSchema } from './gql/cache-schema.ts'
import type { TidingsClientOptions } from './options.ts'
import { createUploads, type UploadStore } from './outbox/uploads.ts'
import type { TransportName } from './transport/transport.ts'
import {
  eventStreamTransport,
  pollingTransport,
  type TransportFactory,
  webSocketTransport,
} from './transport/transports.ts'
import { type TaskStates, type WatchTaskOptions, watchTask } from './watch-task/watch-task.ts'

/** The client. Disposing closes its connection, ends its subscriptions and clears its timers. */
export interface TidingsClient extends CoreClient {
  /** Files being uploaded, with the number of bytes sent. */
  readonly uploads: UploadStore
  /**
   * Watches one task without React. Yields its events in order, each exactly once; `.states()`
   * folds them.
   */
  watchTask(id: string, options?: WatchTaskOptions): TaskStates
}

const allTransports: Readonly<Record<TransportName, TransportFactory>> = {
  websocket: webSocketTransport,
  sse: eventStreamTransport,
  polling: pollingTransport,
}

/**
 * Creates a client. It opens no connection yet: the first subscription or the first listener of
 * `connection` does, and the connection is kept as long as either exists.
 *
 * @throws TypeError when `url` is not an http(s) address
 */
export function createTidingsClient(options: TidingsClientOptions): TidingsClient {
  const {
    schema = cacheSchema as NonNullable<TidingsClientOptions['schema']>,
    cache = 'graphcache',
    plugins = [],
  } = options
  const caches: Readonly<Record<NonNullable<TidingsClientOptions['cache']>, () => readonly Exchange[]>> = {
    graphcache: () => [
      createCacheExchange(
        schema,
        plugins.flatMap((plugin) => plugin.cache ?? []),
      ),
    ],
    document: () => [documentCacheExchange],
    none: () => [],
  }
  const { fetch, uploads } = createUploads(options.fetch ?? globalThis.fetch.bind(globalThis))
  const client = createCoreClient({
    ...options,
    fetch,
    transports: chooseTransports(options).map((name) => allTransports[name]),
    cache: caches[cache](),
  })
  return { ...client, uploads, watchTask: (id, watchOptions) => watchTask(client, id, watchOptions) }
}

function chooseTransports({ transports, live = true }: TidingsClientOptions): readonly TransportName[] {
  const names = transports ?? (Object.keys(allTransports) as TransportName[])
  return live && names.length > 0 ? [...new Set(names)] : ['polling']
}
