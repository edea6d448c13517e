/**
 * The catalogue of errors: what may go wrong at a door of Tidings, when it is raised, and what the caller should do.
 * Every error that leaves a folder of this project is a {@link TidingsError} with a code of this catalogue;
 * everything else is a defect and is masked before it reaches a client.
 */
export const errorCatalogue = {
  BAD_CONFIGURATION: {
    retryable: false,
    when: 'A setting is refused at start.',
    advice: 'Correct the named variable.',
  },
  BAD_CURSOR: {
    retryable: false,
    when: 'A cursor is not one of ours, or belongs to another topic.',
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
  UNAUTHENTICATED: {
    retryable: false,
    when: 'The token is missing, malformed, forged or expired.',
    advice: 'Renew it.',
  },
  FORBIDDEN: { retryable: false, when: 'The viewer may not do this.', advice: 'Ask the owner.' },
  LEASE_LOST: {
    retryable: false,
    when: 'A worker reports for an attempt that is no longer its own (canceled, taken back, or finished).',
    advice: 'Stop working; another attempt or the end of the task has replaced this one.',
  },
  UNAVAILABLE: { retryable: true, when: 'The database cannot be reached.', advice: 'Try again.' },
  SHUTTING_DOWN: { retryable: true, when: 'This server is draining.', advice: 'Reconnect; another one answers.' },
} as const

/** A code of the {@link errorCatalogue}. */
export type ErrorCode = keyof typeof errorCatalogue

/** An expected failure: its message may be shown to whoever caused it. */
export class TidingsError extends Error {
  override readonly name = 'TidingsError'
  readonly code: ErrorCode
  /** Facts for the caller that a program can read, such as `retryAfterMs` or `issues`. */
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

  /** True when the same request may succeed later. */
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable
  }
}

/** Whether `error` is an expected failure, with one of `codes` when any are given. */
export function isTidingsError(error: unknown, ...codes: readonly ErrorCode[]): error is TidingsError {
  return error instanceof TidingsError && (codes.length === 0 || codes.includes(error.code))
}
