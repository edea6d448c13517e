import { type ReactElement, useEffect } from 'react'
import { useTask } from '../react/use-task.ts'

/**
 * How far the task is that works on something in a list, in words.
 *
 * @param props.active - what it is while it is worked on
 * @param props.over - what it is then
 * @param props.onOver - called when the task is over; the same function as long as it is the same
 */
export function ActiveNote(props: {
  readonly taskId: string | null
  readonly active: string
  readonly over: string
  readonly onOver?: () => void
}): ReactElement {
  const { taskId, active, over, onOver } = props
  const { task } = useTask(taskId)
  const isOver = task?.isOver === true
  useEffect(() => {
    if (isOver) onOver?.()
  }, [isOver, onOver])
  if (task === null) return <>{active}</>
  return <>{isOver ? over : `${active}, ${Math.floor(task.progress.percent)} %`}</>
}
