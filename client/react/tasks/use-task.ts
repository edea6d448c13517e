import type { CombinedError } from '@urql/core'
import { useCallback, useMemo } from 'react'
import { TaskItemsDocument, type TaskProgressSubscription } from '../../gql/graphql.ts'
import { taskDocumentOf } from '../../kinds/documents.ts'
import { type AnyKind, asTaskOf, type TaskOf } from '../../kinds/generated-kind.ts'
import { addItems, reduceTask } from '../../reduce/task.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { useTidings } from '../provider.ts'
import { sharedLiveOf } from '../shared-live.ts'
import { useLive } from '../use-live.ts'

/** The live state of a task. */
export interface LiveTask<Task = TaskState, Failure = CombinedError> {
  /** Null until the snapshot has arrived, which is the first event. */
  readonly task: Task | null
  /** Why the task cannot be watched, such as an unknown id; null otherwise. */
  readonly error: Failure | null
  /**
   * Loads the next page of `task.items`, for all components that watch the task. Null when all items are loaded. Has no effect while a
   * page is being loaded. Rejects with a CombinedError.
   */
  readonly loadItems: (() => Promise<void>) | null
}

/**
 * The live state of a task of a kind. `error` is a CombinedError, or a TypeError when the task is of another kind or its result does
 * not have the type of its kind any more.
 */
export type LiveTaskOf<K extends AnyKind> = LiveTask<TaskOf<K>, CombinedError | TypeError>

/** The reducer shared by all subscribers of tasks. */
export function reduceTaskProgress(
  state: TaskState | undefined,
  { taskProgress }: TaskProgressSubscription,
): TaskState {
  return reduceTask(state, taskProgress)
}

/**
 * Watches a task: its whole state first, then every change until it is finished. With a kind of `tidings.gen.ts`, its result and
 * error details are typed.
 *
 * @param id - null or undefined while there is no task to watch
 * @example
 * const { task } = useTask(exportReport, id)
 * if (task?.status === 'COMPLETED') return <a href={task.result.url}>{task.result.pages} pages</a>
 */
export function useTask(id: string | null | undefined): LiveTask
export function useTask<K extends AnyKind>(kind: K, id: string | null | undefined): LiveTaskOf<K>
export function useTask(
  ...args: [id: string | null | undefined] | [kind: AnyKind, id: string | null | undefined]
): LiveTask<unknown, Error> {
  const [kind, id] = args.length === 2 ? args : [undefined, args[0]]
  const client = useTidings()
  const document = taskDocumentOf(client, kind)
  const variables = id === null || id === undefined ? null : { taskId: id }
  const { state, error } = useLive(document, variables, reduceTaskProgress)
  const loadItems = useCallback(async () => {
    const source = { document, variables: { taskId: id ?? '' }, reducer: reduceTaskProgress }
    await sharedLiveOf(client).change(source, async ({ id, items }) => {
      const variables = { id, afterKey: [...items.keys()].at(-1) ?? null }
      const { data, error } = await client.urql.query(TaskItemsDocument, variables, { requestPolicy: 'network-only' })
      if (error !== undefined) throw error
      return (before) => addItems(before, data?.task?.items ?? [])
    })
  }, [client, document, id])
  const typed = useMemo(() => (state === undefined ? noTask : readTask(kind, state)), [kind, state])
  const hasMore = state !== undefined && state.items.size < state.progress.totalItems
  return { task: typed.task, error: error ?? typed.error, loadItems: hasMore ? loadItems : null }
}

const noTask = { task: null, error: null } as const

function readTask(
  kind: AnyKind | undefined,
  state: TaskState,
): { readonly task: unknown; readonly error: Error | null } {
  try {
    return { task: kind === undefined ? state : asTaskOf(kind, state), error: null }
  } catch (error) {
    return { task: null, error: error as TypeError }
  }
}
