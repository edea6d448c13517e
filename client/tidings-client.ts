import { Client, cacheExchange as documentCacheExchange, type Exchange, fetchExchange } from '@urql/core'
import { cacheSchema } from './gql/cache-schema.ts'
import { askAgainExchange } from './live/ask-again-exchange.ts'
import { createCacheExchange } from './live/cache.ts'
import type { ConnectionStore } from './live/connection.ts'
import { createAuthorizedFetch, findObstacle, messageOf } from './live/http.ts'
import { createLive, type Rung } from './live/live.ts'
import { liveExchange } from './live/live-exchange.ts'
import type { TidingsClientOptions, TransportName } from './live/options.ts'
import { createOutbox, maxStoreMs, type OutboxStore, settleWithin } from './live/outbox.ts'
import { outboxExchange } from './live/outbox-exchange.ts'
import { createOutboxStorage } from './live/outbox-storage.ts'
import { createPollingTransport } from './live/polling.ts'
import { repeatExchange } from './live/repeat-exchange.ts'
import { createEventStreamTransport } from './live/sse.ts'
import { toOfflineStorage } from './live/storage.ts'
import { defaultTiming } from './live/timing.ts'
import { createTokens } from './live/tokens.ts'
import type { Transport } from './live/transport.ts'
import { createUploads, type UploadStore } from './live/uploads.ts'
import { type TaskStates, type WatchTaskOptions, watchTask } from './live/watch-task.ts'
import { createWebSocketTransport } from './live/websocket.ts'

/** The client. Disposing closes its connection, ends its subscriptions and leaves no timer behind. */
export interface TidingsClient extends AsyncDisposable {
  /** A urql client as any other; its subscriptions resume by themselves. */
  readonly urql: Client
  /** The truth about the connection. */
  readonly connection: ConnectionStore
  /** Mutations that wait to be sent, and what became of them. */
  readonly outbox: OutboxStore
  /** Files that are on their way to the server, and how much of them. */
  readonly uploads: UploadStore
  /** Watches one task without React: its events in order, each once; `.states()` folds them. */
  watchTask(id: string, options?: WatchTaskOptions): TaskStates
  /** Idempotent; mutations that wait stay in the storage. */
  dispose(): Promise<void>
}

const allTransports: readonly TransportName[] = ['websocket', 'sse', 'polling']

/**
 * Creates a client. Opens nothing yet: the connection is made for the first subscription or the first listener of
 * `connection`, and kept while there is one.
 *
 * @throws TypeError when `url` is not an http(s) address
 */
export function createTidingsClient(options: TidingsClientOptions): TidingsClient {
  const { url, schema = cacheSchema as NonNullable<TidingsClientOptions['schema']> } = options
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new TypeError(`"${url}" is not an address such as "https://example.org/graphql"`)
  const timing = { ...defaultTiming, ...options.timing }
  const { fetch, uploads } = createUploads(options.fetch ?? globalThis.fetch.bind(globalThis))
  const tokens = createTokens({ ask: options.token, leewayMs: timing.tokenLeewayMs, userOf: options.userOf })

  const transports: Readonly<Record<TransportName, () => Transport>> = {
    websocket: () => createWebSocketTransport({ url, timing, webSocketImpl: options.webSocketImpl }),
    sse: () => createEventStreamTransport({ url, fetch, timing }),
    polling: () => createPollingTransport({ url, fetch, timing }),
  }
  const rungs = chooseTransports(options).map((name): Rung => ({ name, transport: transports[name]() }))
  const live = createLive({
    rungs,
    tokens,
    timing,
    async findObstacle(signal) {
      try {
        return await findObstacle({ url, fetch, timing, signal, token: (await tokens.get()).token })
      } catch (error) {
        return `The token cannot be had: ${messageOf(error)}`
      }
    },
  })

  const storage = options.storage === undefined ? findStorage() : options.storage
  const kept = storage === null ? undefined : createOutboxStorage(toOfflineStorage(storage), url)
  const outbox = createOutbox({
    connection: live.connection,
    timing,
    persist: (pending) =>
      kept?.save(pending).catch((error: unknown) => console.warn(`Mutations cannot be stored: ${messageOf(error)}`)),
  })

  const caches: Readonly<Record<NonNullable<TidingsClientOptions['cache']>, () => readonly Exchange[]>> = {
    graphcache: () => [createCacheExchange(schema)],
    document: () => [documentCacheExchange],
    none: () => [],
  }
  const authorizedFetch = createAuthorizedFetch(fetch, tokens, timing)
  const disposal = new AbortController()
  const urql = new Client({
    url,
    fetch: async (input, init) => {
      const response = await authorizedFetch(input, init)
      if (response.ok) live.onReached()
      return response
    },
    preferGetMethod: false,
    exchanges: [
      askAgainExchange({ connection: live.connection, timing, signal: disposal.signal }),
      ...caches[options.cache ?? 'graphcache'](),
      outboxExchange({ outbox, storage: kept, tokens }),
      liveExchange(live),
      repeatExchange({ timing }),
      fetchExchange,
    ],
  })

  const connection: ConnectionStore = {
    subscribe: live.connection.subscribe,
    getSnapshot: live.connection.getSnapshot,
    reconnect: live.reconnect,
  }
  const dispose = (): Promise<void> => {
    disposal.abort()
    outbox.dispose()
    live.dispose()
    return settleWithin(kept?.release() ?? Promise.resolve(), maxStoreMs)
  }
  return {
    urql,
    connection,
    outbox: { subscribe: outbox.subscribe, getSnapshot: outbox.getSnapshot, dismiss: outbox.dismiss },
    uploads,
    watchTask: (id, watchOptions) => watchTask({ urql, connection }, id, watchOptions),
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

function chooseTransports({ transports = allTransports, live = true }: TidingsClientOptions): readonly TransportName[] {
  return live && transports.length > 0 ? [...new Set(transports)] : ['polling']
}

function findStorage(): Storage | null {
  try {
    // Node has one only when it is given a file; asking for it then warns.
    return typeof window === 'undefined' ? null : window.localStorage
  } catch {
    // Pages may forbid it; then what is made offline lives as long as the page.
    return null
  }
}
