import type { Timing } from './base/timing.ts'
import type { CacheSchema } from './cache/cache.ts'
import type { OfflineStorage } from './outbox/storage-adapter.ts'
import type { ClientPlugin } from './plugin.ts'
import type { TransportName } from './transport/transport.ts'
import type { WebSocketImplementation } from './transport/websocket.ts'

/** Options of a client. */
export interface TidingsClientOptions {
  /**
   * The endpoint, such as `https://example.org/graphql`; the WebSocket address is derived from it.
   */
  readonly url: string
  /**
   * Returns the token to send as `Authorization: Bearer …`, or null for none. Called when a token
   * is needed, again before the token's `exp`, and whenever the server reports it as expired. A
   * token with an `exp` is cached until then. When it throws or rejects, the client tries again
   * with growing pauses.
   * @default no token
   */
  readonly token?: () => string | null | Promise<string | null>
  /**
   * Returns the user of a token. Mutations kept while there is no connection are sent with a token
   * of the same user only.
   * @default the `sub` of a JWT; an opaque token has no user, so set this option together with
   * opaque tokens
   */
  readonly userOf?: (token: string) => string | null
  /**
   * The transports that may be used, best first. A single one pins the client to it; `[]` is the
   * same as `live: false`.
   * @default `['websocket', 'sse', 'polling']`
   */
  readonly transports?: readonly TransportName[]
  /** `false` turns live updates off: subscriptions are polled. @default true */
  readonly live?: boolean
  /**
   * Stores unanswered mutations so that they survive a reload; null to store none. @default
   * localStorage where available
   */
  readonly storage?: OfflineStorage | Storage | null
  /**
   * The types of the API, from which the cache knows optional fields and abstract types: `schema` of `tidings.gen.ts`.
   * @default those of the first plugin that has them
   */
  readonly schema?: CacheSchema
  /**
   * `graphcache`: normalised, optimistic, needs the schema; `document`: urql's simple cache; `none`.
   * @default 'graphcache' with a schema, 'document' without
   */
  readonly cache?: 'graphcache' | 'document' | 'none'
  /** The additions of applications: cache rules and idempotent mutations. @default none */
  readonly plugins?: readonly ClientPlugin[]
  /**
   * Deadlines, pauses and intervals, in milliseconds. Omitted ones have the defaults of
   * {@link Timing}.
   */
  readonly timing?: Partial<Timing>
  /** @default the global WebSocket */
  readonly webSocketImpl?: WebSocketImplementation
  /** @default the global fetch */
  readonly fetch?: typeof globalThis.fetch
}
