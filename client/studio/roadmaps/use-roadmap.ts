import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { RoadmapOutlineDocument, type RoadmapOutlineQuery, RoadmapUpdatesDocument } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { useLive, useManyTasks } from '../../react/index.ts'
import { hasErrorCode, useFetched } from '../use-fetched.ts'
import { reduceRoadmapNews } from './roadmap-news.ts'

/** A roadmap as fetched. */
export type Outline = NonNullable<RoadmapOutlineQuery['roadmap']>

/** A roadmap and the tasks that work on it. */
export interface LiveRoadmap {
  /** Null while it is being fetched, and when it does not exist. */
  readonly outline: Outline | null
  readonly isLoading: boolean
  readonly failure: string | null
  /**
   * The tasks that were running when the page was opened, and all started since by any user, oldest
   * first.
   */
  readonly tasks: readonly TaskState[]
  /** The tasks with newer states than the fetched data. */
  readonly overlays: readonly TaskState[]
  /** Watches a task that this page has just started. */
  readonly watch: (taskId: string) => void
  /** Fetches it from the server again. */
  readonly refetch: () => void
}

/**
 * Keeps a roadmap up to date from its own events, which the cache applies and which contain its
 * task ids, and from the events of those tasks. Fetches it again when the structure of a new
 * roadmap becomes known, when a finished task has changed more than its terminal event contains,
 * when events are missing, and when it was deleted.
 */
export function useRoadmap(id: string): LiveRoadmap {
  const { data, isLoading, failure, refetch } = useFetched(RoadmapOutlineDocument, { id }, { isNotified: true })
  const outline = data?.roadmap ?? null
  const [started, setStarted] = useState<readonly string[]>([])
  const activeId = outline?.activeTask?.id
  const watch = useCallback((taskId: string) => {
    setStarted((previous) => (previous.includes(taskId) ? previous : [...previous, taskId]))
  }, [])
  // The active task at opening is kept, even when a later fetch returns none or another one.
  useEffect(() => {
    if (activeId !== undefined) watch(activeId)
  }, [activeId, watch])

  const { state: news, error } = useLive(RoadmapUpdatesDocument, { roadmapId: id }, reduceRoadmapNews)
  const newsIds = news?.taskIds
  useEffect(() => {
    // The events contain the tasks in the order in which they were started.
    if (newsIds !== undefined)
      setStarted((previous) => [...newsIds, ...previous.filter((taskId) => !newsIds.includes(taskId))])
  }, [newsIds])

  const states = useManyTasks(started)
  const tasks = useMemo(
    () => started.map((taskId) => states.get(taskId)).filter((task) => task !== undefined),
    [started, states],
  )

  const gaps = news?.gaps ?? 0
  // A subscription resumed after the deletion is refused.
  const isDeleted = news?.isDeleted === true || hasErrorCode(error, 'NOT_FOUND')
  useEffect(() => {
    if (gaps > 0 || isDeleted) refetch()
  }, [gaps, isDeleted, refetch])

  const isEmpty = outline !== null && outline.stages.length === 0
  const hasNewItems = isEmpty && tasks.some(({ items }) => items.size > 0)
  useEffect(() => {
    if (hasNewItems) refetch()
  }, [hasNewItems, refetch])

  // A fetch after the end of a task contains its changes; from then on the fetched data takes
  // precedence.
  const [absorbedIds, setAbsorbed] = useState<readonly string[]>([])
  const settledIds = useRef(new Set<string>())
  const toAbsorb = useRef<string[]>([])
  useEffect(() => {
    if (isLoading || toAbsorb.current.length === 0) return
    const ids = toAbsorb.current
    toAbsorb.current = []
    setAbsorbed((previous) => [...previous, ...ids])
  }, [isLoading])
  useEffect(() => {
    for (const task of tasks) {
      if (!task.isOver || settledIds.current.has(task.id)) continue
      settledIds.current.add(task.id)
      // The result of a retry contains its concept, which the cache has applied already.
      const tellsAll = task.kind === 'RETRY_CONTENT' && task.status === 'COMPLETED'
      if (tellsAll) setAbsorbed((previous) => [...previous, task.id])
      else {
        toAbsorb.current.push(task.id)
        refetch()
      }
    }
  }, [tasks, refetch])
  const overlays = useMemo(() => tasks.filter((task) => !absorbedIds.includes(task.id)), [tasks, absorbedIds])

  return { outline, isLoading, failure, tasks, overlays, watch, refetch }
}
