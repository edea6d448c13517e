import { Client, type Exchange, fetchExchange } from '@urql/core'
import { defaultTiming } from './base/timing.ts'
import { createTokens } from './base/tokens.ts'
import { refetchExchange } from './cache/refetch-exchange.ts'
import type { ConnectionStore } from './connection/connection-state.ts'
import { createLive, type NamedTransport } from './connection/live.ts'
import { liveExchange } from './connection/live-exchange.ts'
import type { TidingsClientOptions } from './options.ts'
import { createOutbox, maxStoreMs, type OutboxStore, settleWithin } from './outbox/outbox.ts'
import { outboxExchange } from './outbox/outbox-exchange.ts'
import { createOutboxStorage } from './outbox/outbox-storage.ts'
import { repeatExchange } from './outbox/repeat-exchange.ts'
import { toOfflineStorage } from './outbox/storage-adapter.ts'
import type { ClientPlugin } from './plugin.ts'
import { createAuthorizedFetch, findObstacle, messageOf } from './transport/http.ts'
import type { TransportFactory } from './transport/transports.ts'

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
export interface CoreClientOptions extends Omit<TidingsClientOptions, 'transports' | 'live' | 'cache' | 'schema'> {
  /** The transports that may be used, best first. At least one. */
  readonly transports: readonly TransportFactory[]
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
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new TypeError(`"${url}" is not an address such as "https://example.org/graphql"`)
  if (options.transports.length === 0) throw new RangeError('A client needs at least one transport')
  const timing = { ...defaultTiming, ...options.timing }
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
  const tokens = createTokens({ ask: options.token, leewayMs: timing.tokenLeewayMs, userOf: options.userOf })

  const transports = options.transports.map(
    ({ name, create }): NamedTransport => ({
      name,
      transport: create({ url, fetch, timing, webSocketImpl: options.webSocketImpl }),
    }),
  )
  const live = createLive({
    transports,
    tokens,
    timing,
    async findObstacle(signal) {
      try {
        return await findObstacle({ url, fetch, timing, signal, token: (await tokens.get()).token })
      } catch (error) {
        return `The token is unavailable: ${messageOf(error)}`
      }
    },
  })

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
    fetch: async (input, init) => {
      const response = await authorizedFetch(input, init)
      if (response.ok) live.onReached()
      return response
    },
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

  const connection: ConnectionStore = {
    subscribe: live.connection.subscribe,
    getSnapshot: live.connection.getSnapshot,
    reconnect: live.reconnect,
  }
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
