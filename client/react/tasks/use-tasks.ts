import type { CombinedError } from '@urql/core'
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useQuery } from 'urql'
import {
  type TaskKind,
  type TaskStatus,
  type TaskSummaryFieldsFragment,
  TasksDocument,
  type TasksQueryVariables,
} from '../../gql/graphql.ts'
import type { ClientPlugin, TaskChanges } from '../../plugin.ts'
import { isFinalStatus } from '../../reduce/task.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import type { TidingsClient } from '../../tidings-client.ts'
import { useTidings } from '../provider.ts'
import type { LiveReducer } from '../shared-live.ts'
import { useLive } from '../use-live.ts'
import { startedTasksOf } from './started-tasks.ts'
import { useManyTasks } from './use-many-tasks.ts'

/** Which of the viewer's tasks {@link useTasks} lists. */
export interface TaskListOptions {
  /** The maximum number of tasks, up to 100. Default 20. */
  readonly first?: number
  /**
   * The maximum number of unfinished tasks whose progress is followed, the newest first; 0 for none. Default 4: where event
   * streams replace the WebSocket, a browser opens six connections to a server and no more.
   */
  readonly watch?: number
  /** Only tasks of these kinds. Keep the array the same between renders. */
  readonly kind?: readonly TaskKind[]
  /** Only tasks with these statuses. Keep the array the same between renders. */
  readonly status?: readonly TaskStatus[]
  /** The `endCursor` of the previous page. New tasks appear on the first page only. */
  readonly after?: string | null
}

/** The viewer's tasks. */
export interface LiveTasks {
  /** Newest first, in their current state. */
  readonly tasks: readonly TaskSummaryFieldsFragment[]
  /** The states of the watched tasks, by id: with their queue positions, items and outputs. */
  readonly states: ReadonlyMap<string, TaskState>
  readonly isLoading: boolean
  readonly error: CombinedError | null
  /** Whether there are older tasks. */
  readonly hasNextPage: boolean
  /** Pass it as `after` to list older tasks. Null after so many new tasks that `refetch` is needed to know it. */
  readonly endCursor: string | null
  /** Fetches the list again. */
  readonly refetch: () => void
}

const noEdges: readonly { readonly cursor: string; readonly node: TaskSummaryFieldsFragment }[] = []
const noChanges: TaskChanges['tasks'] = new Map()
const noVariables = {}

/**
 * Lists the viewer's tasks. The list is fetched once; the subscription of the plugin with `taskChanges` adds tasks that were
 * started anywhere, changes their status and removes deleted ones.
 * @example
 * const { tasks, isLoading, error } = useTasks()
 */
export function useTasks(options: TaskListOptions = {}): LiveTasks {
  const { first = 20, watch = 4, kind, status, after } = options
  const client = useTidings()
  // Undefined variables are not sent.
  const variables = { first, kind, status, after: after ?? undefined } as TasksQueryVariables
  const [{ data, fetching, error }, execute] = useQuery({ query: TasksDocument, variables })
  const refetch = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])
  const store = startedTasksOf(client)
  const started = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot)
  const changes = useTaskChanges(client)
  // Also when the updates begin after the list was fetched: what happened in between is in neither.
  const gaps = changes?.gaps
  const changedTasks = changes?.tasks ?? noChanges
  const fetchedGaps = useRef(gaps)
  useEffect(() => {
    if (fetchedGaps.current === gaps) return
    fetchedGaps.current = gaps
    refetch()
  }, [gaps, refetch])

  const edges = data?.tasks.edges ?? noEdges
  const isFirstPage = (after ?? null) === null
  const matching = useMemo(() => {
    const all = mergeTasks(started, edges, changedTasks)
    const listedIds = new Set(edges.map(({ node }) => node.id))
    return all.filter((task) => matches(task, kind, status) && (isFirstPage || listedIds.has(task.id)))
  }, [started, edges, changedTasks, kind, status, isFirstPage])
  const page = useMemo(() => matching.slice(0, first), [matching, first])
  const watchedTasks = useMemo(() => page.filter((task) => !isFinalStatus(task.status)).slice(0, watch), [page, watch])
  const states = useManyTasks(watchedTasks.map(({ id }) => id))
  const tasks = useMemo(
    () => page.map((task) => overlay(task, states.get(task.id))).filter((task) => matches(task, kind, status)),
    [page, states, kind, status],
  )
  // The last one that the server has listed: new tasks have moved the others to the next page.
  const endCursor = useMemo(() => {
    const shownIds = new Set(page.map(({ id }) => id))
    return edges.findLast(({ node }) => shownIds.has(node.id))?.cursor ?? null
  }, [page, edges])
  const hasNextPage = data?.tasks.pageInfo.hasNextPage === true || matching.length > first
  return { tasks, states, isLoading: fetching, error: error ?? null, hasNextPage, endCursor, refetch }
}

/** Follows the changes to the viewer's tasks that a plugin of the client reports; undefined without such a plugin. */
function useTaskChanges({ plugins }: TidingsClient): TaskChanges | undefined {
  const source = plugins.find((plugin) => plugin.taskChanges !== undefined)?.taskChanges ?? noSource
  return useLive(
    source.document,
    source === noSource ? null : noVariables,
    source.reducer as LiveReducer<object, TaskChanges>,
  ).state
}
const noSource: NonNullable<ClientPlugin['taskChanges']> = {
  document: TasksDocument as never,
  reducer: () => ({ tasks: noChanges, gaps: 0 }),
}

function matches(
  task: TaskSummaryFieldsFragment,
  kind: readonly TaskKind[] | undefined,
  status: readonly TaskStatus[] | undefined,
): boolean {
  return (kind?.includes(task.kind) ?? true) && (status?.includes(task.status) ?? true)
}

/** Merges the sources of a list, newest task first; of two states of one task the newer counts. */
function mergeTasks(
  started: readonly TaskSummaryFieldsFragment[],
  edges: typeof noEdges,
  changed: TaskChanges['tasks'],
): readonly TaskSummaryFieldsFragment[] {
  const byId = new Map<string, TaskSummaryFieldsFragment>()
  const put = (task: TaskSummaryFieldsFragment): void => {
    const existing = byId.get(task.id)
    if (existing === undefined || isNewer(task, existing)) byId.set(task.id, task)
  }
  for (const task of started) put(task)
  for (const { node } of edges) put(node)
  for (const [id, task] of changed) {
    if (task === null) byId.delete(id)
    else put(task)
  }
  return [...byId.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt))
}

/** Whether a state is as new as another one or newer. Nothing follows a final status. */
function isNewer(task: TaskSummaryFieldsFragment, existing: TaskSummaryFieldsFragment): boolean {
  if (isFinalStatus(existing.status)) return isFinalStatus(task.status)
  if (isFinalStatus(task.status)) return true
  if (task.attempt !== existing.attempt) return task.attempt > existing.attempt
  return task.progress.elapsedMs >= existing.progress.elapsedMs
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
  const entry = overlaid.get(state)
  if (entry?.task === task) return entry.now
  const { status, attempt, progress, error, isOver, at } = state
  const now = { ...task, status, attempt, progress, error, finishedAt: isOver ? at : null }
  overlaid.set(state, { task, now })
  return now
}
