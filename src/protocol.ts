/**
 * What both ends of the wire must agree on beyond the schema: see `docs/protocol.md`. Without dependencies, so that the
 * client can have it.
 */

/**
 * Why a WebSocket is closed. Clients of graphql-ws never come back after 4400, 4401, 4406, 4409, 4429, 4500 and 1011; after all
 * others they try again, so what passes by itself has a code of the second sort.
 */
export const closeCodes = {
  /** Its owner has left. */
  normal: 1000,
  /** The server is restarting: connect elsewhere and resume. */
  restart: 1012,
  /** Not now: too many connections of this viewer, or the database is away. Try again with growing pauses. */
  tryAgainLater: 1013,
  /** The token is malformed or forged: the same one will never do. */
  unauthorized: 4401,
  /** The token has expired: connect with a new one and resume. */
  expired: 4403,
} as const

/** Events that report a passing state: they repeat the cursor of the event before them. */
export const passingEvents: readonly string[] = [
  'TaskSnapshot',
  'TaskQueueMoved',
  'RoadmapSnapshot',
  'SessionSnapshot',
  'SessionPresenceChanged',
  'InboxSnapshot',
  'AnalyticsSnapshot',
  'ViewerSnapshot',
]

/** Events after which nothing follows. */
export const terminalEvents: readonly string[] = ['TaskCompleted', 'TaskFailed', 'TaskCanceled', 'SessionClosed']

/** Whether the topic of an event ends with one of {@link terminalEvents}, so that nothing else completes its subscription. */
export function hasTerminalEvent(type: string): boolean {
  return /^(Task|Session)[A-Z]/.test(type)
}

/** States of a task after which nothing follows; a snapshot in one of them is the last event. */
export const finalStatuses: readonly string[] = ['COMPLETED', 'FAILED', 'CANCELED']
