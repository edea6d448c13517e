/**
 * Deadlines, pauses and intervals of the client, in milliseconds. The defaults are in
 * {@link defaultTiming}.
 */
export interface Timing {
  /**
   * Longest wait for each step of confirming a transport: on a WebSocket, the pong; on an event
   * stream, the first byte and then a later one.
   * @default 6000
   */
  readonly proofMs: number
  /**
   * A byte that arrives this long after the first one confirms an event stream: some proxies pass
   * the beginning of a response and hold back the rest. The server sends its second comment after
   * one second.
   * @default 500
   */
  readonly confirmMs: number
  /**
   * Time between pings on a WebSocket. With {@link pongMs} it bounds how long a dead peer goes
   * unnoticed.
   * @default 9000
   */
  readonly pingMs: number
  /** Longest wait for a pong. @default 4000 */
  readonly pongMs: number
  /**
   * A WebSocket that was silent for this long is asked for a sign of life while the page is visible
   * and the connection state has listeners. An event stream cannot be asked: its server sends a
   * comment this often.
   * @default 3000
   */
  readonly askMs: number
  /**
   * Longest wait for the pong, or for the overdue comment, while the connection still counts as
   * live.
   * @default 2000
   */
  readonly answerMs: number
  /** Longest silence of an event stream before it counts as lost. @default 12000 */
  readonly silenceMs: number
  /** A connection that lived longer than this was sound, whatever ended it. @default 5000 */
  readonly steadyMs: number
  /**
   * Silent deaths of connections within this time count together, however long each connection
   * lived. Also the longest trial of a better transport that has failed before.
   * @default 300000
   */
  readonly flapWindowMs: number
  /** Upper bound of the first pause before a retry; it doubles with each attempt. @default 500 */
  readonly backoffMs: number
  /**
   * Upper bound of the pauses between connection attempts. While nothing gets through, an attempt
   * is one small request.
   * @default 5000
   */
  readonly maxReconnectMs: number
  /**
   * Upper bound of all other pauses, and of the wait that the server asks for when a limit is
   * reached (`Retry-After`, `retryAfterMs`), to which a pause is added.
   * @default 20000
   */
  readonly maxBackoffMs: number
  /**
   * Pause before a better transport is probed again in the background; it doubles with each
   * failure.
   * @default 10000
   */
  readonly probeMs: number
  /** Upper bound of the pause before a probe. @default 120000 */
  readonly maxProbeMs: number
  /** Polling: time between requests while events arrive. @default 250 */
  readonly pollMs: number
  /** Polling: longest time between requests while none arrive. @default 5000 */
  readonly maxPollMs: number
  /** Longest wait for the response to a request that does not stream. @default 15000 */
  readonly requestMs: number
  /**
   * How long a generated document that the server finds invalid is sent again: during a rolling
   * upgrade, a page may be newer than the server that answers.
   * @default 60000
   */
  readonly upgradeMs: number
  /**
   * How long before its expiry a token is renewed; at most a third of its lifetime.
   * @default 30000
   */
  readonly tokenLeewayMs: number
  /** How long an unneeded connection is kept open. @default 10000 */
  readonly lingerMs: number
}

/**
 * The documented defaults.
 * @example
 * const client = createTidingsClient({ url, timing: { pingMs: 2 * defaultTiming.pingMs } })
 */
export const defaultTiming: Timing = {
  proofMs: 6_000,
  confirmMs: 500,
  pingMs: 9_000,
  pongMs: 4_000,
  askMs: 3_000,
  answerMs: 2_000,
  silenceMs: 12_000,
  steadyMs: 5_000,
  flapWindowMs: 300_000,
  backoffMs: 500,
  maxReconnectMs: 5_000,
  maxBackoffMs: 20_000,
  probeMs: 10_000,
  maxProbeMs: 120_000,
  pollMs: 250,
  maxPollMs: 5_000,
  requestMs: 15_000,
  upgradeMs: 60_000,
  tokenLeewayMs: 30_000,
  lingerMs: 10_000,
}
