import type { CombinedError } from '@urql/core'
import { TaskProgressDocument, type TaskProgressSubscription } from '../gql/graphql.ts'
import { reduceTask } from '../reduce/task.ts'
import type { TaskState } from '../reduce/task-state.ts'
import { useLive } from './use-live.ts'

/** What is known of a task. */
export interface LiveTask {
  /** Null until the snapshot has come, which is the first thing that comes. */
  readonly task: TaskState | null
  /** Why it cannot be watched, such as that there is none with this id. */
  readonly error: CombinedError | null
}

/** The fold that all who watch tasks share. */
export function reduceTaskProgress(
  state: TaskState | undefined,
  { taskProgress }: TaskProgressSubscription,
): TaskState {
  return reduceTask(state, taskProgress)
}

/**
 * Watches a task: its whole state from the first moment, then as it changes, until it is over.
 *
 * @param id - null or undefined while there is none to watch
 */
export function useTask(id: string | null | undefined): LiveTask {
  const variables = id === null || id === undefined ? null : { taskId: id }
  const { state, error } = useLive(TaskProgressDocument, variables, reduceTaskProgress)
  return { task: state ?? null, error }
}
