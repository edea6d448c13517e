import { taskProgressText } from '../gql/task-texts.ts'

/**
 * Prints the subscription to a task of a kind: that of the core, which fits the reducer, with the selections of the result and of the
 * error details of this kind. This module has no other dependencies, so that the recorder of the test kit can import it.
 *
 * @param kind.result - the fragment that selects the result; null for a kind without one
 * @param kind.details - the fragments that select the details of errors; null for a kind without them
 */
export function printWatch({
  result,
  details,
}: {
  readonly result: string | null
  readonly details: string | null
}): string {
  // A schema has these fields only if one of its kinds has a result, or an error with details.
  const resultField = result === null ? '__typename' : `result { __typename ${result} }`
  const detailsField = details === null ? '' : `details { __typename ${details} }`
  // Those of the task only: with the details of its items, a subscription could cost too much.
  return `${taskProgressText}
    fragment TaskFailureFields on TaskError { ...TaskErrorFields ${detailsField} }
    fragment TaskOutcomeFields on Task { ${resultField} }
    fragment TaskCompletedFields on TaskCompleted { ${resultField} }`
}
