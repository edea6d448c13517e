import { TidingsError } from '../../src/errors.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import type { Builder } from './builder.ts'
import type { Context } from './context.ts'
import { type TaskRef, taskSource } from './task-ref.ts'

export interface InputIssue {
  readonly path: string
  readonly message: string
}

/** A failure that the caller can act on, as a member of a mutation's result. */
export type Failure =
  | { readonly __typename: 'NotFoundError'; readonly message: string; readonly id: string }
  | { readonly __typename: 'ConflictError'; readonly message: string; readonly runningTask: Task | null }
  | {
      readonly __typename: 'InvalidInputError'
      readonly message: string
      readonly issues: readonly InputIssue[]
    }
  | { readonly __typename: 'RateLimitedError'; readonly message: string; readonly retryAfterMs: number }

/** The type name of a failure. */
export type FailureName = Failure['__typename']
type FailureOf<N extends FailureName> = Extract<Failure, { readonly __typename: N }>

/** Adds the interface `Error` and the types of failures. @returns the types by name */
export function addFailures(builder: Builder, taskRef: TaskRef) {
  const error = builder.interfaceRef<Failure>('Error').implement({
    description:
      'A failure that the caller can act on. The result of a mutation is a union with the errors that apply.',
    resolveType: (failure) => failure.__typename,
    fields: (t) => ({ message: t.exposeString('message', { description: 'A message for the user.' }) }),
  })

  const notFoundError = builder.objectRef<FailureOf<'NotFoundError'>>('NotFoundError').implement({
    description: 'The object does not exist or is not visible to the viewer; the two cases look the same.',
    interfaces: [error],
    fields: (t) => ({ id: t.exposeID('id', { description: 'The requested id.' }) }),
  })

  const conflictError = builder.objectRef<FailureOf<'ConflictError'>>('ConflictError').implement({
    description: 'The subject is busy: `runningTask` is already working on it.',
    interfaces: [error],
    fields: (t) => ({
      runningTask: t.field({
        type: taskRef,
        nullable: true,
        description: 'The task to watch instead; null when the conflict has another cause.',
        resolve: ({ runningTask }) => taskSource(runningTask),
      }),
    }),
  })

  const inputIssue = builder.objectRef<InputIssue>('InputIssue').implement({
    description: 'A problem of one value of the input.',
    fields: (t) => ({
      path: t.exposeString('path', {
        description:
          'The path of the value, such as `input.name` or `input.files.0.path`; `input` for the input as a whole.',
      }),
      message: t.exposeString('message', { description: 'The problem and the allowed values.' }),
    }),
  })

  const invalidInputError = builder.objectRef<FailureOf<'InvalidInputError'>>('InvalidInputError').implement({
    description: 'The input is well-typed but invalid.',
    interfaces: [error],
    fields: (t) => ({
      issues: t.field({
        type: [inputIssue],
        description: 'All problems, at least one.',
        resolve: ({ issues }) => issues,
      }),
    }),
  })

  const rateLimitedError = builder.objectRef<FailureOf<'RateLimitedError'>>('RateLimitedError').implement({
    description: 'A rate limit was exceeded.',
    interfaces: [error],
    fields: (t) => ({
      retryAfterMs: t.exposeInt('retryAfterMs', {
        description: 'The time after which the request may be repeated, in milliseconds.',
      }),
    }),
  })

  return {
    NotFoundError: notFoundError,
    ConflictError: conflictError,
    InvalidInputError: invalidInputError,
    RateLimitedError: rateLimitedError,
  } as const satisfies Record<FailureName, unknown>
}

/**
 * Converts an error to a failure; null when the caller of a mutation cannot act on it.
 *
 * @param id - the id for `NotFoundError` when the error itself has none
 */
export async function toFailure(context: Context, id: string, failure: TidingsError): Promise<Failure | null> {
  const { message, details } = failure
  switch (failure.code) {
    case 'NOT_FOUND':
      return { __typename: 'NotFoundError', message, id: typeof details['id'] === 'string' ? details['id'] : id }
    case 'CONFLICT': {
      const taskId = details['taskId']
      const runningTask = typeof taskId === 'string' ? await context.loaders.task.load(taskId) : null
      return { __typename: 'ConflictError', message, runningTask }
    }
    case 'BAD_INPUT':
    case 'BAD_CURSOR':
    case 'IDEMPOTENCY_KEY_REUSED':
    case 'TOO_MANY_ITEMS': {
      const issues = details['issues']
      return {
        __typename: 'InvalidInputError',
        message,
        issues: Array.isArray(issues) ? (issues as InputIssue[]).map(withinInput) : [{ path: 'input', message }],
      }
    }
    case 'RATE_LIMITED': {
      const retryAfterMs = details['retryAfterMs']
      return {
        __typename: 'RateLimitedError',
        message,
        retryAfterMs: typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs) : 1_000,
      }
    }
    // Errors that the caller of a mutation cannot act on.
    case 'BAD_CONFIGURATION':
    case 'FORBIDDEN':
    case 'LEASE_LOST':
    case 'SHUTTING_DOWN':
    case 'UNAUTHENTICATED':
    case 'UNAVAILABLE':
      return null
  }
}

/**
 * Returns the issue with its path from the mutation's argument. Every mutation has the one argument
 * `input`; task kinds report paths within their own input, which has the same fields.
 */
function withinInput({ path, message }: InputIssue): InputIssue {
  if (path === 'input' || path.startsWith('input.')) return { path, message }
  return { path: path === '' ? 'input' : `input.${path}`, message }
}

/**
 * Refuses an object that an operation names.
 *
 * @throws TidingsError `NOT_FOUND`, the same whether the object does not exist or the viewer may
 * not see it
 */
export function refuseAsMissing(what: string, id: string): never {
  throw new TidingsError('NOT_FOUND', `There is no ${what} "${id}"`, { id })
}
