import type { CombinedError } from '@urql/core'
import { useCallback } from 'react'
import { TaskItemsDocument, TaskProgressDocument, type TaskProgressSubscription } from '../../gql/graphql.ts'
import { addItems, reduceTask } from '../../reduce/task.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { useTidings } from '../provider.ts'
import { sharedLiveOf } from '../shared-live.ts'
import { useLive } from '../use-live.ts'

/** The live state of a task. */
export interface LiveTask {
  /** Null until the snapshot has arrived, which is the first event. */
  readonly task: TaskState | null
  /** Why the task cannot be watched, such as an unknown id; null otherwise. */
  readonly error: CombinedError | null
  /**
   * Loads the next page of `task.items`, for all components that watch the task. Null when all items are loaded. Has no effect while a
   * page is being loaded. Rejects with a CombinedError.
   */
  readonly loadItems: (() => Promise<void>) | null
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
  const client = useTidings()
  const variables = id === null || id === undefined ? null : { taskId: id }
  const { state, error } = useLive(TaskProgressDocument, variables, reduceTaskProgress)
  const loadItems = useCallback(async () => {
    const source = { document: TaskProgressDocument, variables: { taskId: id ?? '' }, reducer: reduceTaskProgress }
    await sharedLiveOf(client).change(source, async ({ id, items }) => {
      const variables = { id, afterKey: [...items.keys()].at(-1) ?? null }
      const { data, error } = await client.urql.query(TaskItemsDocument, variables, { requestPolicy: 'network-only' })
      if (error !== undefined) throw error
      return (before) => addItems(before, data?.task?.items ?? [])
    })
  }, [client, id])
  const hasMore = state !== undefined && state.items.size < state.progress.totalItems
  return { task: state ?? null, error, loadItems: hasMore ? loadItems : null }
}
