/**
 * The error catalogue: codes of expected failures of the public API, when each is raised, and what
 * the caller should do. Every error that crosses the boundary of a folder in this project is a
 * {@link TidingsError} with a code of this catalogue; everything else is a defect and is masked
 * before it reaches a client.
 */
export const errorCatalogue = {
  BAD_CONFIGURATION: {
    retryable: false,
    when: 'A setting is refused at start.',
    advice: 'Correct the named variable.',
  },
  BAD_CURSOR: {
    retryable: false,
    when: 'A cursor is malformed, or belongs to another topic.',
    advice: 'Leave `after` out to begin with a snapshot.',
  },
  BAD_INPUT: { retryable: false, when: 'An argument does not fit.', advice: 'Correct the named argument.' },
  NOT_FOUND: {
    retryable: false,
    when: 'The thing does not exist, or is not the viewer’s.',
    advice: 'Check the id and the token.',
  },
  CONFLICT: {
    retryable: false,
    when: 'The state of the thing does not allow the operation.',
    advice: 'Read its state again.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    retryable: false,
    when: 'An idempotency key comes back within 24 hours with another input.',
    advice: 'Use a new key for a new request.',
  },
  RATE_LIMITED: { retryable: true, when: 'A limit is reached.', advice: 'Wait for the given time.' },
  TOO_MANY_ITEMS: {
    retryable: false,
    when: 'A task declares more than 200,000 items.',
    advice: 'Divide the work among several tasks, or declare one item for several parts of it.',
  },
  UNAUTHENTICATED: {
    retryable: false,
    when: 'The token is missing, malformed, forged or expired.',
    advice: 'Renew it.',
  },
  FORBIDDEN: { retryable: false, when: 'The viewer may not do this.', advice: 'Ask the owner.' },
  LEASE_LOST: {
    retryable: false,
    when: 'A worker reports for an attempt that is no longer its own (canceled, reassigned, or finished).',
    advice: 'Stop working; another attempt or the end of the task has replaced this one.',
  },
  UNAVAILABLE: { retryable: true, when: 'The database cannot be reached.', advice: 'Try again.' },
  SHUTTING_DOWN: { retryable: true, when: 'This server is draining.', advice: 'Reconnect; another server answers.' },
} as const

/**
 * Further codes of GraphQL errors: invalid requests, and defects. Sent in `extensions.code`, like
 * the codes above.
 */
export const requestErrorCatalogue = {
  LIVE_UPDATES_OFF: {
    retryable: false,
    when: 'The server is configured not to serve WebSockets and event streams (`LIVE_UPDATES=false`).',
    advice:
      'Poll: send the subscription with `extensions: { catchUp: true }`. The Tidings client falls back by itself.',
  },
  GRAPHQL_PARSE_FAILED: {
    retryable: false,
    when: 'The document has a syntax error or too many tokens.',
    advice: 'Correct the document.',
  },
  GRAPHQL_VALIDATION_FAILED: {
    retryable: false,
    when: 'The document does not fit the schema, or is too deep or too costly.',
    advice: 'Correct the document; the message names the place.',
  },
  REQUEST_TOO_LARGE: {
    retryable: false,
    when: 'The request or a file in it is larger than the server accepts (HTTP 413).',
    advice: 'Send less; the message names the limit.',
  },
  REQUEST_TOO_SLOW: {
    retryable: true,
    when: 'The request did not arrive in time (HTTP 408).',
    advice: 'Send it again.',
  },
  REQUEST_CUT: {
    retryable: false,
    when: 'The connection ended in the middle of the request (HTTP 400).',
    advice: 'Send it again, with the same idempotency key.',
  },
  INTERNAL: {
    retryable: false,
    when: 'A defect of the server; the log has the details under `extensions.errorId`.',
    advice: 'Report the `errorId`.',
  },
} as const satisfies ErrorCatalogue

/** Values of `TaskError.code` that the engine sets. Task handlers add their own. */
export const taskErrorCatalogue = {
  WORKER_LOST: {
    retryable: true,
    when: 'The worker of this attempt no longer answers; the tenth loss fails the task.',
    advice: 'Nothing: the task is executed again by another worker.',
  },
  WORKER_SHUT_DOWN: {
    retryable: true,
    when: 'The worker of this attempt was shut down.',
    advice: 'Nothing: another worker continues at once.',
  },
  INVALID_INPUT: {
    retryable: false,
    when: 'The stored input does not fit the kind of the task, as after an upgrade that changed the kind.',
    advice: 'Start a new task.',
  },
  TIMEOUT: {
    retryable: true,
    when: 'An attempt took longer than the `timeoutMs` of its kind.',
    advice: 'Nothing: the task is retried, as long as it has attempts left.',
  },
  UNAVAILABLE: {
    retryable: true,
    when: 'The database, or a service that the task needs, cannot be reached.',
    advice: 'Nothing: the task is retried.',
  },
  INTERNAL: {
    retryable: false,
    when: 'The handler failed unexpectedly; the log has the details under the id of the task.',
    advice: 'Retry the task; if it fails again, report its id.',
  },
} as const satisfies ErrorCatalogue

/** Codes with which the server closes a WebSocket, and the client's reaction to each. */
export const closeCodeCatalogue: Readonly<Record<number, { readonly when: string; readonly client: string }>> = {
  1000: { when: 'The client has closed it.', client: 'nothing' },
  1012: { when: 'The server is shutting down.', client: 'connects again, to another server, and resumes' },
  1013: {
    when: 'Try again later: the socket was not drained, its messages made too much work, there are too many, or the database is unavailable.',
    client: 'resumes with backoff',
  },
  4400: { when: 'A message was not of the protocol.', client: 'stays closed: a defect of the client' },
  4401: { when: 'The token is not acceptable, or there is none.', client: 'stays closed until there is another token' },
  4403: { when: 'The token has expired.', client: 'renews the token and resumes' },
  4406: { when: 'The subprotocol `graphql-transport-ws` is missing.', client: 'stays closed' },
  4408: { when: '`connection_init` did not arrive in time.', client: 'resumes' },
  4409: { when: 'Two subscriptions have one id.', client: 'stays closed: a defect of the client' },
  4429: { when: '`connection_init` arrived twice.', client: 'stays closed: a defect of the client' },
  4500: { when: 'A defect of the server.', client: 'stays closed' },
}

/** Entries of a catalogue, by code. */
export type ErrorCatalogue = Readonly<
  Record<string, { readonly retryable: boolean; readonly when: string; readonly advice: string }>
>

/** A code of the {@link errorCatalogue}. */
export type ErrorCode = keyof typeof errorCatalogue

/**
 * An expected failure. Its message may be shown to the caller.
 * @example
 * throw new TidingsError('UNAUTHENTICATED', 'The session has ended; log in again')
 */
export class TidingsError extends Error {
  override readonly name = 'TidingsError'
  readonly code: ErrorCode
  /** Machine-readable facts for the caller, such as `retryAfterMs` or `issues`. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable
  }
}

/** Whether `error` is an expected failure; if `codes` are given, one with any of these codes. */
export function isTidingsError(error: unknown, ...codes: readonly ErrorCode[]): error is TidingsError {
  return error instanceof TidingsError && (codes.length === 0 || codes.includes(error.code))
}
