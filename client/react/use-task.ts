import type { CombinedError } from '@urql/core'
import { TaskProgressDocument, type TaskProgressSubscription } from '../gql/graphql.ts'
import { reduceTask } from '../reduce/task.ts'
import type { TaskState } from '../reduce/task-state.ts'
import { useLive } from './use-live.ts'

/** The live state of a task. */
export interface LiveTask {
  /** Null until the snapshot has arrived, which is the first event. */
  readonly task: TaskState | null
  /** Why the task cannot be watched, such as an unknown id; null otherwise. */
  readonly error: CombinedError | null
}

/** The reducer shared by all subscribers of tasks. */
export function reduceTaskProgress(
  state: TaskState | undefined,
  { taskProgress }: TaskProgressSubscription,
): TaskState {
  return reduceTask(state, taskProgress)
}

/**
 * Watches a task: its whole state first, then every change until it is finished.
 *
 * @param id - null or undefined while there is no task to watch
 */
export function useTask(id: string | null | undefined): LiveTask {
  const variables = id === null || id === undefined ? null : { taskId: id }
  const { state, error } = useLive(TaskProgressDocument, variables, reduceTaskProgress)
  return { task: state ?? null, error }
}
