import { useCallback } from 'react'
import { CancelTaskDocument, type CancelTaskMutation } from '../gql/graphql.ts'
import { type TaskMutation, type TaskMutationOutcome, useTaskMutation } from './use-task-mutation.ts'

/** Canceling, and where that stands. */
export interface CancelTask extends Omit<TaskMutation<CancelTaskMutation, never>, 'run'> {
  /** Stops a task, for everyone who watches it. @param reason - shown to them */
  readonly cancel: (id: string, reason?: string) => Promise<TaskMutationOutcome<CancelTaskMutation>>
}

/** Cancels tasks. Whoever watches the task is told by its events. */
export function useCancelTask(): CancelTask {
  const { run, ...state } = useTaskMutation(CancelTaskDocument)
  const cancel = useCallback((id: string, reason?: string) => run({ id, reason: reason ?? null }), [run])
  return { ...state, cancel }
}
