import { useEffect, useRef, useState } from 'react'
import { useViewerUpdates } from '../../apps/viewer/use-viewer-updates.ts'
import { ProjectDetailDocument, type ProjectFieldsFragment } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { useTask } from '../../react/index.ts'
import { useFetched } from '../use-fetched.ts'

/** A project and the task that works on it. */
interface LiveProject {
  /** Null while it is being fetched, and when it does not exist. */
  readonly project: ProjectFieldsFragment | null
  readonly isLoading: boolean
  readonly failure: string | null
  /** The newest task that generates or syncs it, as far as this page knows one. */
  readonly task: TaskState | null
  /** Watches a task that this page has just started. */
  readonly watch: (taskId: string) => void
}

/**
 * Keeps a project up to date: fetches it again when a file has been generated, when its task is
 * finished, and when it has changed in any other way, such as in another tab.
 */
export function useProject(id: string): LiveProject {
  const { data, isLoading, failure, refetch } = useFetched(ProjectDetailDocument, { id })
  useObjectChanges(id, refetch)
  const project = data?.project ?? null
  const [taskId, setTaskId] = useState<string | null>(null)
  const activeId = project?.activeTask?.id
  useEffect(() => {
    if (activeId !== undefined) setTaskId(activeId)
  }, [activeId])
  const { task } = useTask(taskId)
  const ready =
    task === null
      ? ''
      : `${task.id} ${task.kind === 'GENERATE_PROJECT' ? task.progress.completedItems : 0} ${task.isOver}`
  const previous = useRef('')
  useEffect(() => {
    if (ready === previous.current) return
    const isFirst = previous.current === ''
    previous.current = ready
    // When the page is opened, the current state has just been fetched.
    if (!isFirst || ready.endsWith('true')) refetch()
  }, [ready, refetch])
  return { project, isLoading, failure, task, watch: setTaskId }
}

/** Fetches an object of the viewer's lists again when it has changed, in any tab or by a task. */
function useObjectChanges(id: string, refetch: () => void): void {
  const { changes } = useViewerUpdates()
  const latest = changes === null ? null : `${changes.objects.get(id) ?? 0} ${changes.gaps}`
  const previous = useRef<string | null>(null)
  useEffect(() => {
    if (latest === null || latest === previous.current) return
    // The first state comes with the data of the page.
    const isFirst = previous.current === null
    previous.current = latest
    if (!isFirst) refetch()
  }, [latest, refetch])
}
