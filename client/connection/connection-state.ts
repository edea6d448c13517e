import type { Store } from '../base/store.ts'
import type { TransportName } from '../transport/transport.ts'

/**
 * The status of the connection to the server.
 *
 * - `connecting`: the first attempt; no data has arrived yet.
 * - `live`: on the best allowed transport, with a recent sign of life, and serving all
 *   subscriptions.
 * - `degraded`: works, but on a lesser transport than the best allowed one, or for some of the
 *   subscriptions only.
 * - `reconnecting`: worked before and does not now, or the server does not answer. Retried
 *   automatically.
 * - `offline`: like `reconnecting`, and the device reports that it has no network.
 * - `closed`: refused or disposed; not retried. `reconnect()` tries again after a refusal.
 */
export type ConnectionStatus = 'connecting' | 'live' | 'degraded' | 'reconnecting' | 'offline' | 'closed'

/** The actual state of the connection at one moment. Times are milliseconds since 1970. */
export interface ConnectionState {
  readonly status: ConnectionStatus
  /** The transport in use or being tried; null when there is none. */
  readonly transport: TransportName | null
  /** The number of consecutive failed attempts; 0 while the connection works. */
  readonly attempt: number
  /** When the next attempt starts; null unless the client waits for one. */
  readonly nextTryAt: number | null
  /**
   * When data last arrived from the server; updated at most once a second. Its age is `Date.now()`
   * minus this.
   */
  readonly lastSignOfLifeAt: number | null
  /**
   * The last measured time from a ping to its pong, in milliseconds; null where the transport has
   * no pings.
   */
  readonly roundTripMs: number | null
  /**
   * The reason for the status, as a sentence to show to the user; null when there is nothing to
   * explain.
   */
  readonly reason: string | null
}

/** The connection as a store. Listening to it keeps the connection open. */
export interface ConnectionStore extends Store<ConnectionState> {
  /** Tries again at once, with a new token, also after a refusal. Has no effect once disposed. */
  reconnect(): void
}
