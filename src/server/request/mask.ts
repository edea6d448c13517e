import { randomBytes } from 'node:crypto'
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql'
import { classifyDatabaseError, type DatabaseFailure } from '../../db/failure.ts'
import { type ErrorCode, isTidingsError, TidingsError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { removeSuggestion } from './exposure.ts'

/** Converts a thrown value into an error that clients may see. Idempotent. */
export type MaskError = (error: unknown) => GraphQLError

/**
 * Codes of temporary failures of this server: the subscription is not complete, and its transport
 * closes so that the client resumes.
 */
const awayCodes: readonly unknown[] = ['UNAVAILABLE', 'SHUTTING_DOWN'] satisfies ErrorCode[]
/**
 * SQLSTATE of a text with U+0000. PostgreSQL cannot store that character, so it comes from the
 * caller, in an id, a cursor or a key.
 */
const unstorableText = '22021'
const deepestCause = 8
/** Whether an error with a code names the time to wait. */
const hasRetryAfter = (code: ErrorCode): boolean => awayCodes.includes(code) || code === 'RATE_LIMITED'
/** The delay before a retry when a failure does not specify one. */
const defaultRetryAfterMs = 2_000

/**
 * Creates the only function that makes errors public.
 *
 * - An expected failure ({@link TidingsError}) shows its message; `extensions` has `code`,
 *   `retryable` and, if any, `details`.
 * - An error of the request itself (syntax, validation, variables) and an error with a code are
 *   passed through; the code defaults to `BAD_INPUT`.
 * - A failure of the infrastructure (see {@link classifyDatabaseError}) becomes `UNAVAILABLE`,
 *   retryable, with `retryAfterMs`; the log contains its cause.
 * - Any other error is a defect: `INTERNAL` with an `errorId` that is also logged, together with
 *   the details hidden from the client.
 *
 * @param options.hasSuggestions - whether errors suggest names of the schema; true by default
 */
export function createMaskError(
  logger: Logger,
  { hasSuggestions = true }: { readonly hasSuggestions?: boolean } = {},
): MaskError {
  const report = (failure: DatabaseFailure, error: unknown, path: GraphQLError['path']): void =>
    logger.warn(
      { cause: failure.cause, err: error, path },
      'failed to execute an operation: the database is unavailable',
    )
  return (error) => {
    const graphqlError = error instanceof GraphQLError ? error : undefined
    const where = { nodes: graphqlError?.nodes ?? null, path: graphqlError?.path ?? null }
    const expectedError = findExpected(error)
    if (expectedError !== undefined) {
      const failure = expectedError.code === 'UNAVAILABLE' ? classifyDatabaseError(expectedError) : null
      if (failure !== null) report(failure, expectedError, graphqlError?.path)
      return new GraphQLError(expectedError.message, {
        ...where,
        extensions: {
          code: expectedError.code,
          retryable: expectedError.retryable,
          ...(hasRetryAfter(expectedError.code) ? { retryAfterMs: retryAfterMsOf(expectedError, failure) } : {}),
          ...(Object.keys(expectedError.details).length === 0 ? {} : { details: expectedError.details }),
        },
      })
    }
    const cause = causeOf(error)
    if (graphqlError !== undefined && cause instanceof GraphQLError) {
      if (!hasSuggestions) removeSuggestion(graphqlError)
      if (graphqlError.extensions['code'] !== undefined) return graphqlError
      // Without a path the error is about the request; with a path, a resolver returned a value
      // that its type does not allow.
      if (graphqlError.path === undefined) {
        graphqlError.extensions['code'] = 'BAD_INPUT'
        return graphqlError
      }
    }
    // Not known to be a defect, and worth a retry: the database may be available again in a moment.
    const failure = classifyDatabaseError(cause)
    if (failure !== null) {
      report(failure, cause, graphqlError?.path)
      return new GraphQLError('The database cannot be reached; try again', {
        ...where,
        extensions: {
          code: 'UNAVAILABLE' satisfies ErrorCode,
          retryable: true,
          retryAfterMs: retryAfterMsOf(cause, failure),
        },
      })
    }
    const errorId = randomBytes(6).toString('base64url')
    logger.error({ err: cause, errorId, path: graphqlError?.path }, 'failed to execute an operation')
    return new GraphQLError('Something went wrong on the server', {
      ...where,
      extensions: { code: 'INTERNAL', errorId },
    })
  }
}

/** Returns the code that an error has after {@link createMaskError} has processed it. */
export function codeOf(error: unknown): string {
  const expectedError = findExpected(error)
  if (expectedError !== undefined) return expectedError.code
  const cause = causeOf(error)
  if (error instanceof GraphQLError && cause instanceof GraphQLError) {
    const code = error.extensions['code']
    if (code !== undefined) return String(code)
    if (error.path === undefined) return 'BAD_INPUT'
  }
  return classifyDatabaseError(cause) !== null ? 'UNAVAILABLE' : 'INTERNAL'
}

/** The common shape of the results of graphql and graphql-ws. */
interface AnyResult {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly data?: Record<string, unknown> | null | undefined
  readonly extensions?: Record<string, unknown> | undefined
}

/**
 * Whether a result means that this server temporarily cannot serve the subscription, as opposed to
 * refusing it.
 */
export function isUnavailable(result: AnyResult): boolean {
  return result.errors?.some(({ extensions }) => awayCodes.includes(extensions['code'])) ?? false
}

/** Formats an execution result for the wire, without the extensions meant for the HTTP layer. */
export function formatResult({ errors, data, extensions }: AnyResult): FormattedExecutionResult {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors === undefined ? {} : { errors: errors.map(formatError) }),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

/** Creates the functions by which live delivery makes executed results public: see `createLive`. */
export function createResultFormat(maskError: MaskError): {
  readonly mask: (result: ExecutionResult) => ExecutionResult
  readonly format: (result: ExecutionResult) => FormattedExecutionResult
  readonly isAway: (result: ExecutionResult) => boolean
} {
  return {
    mask: (result) => (result.errors === undefined ? result : { ...result, errors: result.errors.map(maskError) }),
    format: formatResult,
    isAway: isUnavailable,
  }
}

/** Formats an error for the wire. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { http: _http, unexpected: _unexpected, ...extensions } = error.extensions
  return { ...error.toJSON(), extensions }
}

function findExpected(error: unknown): TidingsError | undefined {
  const cause = causeOf(error)
  if (isTidingsError(cause)) return cause
  if (!(cause instanceof Error) || !('code' in cause) || cause.code !== unstorableText) return undefined
  return new TidingsError('BAD_INPUT', 'Something in this request holds U+0000, which no text here can')
}

/** Returns the original error wrapped by GraphQL; only GraphQL's own wrappers are unwrapped. */
export function causeOf(error: unknown): unknown {
  let cause = error
  for (let depth = 0; depth < deepestCause && cause instanceof GraphQLError && cause.originalError; depth++)
    cause = cause.originalError
  return cause
}

function retryAfterMsOf(error: unknown, failure: DatabaseFailure | null): number {
  const retryAfterMs = isTidingsError(error) ? error.details['retryAfterMs'] : undefined
  return typeof retryAfterMs === 'number' ? retryAfterMs : (failure?.retryAfterMs ?? defaultRetryAfterMs)
}
