import { useEffect, useRef, useState } from 'react'
import { ProjectDetailDocument, type ProjectFieldsFragment } from '../../gql/graphql.ts'
import { useTask } from '../../react/use-task.ts'
import type { TaskState } from '../../reduce/task-state.ts'
import { useFetched } from '../use-fetched.ts'

/** A project and the task that works on it. */
export interface LiveProject {
  /** Null while it is fetched, and when there is none. */
  readonly project: ProjectFieldsFragment | null
  readonly isLoading: boolean
  readonly failure: string | null
  /** The newest task that makes or syncs it, as far as this page has seen one. */
  readonly task: TaskState | null
  /** Takes a task that was just started here. */
  readonly watch: (taskId: string) => void
}

/** Keeps a project up to date: it is asked for again when a file has been made, and when its task is over. */
export function useProject(id: string): LiveProject {
  const { data, isLoading, failure, refetch } = useFetched(ProjectDetailDocument, { id })
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
  const seen = useRef('')
  useEffect(() => {
    if (ready === seen.current) return
    const isFirst = seen.current === ''
    seen.current = ready
    // What a page finds when it is opened was fetched just now.
    if (!isFirst || ready.endsWith('true')) refetch()
  }, [ready, refetch])
  return { project, isLoading, failure, task, watch: setTaskId }
}
