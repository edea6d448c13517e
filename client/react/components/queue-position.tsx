import type { ReactElement } from 'react'
import type { QueuePosition as Position } from '../../reduce/task-state.ts'
import { useWords } from '../provider.ts'

/**
 * Shows the position of a task in the queue and the estimated wait. Renders nothing while the
 * position is unknown. Screen readers announce the position when it changes, not every second.
 *
 * @param props.isQuiet - announces nothing, for lists. @default false
 * @example
 * {task !== null && <QueuePosition queue={task.queue} />}
 */
export function QueuePosition(props: {
  readonly queue: Position | null
  readonly isQuiet?: boolean
}): ReactElement | null {
  const { queue, isQuiet = false } = props
  const words = useWords()
  if (queue === null) return null
  const { estimatedWaitMs } = queue
  return (
    <p className="tidings-queue">
      <span className="tidings-queue-position" role={isQuiet ? undefined : 'status'}>
        {words.queue(queue)}
      </span>
      {estimatedWaitMs === null ? null : <span className="tidings-queue-wait"> · {words.wait(estimatedWaitMs)}</span>}
    </p>
  )
}
