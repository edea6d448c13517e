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
  /** Newest first, as they are now. */
  readonly tasks: readonly TaskSummaryFieldsFragment[]
  /** What is known of those that are watched, by id: their places in line, their items and outputs. */
  readonly states: ReadonlyMap<string, TaskState>
  readonly isLoading: boolean
  readonly error: CombinedError | null
  /** Asks the server for the list again. */
  readonly refetch: () => void
}

const nobody: readonly TaskSummaryFieldsFragment[] = []

/**
 * Lists the viewer's tasks: fetched once, then kept up to date by what happens to them and by what is started here.
 *
 * @param options.first - at most this many, up to 100. Default 20
 * @param options.watch - at most this many that are not over are watched, the newest; 0 for none. Default 4: where event
 * streams have to stand in for the WebSocket, a browser opens six connections to a server and no more
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

/** Newest first; of two words on one task the one that is over counts, as nothing comes after it. */
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
/** Of tasks that run at once one moves at a time: the others stay the same objects, and a list need not render them. */
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
