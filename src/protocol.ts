/**
 * The parts of the protocol that client and server share beyond the schema; see `docs/protocol.md`.
 * This module has no dependencies, so that the client can import it.
 */

/**
 * Codes with which the server closes a WebSocket. graphql-ws clients never reconnect after 4400,
 * 4401, 4406, 4409, 4429, 4500 and 1011; after all other codes they retry. Transient conditions
 * therefore use codes that clients retry.
 */
export const closeCodes = {
  /** The client has closed the socket. */
  normal: 1000,
  /** The server is restarting: connect to another server and resume. */
  restart: 1012,
  /**
   * Temporarily refused: this viewer has too many connections, or the database is unavailable.
   * Retry with backoff.
   */
  tryAgainLater: 1013,
  /** The token is malformed or forged: retrying with the same token never succeeds. */
  unauthorized: 4401,
  /** The token has expired: connect with a new one and resume. */
  expired: 4403,
} as const

/** Final states of a task: no event follows. A snapshot in one of these states is the last event. */
export const finalStatuses: readonly string[] = ['COMPLETED', 'FAILED', 'CANCELED']
