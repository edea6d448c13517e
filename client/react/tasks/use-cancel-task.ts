import { useCallback } from 'react'
import { CancelTaskDocument, type CancelTaskMutation } from '../../gql/graphql.ts'
import { type TaskMutation, type TaskMutationOutcome, useTaskMutation } from './use-task-mutation.ts'

/** Canceling tasks, with the state of the last attempt. */
export interface CancelTask extends Omit<TaskMutation<CancelTaskMutation, never>, 'run'> {
  /** Cancels a task for all its subscribers. @param reason - shown to them */
  readonly cancel: (id: string, reason?: string) => Promise<TaskMutationOutcome<CancelTaskMutation>>
}

/**
 * Cancels tasks. Every subscriber of the task receives the change as an event.
 * @example
 * const { cancel } = useCancelTask()
 * // <button onClick={() => cancel(task.id)}>Cancel</button>
 */
export function useCancelTask(): CancelTask {
  const { run, ...state } = useTaskMutation(CancelTaskDocument)
  const cancel = useCallback((id: string, reason?: string) => run({ id, reason: reason ?? null }), [run])
  return { ...state, cancel }
}
