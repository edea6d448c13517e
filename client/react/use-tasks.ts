import type { CombinedError } from '@urql/core'
import { useCallback, useMemo, useSyncExternalStore } from 'react'
import { useQuery } from 'urql'
import { type TaskSummaryFieldsFragment, TasksDocument } from '../gql/graphql.ts'
import { isFinalStatus } from '../reduce/task.ts'
import type { TaskState } from '../reduce/task-state.ts'
import { useTidings } from './provider.ts'
import { startedTasksOf } from './started-tasks.ts'
import { useManyTasks } from './use-many-tasks.ts'

/** The viewer's tasks. */
export interface LiveTasks {
  /** The current tasks, newest first. */
  readonly tasks: readonly TaskSummaryFieldsFragment[]
  /** The states of the watched tasks, by id: with their queue positions, items and outputs. */
  readonly states: ReadonlyMap<string, TaskState>
  readonly isLoading: boolean
  readonly error: CombinedError | null
  /** Fetches the list again. */
  readonly refetch: () => void
}

const nobody: readonly TaskSummaryFieldsFragment[] = []

/**
 * Lists the viewer's tasks: fetched once, then kept up to date by their events and by the tasks
 * that this page starts.
 *
 * @param options.first - the maximum number of tasks, up to 100. @default 20
 * @param options.watch - the maximum number of unfinished tasks to watch, newest first; 0 for none.
 * @default 4, because a browser opens only six connections to a server, and event streams may have
 * to replace the WebSocket
 */
export function useTasks({ first = 20, watch = 4 }: { first?: number; watch?: number } = {}): LiveTasks {
  const client = useTidings()
  const [{ data, fetching, error }, execute] = useQuery({ query: TasksDocument, variables: { first } })
  const store = startedTasksOf(client)
  const started = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
  const listed = data?.tasks.nodes ?? nobody

  const known = useMemo(() => mergeTasks(started, listed).slice(0, first), [started, listed, first])
  const watched = useMemo(() => known.filter(({ status }) => !isFinalStatus(status)).slice(0, watch), [known, watch])
  const states = useManyTasks(watched.map(({ id }) => id))
  const tasks = useMemo(() => known.map((task) => overlay(task, states.get(task.id))), [known, states])
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  return { tasks, states, isLoading: fetching, error: error ?? null, refetch }
}

/**
 * Merges by id, newest first. Of two versions of one task the finished one is kept, as it cannot
 * change any more.
 */
function mergeTasks(
  started: readonly TaskSummaryFieldsFragment[],
  listed: readonly TaskSummaryFieldsFragment[],
): readonly TaskSummaryFieldsFragment[] {
  const byId = new Map(started.map((task) => [task.id, task]))
  for (const task of listed) {
    const other = byId.get(task.id)
    if (other === undefined || !isFinalStatus(other.status)) byId.set(task.id, task)
  }
  return [...byId.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0))
}

interface Overlaid {
  readonly task: TaskSummaryFieldsFragment
  readonly now: TaskSummaryFieldsFragment
}
/**
 * Usually only one of several running tasks changes at a time. The others keep their identity, so
 * that a list need not render them.
 */
const overlaid = new WeakMap<TaskState, Overlaid>()

function overlay(task: TaskSummaryFieldsFragment, state: TaskState | undefined): TaskSummaryFieldsFragment {
  if (state === undefined) return task
  const known = overlaid.get(state)
  if (known?.task === task) return known.now
  const { status, attempt, progress, error, isOver, at } = state
  const now = { ...task, status, attempt, progress, error, finishedAt: isOver ? at : null }
  overlaid.set(state, { task, now })
  return now
}
