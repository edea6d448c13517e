import { randomBytes } from 'node:crypto'
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql'
import { classifyDatabaseError, type DatabaseFailure } from '../db/failure.ts'
import { type ErrorCode, isTidingsError, TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** Turns whatever was thrown into what a client may see. Calling it again on its own result changes nothing. */
export type MaskError = (error: unknown) => GraphQLError

/** Codes that mean "this server cannot now": a subscription is not over, its transport closes so that the client resumes. */
const awayCodes: readonly unknown[] = ['UNAVAILABLE', 'SHUTTING_DOWN'] satisfies ErrorCode[]
/** SQLSTATE of a text with U+0000: what PostgreSQL cannot hold comes from who asks, as an id, a cursor or a key. */
const unstorableText = '22021'
const deepestCause = 8
/** When to try again after a failure that says nothing about it. */
const defaultRetryAfterMs = 2_000

/**
 * Creates the one place where errors become public.
 *
 * - An expected failure ({@link TidingsError}) shows its message; `extensions` has `code`, `retryable` and, if any, `details`.
 * - An error of the request itself (syntax, validation, variables) passes, and so does one that has a code; the code defaults
 *   to `BAD_INPUT`.
 * - A failure of the infrastructure (see {@link classifyDatabaseError}) becomes `UNAVAILABLE`, retryable, with `retryAfterMs`; the log
 *   names its cause.
 * - Anything else is a defect: `INTERNAL` with an `errorId` that the log has too, beside everything the client is not told.
 */
export function createMaskError(logger: Logger): MaskError {
  const report = (failure: DatabaseFailure, error: unknown, path: GraphQLError['path']): void =>
    logger.warn(
      { cause: failure.cause, err: error, path },
      'failed to execute an operation: the database is unavailable',
    )
  return (error) => {
    const located = error instanceof GraphQLError ? error : undefined
    const where = { nodes: located?.nodes ?? null, path: located?.path ?? null }
    const expected = findExpected(error)
    if (expected !== undefined) {
      const failure = expected.code === 'UNAVAILABLE' ? classifyDatabaseError(expected) : null
      if (failure !== null) report(failure, expected, located?.path)
      return new GraphQLError(expected.message, {
        ...where,
        extensions: {
          code: expected.code,
          retryable: expected.retryable,
          ...(awayCodes.includes(expected.code) ? { retryAfterMs: retryAfterMsOf(expected, failure) } : {}),
          ...(Object.keys(expected.details).length === 0 ? {} : { details: expected.details }),
        },
      })
    }
    const cause = findCause(error)
    if (located !== undefined && cause instanceof GraphQLError) {
      if (located.extensions['code'] !== undefined) return located
      // Without a path it is about the request; with one, a resolver returned what its type does not allow.
      if (located.path === undefined) {
        located.extensions['code'] = 'BAD_INPUT'
        return located
      }
    }
    // Not known to be a defect, and worth another try: the record may be back in a moment.
    const failure = classifyDatabaseError(cause)
    if (failure !== null) {
      report(failure, cause, located?.path)
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
    logger.error({ err: cause, errorId, path: located?.path }, 'failed to execute an operation')
    return new GraphQLError('Something went wrong on the server', {
      ...where,
      extensions: { code: 'INTERNAL', errorId },
    })
  }
}

/** The code that an error will have when {@link createMaskError} has dealt with it. */
export function codeOf(error: unknown): string {
  const expected = findExpected(error)
  if (expected !== undefined) return expected.code
  const cause = findCause(error)
  if (error instanceof GraphQLError && cause instanceof GraphQLError) {
    const code = error.extensions['code']
    if (code !== undefined) return String(code)
    if (error.path === undefined) return 'BAD_INPUT'
  }
  return classifyDatabaseError(cause) !== null ? 'UNAVAILABLE' : 'INTERNAL'
}

/** What both graphql and graphql-ws mean by a result. */
export interface AnyResult {
  readonly errors?: readonly GraphQLError[] | undefined
  readonly data?: Record<string, unknown> | null | undefined
  readonly extensions?: Record<string, unknown> | undefined
}

/** Whether a result says that this server cannot serve the subscription now, as opposed to refusing it. */
export function isAway(result: AnyResult): boolean {
  return result.errors?.some(({ extensions }) => awayCodes.includes(extensions['code'])) ?? false
}

/** An execution result as it is written on the wire, without what only the HTTP layer reads. */
export function formatResult({ errors, data, extensions }: AnyResult): FormattedExecutionResult {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors === undefined ? {} : { errors: errors.map(formatError) }),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

/** An error as it is written on the wire. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { http: _http, unexpected: _unexpected, ...extensions } = error.extensions
  return { ...error.toJSON(), extensions }
}

function findExpected(error: unknown): TidingsError | undefined {
  const cause = findCause(error)
  if (isTidingsError(cause)) return cause
  if (!(cause instanceof Error) || !('code' in cause) || cause.code !== unstorableText) return undefined
  return new TidingsError('BAD_INPUT', 'Something in this request holds U+0000, which no text here can')
}

/** What GraphQL has wrapped; only its own wrapping is looked through. */
function findCause(error: unknown): unknown {
  let cause = error
  for (let depth = 0; depth < deepestCause && cause instanceof GraphQLError && cause.originalError; depth++)
    cause = cause.originalError
  return cause
}

function retryAfterMsOf(error: unknown, failure: DatabaseFailure | null): number {
  const named = isTidingsError(error) ? error.details['retryAfterMs'] : undefined
  return typeof named === 'number' ? named : (failure?.retryAfterMs ?? defaultRetryAfterMs)
}
