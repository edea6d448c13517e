import { Client, type Exchange, fetchExchange } from '@urql/core'
import { refetchExchange } from './cache/refetch-exchange.ts'
import type { ConnectionStore } from './connection/connection-state.ts'
import { liveExchange } from './connection/live-exchange.ts'
import { type LiveOptions, openLive } from './open-live.ts'
import type { TidingsClientOptions } from './options.ts'
import { createOutbox, maxStoreMs, type OutboxStore, settleWithin } from './outbox/outbox.ts'
import { outboxExchange } from './outbox/outbox-exchange.ts'
import { createOutboxStorage } from './outbox/outbox-storage.ts'
import { repeatExchange } from './outbox/repeat-exchange.ts'
import { toOfflineStorage } from './outbox/storage-adapter.ts'
import type { ClientPlugin } from './plugin.ts'
import { createAuthorizedFetch, messageOf } from './transport/http.ts'

/** The client. Disposing closes its connection, ends its subscriptions and clears its timers. */
export interface CoreClient extends AsyncDisposable {
  /** An ordinary urql client. Its subscriptions resume automatically after a reconnect. */
  readonly urql: Client
  /** The actual state of the connection. */
  readonly connection: ConnectionStore
  /** Mutations that wait to be sent, and mutations that the server refused. */
  readonly outbox: OutboxStore
  /** The plugins of the client. */
  readonly plugins: readonly ClientPlugin[]
  /** Closes the client. Idempotent. Pending mutations stay in the storage. */
  dispose(): Promise<void>
}

/** Options of a client that contains only the transports and caches passed to it. */
export interface CoreClientOptions extends LiveOptions, Pick<TidingsClientOptions, 'storage' | 'plugins'> {
  /** Caching exchanges, such as graphcache's `cacheExchange`. @default none */
  readonly cache?: readonly Exchange[]
}

/**
 * Creates a client from selected parts, for pages that need few of them: the bundler leaves out the
 * others. Otherwise identical to `createTidingsClient`, but without `watchTask`, which
 * `tidings/core` exports as a function.
 *
 * @throws TypeError when `url` is not an http(s) address
 * @throws RangeError when `transports` is empty
 */
export function createCoreClient(options: CoreClientOptions): CoreClient {
  const { url, plugins = [] } = options
  const { live, connection, tokens, timing, fetch } = openLive(options)
  const storage = options.storage === undefined ? findStorage() : options.storage
  const outboxStorage = storage === null ? undefined : createOutboxStorage(toOfflineStorage(storage), url)
  const outbox = createOutbox({
    connection: live.connection,
    timing,
    persist: (pending) =>
      outboxStorage
        ?.save(pending)
        .catch((error: unknown) => console.warn(`Mutations cannot be stored: ${messageOf(error)}`)),
  })

  const authorizedFetch = createAuthorizedFetch(fetch, tokens, timing)
  const disposal = new AbortController()
  const urql = new Client({
    url,
    fetch: authorizedFetch,
    preferGetMethod: false,
    exchanges: [
      refetchExchange({ connection: live.connection, timing, signal: disposal.signal }),
      ...(options.cache ?? []),
      outboxExchange({ outbox, storage: outboxStorage, tokens, plugins }),
      liveExchange(live),
      repeatExchange({ timing }),
      fetchExchange,
    ],
  })

  const dispose = (): Promise<void> => {
    disposal.abort()
    outbox.dispose()
    live.dispose()
    return settleWithin(outboxStorage?.release() ?? Promise.resolve(), maxStoreMs)
  }
  return {
    urql,
    connection,
    outbox: { subscribe: outbox.subscribe, getSnapshot: outbox.getSnapshot, dismiss: outbox.dismiss },
    plugins,
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

function findStorage(): Storage | null {
  try {
    // Node provides `localStorage` only when started with a file for it; reading it otherwise logs
    // a warning.
    return typeof window === 'undefined' ? null : window.localStorage
  } catch {
    // The browser may forbid storage. Mutations made offline then last only as long as the page.
    return null
  }
}
