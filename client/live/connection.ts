import type { TransportName } from './options.ts'
import type { Store } from './store.ts'

/**
 * How the client stands to the server.
 *
 * - `connecting`: for the first time; nothing has come yet.
 * - `live`: on the best transport that is allowed, with a recent sign of life, and all subscriptions are served by it.
 * - `degraded`: works, on a lesser transport than the best that is allowed, or for some of the subscriptions only.
 * - `reconnecting`: it worked, and does not now, or the server does not answer; tried again by itself.
 * - `offline`: the same, and the device says that it has no network.
 * - `closed`: for good: refused, or disposed. `reconnect()` tries again after a refusal.
 */
export type ConnectionStatus = 'connecting' | 'live' | 'degraded' | 'reconnecting' | 'offline' | 'closed'

/** The truth about the connection at one moment. Times are milliseconds since 1970. */
export interface ConnectionState {
  readonly status: ConnectionStatus
  /** What is used, or being tried; null while nothing is. */
  readonly transport: TransportName | null
  /** How many attempts in a row have failed; 0 while it works. */
  readonly attempt: number
  /** When the next attempt is made; null unless one is waited for. */
  readonly nextTryAt: number | null
  /** When the server was last heard; brought up to date at most once a second. Its age is `Date.now()` minus this. */
  readonly lastSignOfLifeAt: number | null
  /** The last measured time from a ping to its answer; null where the transport has no pings. */
  readonly roundTripMs: number | null
  /** Why it is as it is, in words for the person at the screen; null when there is nothing to explain. */
  readonly reason: string | null
}

/** The connection as a store. Listening to it keeps the connection open. */
export interface ConnectionStore extends Store<ConnectionState> {
  /** Tries again at once, with a new token; also after a refusal. Without effect once disposed. */
  reconnect(): void
}
