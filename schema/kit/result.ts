import type { ObjectRef } from '@pothos/core'
import { isTidingsError } from '../../src/errors.ts'
import type { RateLimitClass } from '../../src/rate-limits/rate-limit-classes.ts'
import type { Builder, Types } from './builder.ts'
import type { Context } from './context.ts'
import { type addFailures, type Failure, type FailureName, toFailure } from './failure.ts'

/** All failures; a mutation that starts a task can return any of them. */
export const anyFailure: readonly FailureName[] = [
  'NotFoundError',
  'ConflictError',
  'InvalidInputError',
  'RateLimitedError',
]

/** The options of `defineResult`. */
export interface ResultOptions {
  readonly budget?: RateLimitClass
  readonly mutations?: string
}

/** Creates the function that defines the results of mutations. @param failureRefs - the types of failures by name */
export function createResults(builder: Builder, failureRefs: ReturnType<typeof addFailures>) {
  const isFailure = (result: object): result is Failure =>
    '__typename' in result && typeof result.__typename === 'string' && result.__typename in failureRefs

  /**
   * Defines the result of a mutation: `<Name>Result`, the union of `<Name>Success` and of failures
   * that its caller can act on.
   *
   * @param success - the definition of `<Name>Success`
   * @param failures - the failures in the union; `RateLimitedError` is always one, as every mutation uses
   * a budget
   * @param options.budget - the budget that the mutation uses; `changes` by default
   * @param options.mutations - the mutations with this result, for its description; by default the
   * mutation with the success's name
   * @returns the type of the mutation's field, and the function that its resolver runs
   */
  function defineResult<T extends object>(
    success: ObjectRef<Types, T>,
    failures: readonly FailureName[],
    { budget = 'changes', mutations }: ResultOptions = {},
  ) {
    const name = success.name.replace(/Success$/, '')
    const members: readonly FailureName[] = [...new Set<FailureName>([...failures, 'RateLimitedError'])]
    const type = builder.unionType(`${name}Result`, {
      description: `The result of ${mutations ?? `\`${name.charAt(0).toLowerCase()}${name.slice(1)}\``}.`,
      extensions: { budget },
      types: [success, ...members.map((member) => failureRefs[member])],
      resolveType: (result) => (isFailure(result) ? result.__typename : success.name),
    })
    return {
      type,
      /**
       * Runs a mutation and converts errors that its caller can act on to members of its result. All
       * other errors are rethrown: unexpected failures are masked, and expected ones that the result
       * has no member for become errors with their code.
       *
       * @param id - the id for `NotFoundError` when the error itself has none
       */
      async run(context: Context, id: string, work: () => Promise<T>): Promise<T | Failure> {
        try {
          await context.takeBudget(budget)
          return await work()
        } catch (error) {
          if (!isTidingsError(error)) throw error
          if (error.code === 'RATE_LIMITED') {
            const { limit } = error.details
            const subject = typeof limit === 'string' ? limit : undefined
            context.note('LIMITED', { reason: 'rate', subject, detail: error.message })
          }
          const failure = await toFailure(context, id, error)
          if (failure === null || !members.includes(failure.__typename)) throw error
          context.noteFailure?.(error.code)
          return failure
        }
      },
    }
  }

  return { defineResult }
}
