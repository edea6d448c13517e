import type { CacheExchangeOpts } from '@urql/exchange-graphcache'
import type { OfflineStorage } from './storage.ts'
import type { Timing } from './timing.ts'
import type { WebSocketImplementation } from './websocket.ts'

/** The ways to the server, best first. See `docs/protocol.md`. */
export type TransportName = 'websocket' | 'sse' | 'polling'

/** How a client is made. */
export interface TidingsClientOptions {
  /** The endpoint, such as `https://example.org/graphql`; the WebSocket's address is derived from it. */
  readonly url: string
  /**
   * Gives the token that is sent as `Authorization: Bearer …`, or null for none. Called when one is needed, again before
   * the token's `exp` and whenever the server calls it expired; until then a token that has an `exp` is kept.
   * What it throws counts as "not now": the client tries again with growing pauses.
   * @default no token
   */
  readonly token?: () => string | null | Promise<string | null>
  /**
   * Whose a token is. Mutations that are kept while there is no connection are sent with a token of the same user only.
   * @default the `sub` of a JWT; opaque tokens count as nobody's, so give this with them
   */
  readonly userOf?: (token: string) => string | null
  /**
   * Which ways may be used, best first; a single one pins it, `[]` is the same as `live: false`.
   * @default `['websocket', 'sse', 'polling']`
   */
  readonly transports?: readonly TransportName[]
  /** `false` turns live updates off: subscriptions are polled. @default true */
  readonly live?: boolean
  /** Where mutations that are not answered yet outlive their page; null for nowhere. @default localStorage where there is one */
  readonly storage?: OfflineStorage | Storage | null
  /** The schema, by which the cache knows optional fields and abstract types. @default the generated one of this API */
  readonly schema?: NonNullable<CacheExchangeOpts['schema']>
  /** `graphcache`: normalised, optimistic; `document`: urql's simple cache; `none`. @default 'graphcache' */
  readonly cache?: 'graphcache' | 'document' | 'none'
  /** Deadlines, pauses and intervals; those left out have the defaults of {@link Timing}. */
  readonly timing?: Partial<Timing>
  /** @default the global WebSocket */
  readonly webSocketImpl?: WebSocketImplementation
  /** @default the global fetch */
  readonly fetch?: typeof globalThis.fetch
}
