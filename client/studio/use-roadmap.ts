import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { RoadmapOutlineDocument, type RoadmapOutlineQuery, RoadmapUpdatesDocument } from '../gql/graphql.ts'
import { useLive } from '../react/use-live.ts'
import { useManyTasks } from '../react/use-many-tasks.ts'
import type { TaskState } from '../reduce/task-state.ts'
import { reduceRoadmapNews } from './roadmap-news.ts'
import { useFetched } from './use-fetched.ts'

/** A roadmap as it was fetched. */
export type Outline = NonNullable<RoadmapOutlineQuery['roadmap']>

/** A roadmap and the tasks that work on it. */
export interface LiveRoadmap {
  /** Null while it is fetched, and when there is none. */
  readonly outline: Outline | null
  readonly isLoading: boolean
  readonly failure: string | null
  /** Those that were running when the page was opened and those that were started since, by whomever, oldest first. */
  readonly tasks: readonly TaskState[]
  /** Those of them that know more than what was fetched. */
  readonly overlays: readonly TaskState[]
  /** Takes a task that was just started here. */
  readonly watch: (taskId: string) => void
  /** Asks the server again. */
  readonly refetch: () => void
}

/**
 * Keeps a roadmap up to date from its own events, which the cache takes and which name its tasks, and from the events of those. The server
 * is asked again when a new roadmap's structure has become known, when a task is over that leaves behind more than its last event tells,
 * and when events were left out.
 */
export function useRoadmap(id: string): LiveRoadmap {
  const { data, isLoading, failure, refetch } = useFetched(RoadmapOutlineDocument, { id }, { isTold: true })
  const outline = data?.roadmap ?? null
  const [started, setStarted] = useState<readonly string[]>([])
  const activeId = outline?.activeTask?.id
  const watch = useCallback((taskId: string) => {
    setStarted((known) => (known.includes(taskId) ? known : [...known, taskId]))
  }, [])
  // The one found on the page stays, also when a later fetch names none or another one.
  useEffect(() => {
    if (activeId !== undefined) watch(activeId)
  }, [activeId, watch])

  const { state: news } = useLive(RoadmapUpdatesDocument, { roadmapId: id }, reduceRoadmapNews)
  const newsIds = news?.taskIds
  useEffect(() => {
    // Theirs is the order in which the tasks were started.
    if (newsIds !== undefined) setStarted((known) => [...newsIds, ...known.filter((one) => !newsIds.includes(one))])
  }, [newsIds])

  const states = useManyTasks(started)
  const tasks = useMemo(
    () => started.map((one) => states.get(one)).filter((task) => task !== undefined),
    [started, states],
  )

  const gaps = news?.gaps ?? 0
  useEffect(() => {
    if (gaps > 0) refetch()
  }, [gaps, refetch])

  const isEmpty = outline !== null && outline.stages.length === 0
  const hasNewItems = isEmpty && tasks.some(({ items }) => items.size > 0)
  useEffect(() => {
    if (hasNewItems) refetch()
  }, [hasNewItems, refetch])

  // What a task has changed is in what was fetched after its end; from then on that counts.
  const [absorbed, setAbsorbed] = useState<readonly string[]>([])
  const settled = useRef(new Set<string>())
  const toAbsorb = useRef<string[]>([])
  useEffect(() => {
    if (isLoading || toAbsorb.current.length === 0) return
    const ids = toAbsorb.current
    toAbsorb.current = []
    setAbsorbed((known) => [...known, ...ids])
  }, [isLoading])
  useEffect(() => {
    for (const task of tasks) {
      if (!task.isOver || settled.current.has(task.id)) continue
      settled.current.add(task.id)
      // The result of a retry brings its concept along, and the cache has taken it in.
      const tellsAll = task.kind === 'RETRY_CONTENT' && task.status === 'COMPLETED'
      if (tellsAll) setAbsorbed((known) => [...known, task.id])
      else {
        toAbsorb.current.push(task.id)
        refetch()
      }
    }
  }, [tasks, refetch])
  const overlays = useMemo(() => tasks.filter((task) => !absorbed.includes(task.id)), [tasks, absorbed])

  return { outline, isLoading, failure, tasks, overlays, watch, refetch }
}
