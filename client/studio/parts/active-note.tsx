import { type ReactElement, useEffect } from 'react'
import { ProgressBar, useTask } from '../../react/index.ts'

/**
 * Shows the progress of the task that works on a list entry: a bar while it runs, otherwise text.
 *
 * @param props.label - names the work in progress, for assistive technology
 * @param props.active - shown until the state of the task is known
 * @param props.over - shown when the task is finished
 * @param props.onOver - called when the task is finished; pass the same function on every render
 */
export function ActiveNote(props: {
  readonly taskId: string | null
  readonly label: string
  readonly active: string
  readonly over: string
  readonly onOver?: () => void
}): ReactElement {
  const { taskId, label, active, over, onOver } = props
  const { task } = useTask(taskId)
  const isOver = task?.isOver === true
  useEffect(() => {
    if (isOver) onOver?.()
  }, [isOver, onOver])
  if (task === null || isOver) return <p className="note">{isOver ? over : active}</p>
  return (
    <div className="active-note">
      <ProgressBar task={task} label={label} isQuiet />
    </div>
  )
}
