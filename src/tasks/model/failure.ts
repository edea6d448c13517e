import { classifyDatabaseError } from '../../db/failure.ts'
import { errorCatalogue, isTidingsError } from '../../errors.ts'
import type { FailureDetails, FailureState, ProblemState } from './task.ts'

/**
 * A transient failure: the engine retries with exponential backoff until the attempts are used up.
 * @example
 * if (response.status === 503) throw new RetryableError('BUSY', 'The service is busy.', { retryAfterMs: 30_000 })
 */
export class RetryableError extends Error {
  override readonly name = 'RetryableError'
  readonly code: string
  readonly advice: string | null
  /** The minimum delay before the next attempt, as requested by the failing service. */
  readonly retryAfterMs: number | undefined
  readonly details: FailureDetails | undefined

  constructor(
    code: string,
    message: string,
    options: { advice?: string; retryAfterMs?: number; cause?: unknown; details?: FailureDetails } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.advice = options.advice ?? null
    this.retryAfterMs = options.retryAfterMs
    this.details = options.details
  }
}

/**
 * A failure that a retry would not fix. Its message and advice are shown to the user.
 * @example
 * throw new FinalError('EMPTY', 'The report has no rows.', { advice: 'Select a longer period.' })
 */
export class FinalError extends Error {
  override readonly name = 'FinalError'
  readonly code: string
  readonly advice: string | null
  /** All problems found in the user's input. */
  readonly problems: readonly ProblemState[]
  readonly details: FailureDetails | undefined

  constructor(
    code: string,
    message: string,
    options: { advice?: string; cause?: unknown; problems?: readonly ProblemState[]; details?: FailureDetails } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.advice = options.advice ?? null
    this.problems = options.problems ?? []
    this.details = options.details
  }
}

/**
 * Whether an error is transient: a retryable database failure, or a failed connection of the task's
 * own.
 */
export function isTransient(error: unknown): boolean {
  if (isTidingsError(error)) return error.retryable
  if (classifyDatabaseError(error) !== null) return true
  // For sockets to other services than the database, only the error code is known.
  return error instanceof Error && 'code' in error && /^(ECONN[A-Z]+|EPIPE|ETIMEDOUT)$/.test(String(error.code))
}

/**
 * Converts an error thrown by a task into the failure shown to users. Unexpected errors are masked:
 * their text may contain data that users must not see.
 */
export function describeFailure(error: unknown, taskId: string): FailureState {
  if (error instanceof RetryableError || error instanceof FinalError)
    return {
      code: error.code,
      message: error.message,
      retryable: error instanceof RetryableError,
      advice: error.advice,
      ...(error instanceof FinalError && error.problems.length > 0 ? { problems: error.problems } : {}),
      ...(error.details === undefined ? {} : { details: error.details }),
    }
  if (isTidingsError(error))
    return {
      code: error.code,
      message: error.message,
      retryable: error.retryable,
      advice: errorCatalogue[error.code].advice,
    }
  if (isTransient(error))
    return {
      code: 'UNAVAILABLE',
      message: 'Something that the task needs could not be reached.',
      retryable: true,
      advice: errorCatalogue.UNAVAILABLE.advice,
    }
  return {
    code: 'INTERNAL',
    message: 'The task failed unexpectedly.',
    retryable: false,
    advice: `Retry it; if it fails again, report the task's id, ${taskId}.`,
  }
}

/** The delays between failed attempts. */
export interface Backoff {
  /** Delay before the second attempt; doubled for each further one. Default 1,000. */
  readonly initialDelayMs: number
  /** Default 60,000. */
  readonly maxDelayMs: number
}

/**
 * Computes the delay before the next attempt: exponential, capped, with equal jitter (between half
 * and all of it), so that tasks that failed together are not retried together.
 */
export function nextDelayMs(
  backoff: Backoff,
  attempt: number,
  retryAfterMs = 0,
  random: () => number = Math.random,
): number {
  const full = Math.min(backoff.initialDelayMs * 2 ** Math.max(0, attempt - 1), backoff.maxDelayMs)
  return Math.max(Math.round(full * (0.5 + random() / 2)), retryAfterMs)
}
