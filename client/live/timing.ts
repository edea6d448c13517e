/** How long the client waits for what. All in milliseconds. */
export interface Timing {
  /**
   * Longest wait for each step of a transport's confirmation: an answered ping on a socket; on an event stream the first
   * byte, and after it a later one.
   */
  readonly proofMs: number
  /**
   * A byte that arrives this long after the first one confirms an event stream: some proxies pass the beginning of an
   * answer and hold the rest back. The server sends its second comment after 1 s.
   */
  readonly confirmMs: number
  /** Time between pings on a socket. With {@link pongMs} it bounds how long a dead peer goes unnoticed. */
  readonly pingMs: number
  /** Longest wait for the answer to a ping. */
  readonly pongMs: number
  /**
   * A socket that was silent for this long is asked for a sign of life while the page is visible and somebody listens to
   * the state of the connection. An event stream cannot be asked: its server sends a comment this often.
   */
  readonly askMs: number
  /** Longest wait for the answer, or the overdue comment, while the connection still counts as live. */
  readonly answerMs: number
  /** Longest silence of an event stream before it is given up. */
  readonly silenceMs: number
  /** A connection that lived longer than this was sound, whatever ended it. */
  readonly steadyMs: number
  /**
   * Silent deaths of connections within this time count together, however long each connection lived. Also the longest
   * trial of a better transport that has failed before.
   */
  readonly flapWindowMs: number
  /** Upper bound of the first pause before trying again; it doubles with each attempt. */
  readonly backoffMs: number
  /** Upper bound of the pauses before a connection is tried again; while nothing gets through, a try is one small request. */
  readonly maxReconnectMs: number
  /** Upper bound of all other pauses. */
  readonly maxBackoffMs: number
  /** Rest before a better transport is tried again in the background; it doubles with each failure. */
  readonly probeMs: number
  /** Upper bound of that rest. */
  readonly maxProbeMs: number
  /** Polling: time between requests while events flow. */
  readonly pollMs: number
  /** Polling: most time between requests while nothing happens. */
  readonly maxPollMs: number
  /** Longest wait for the answer to a request that does not stream. */
  readonly requestMs: number
  /**
   * For how long a generated document is sent again that the server finds invalid: during a rolling upgrade a page may be
   * newer than the server that answers.
   */
  readonly upgradeMs: number
  /** How long before its expiry a token is renewed; at most a third of its lifetime. */
  readonly tokenLeewayMs: number
  /** How long the connection is kept after nobody needs it any more. */
  readonly lingerMs: number
}

/** The documented defaults. */
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
