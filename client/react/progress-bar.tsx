import { type ReactElement, useEffect, useState } from 'react'
import type { TaskState } from '../reduce/task-state.ts'
import { useNow } from './use-now.ts'
import { describeDuration, describeForAnnouncement, describeWhere } from './words.ts'

/** What a {@link ProgressBar} needs to know of a task: a `TaskState` and a summary of a list both do. */
export type ProgressBarTask = Pick<TaskState, 'status' | 'progress' | 'error'>

/**
 * How far a task is: stage, percent, items, elapsed and remaining time. Screen readers are told of stages and quarters, not
 * of every percent. Unstyled: `tidings-progress` and its parts are there to be styled.
 *
 * @param props.label - what is in progress, for those who do not see it beside the bar
 * @param props.isQuiet - announces nothing, for bars of which there are many
 */
export function ProgressBar(props: {
  readonly task: ProgressBarTask
  readonly label: string
  readonly isQuiet?: boolean
}): ReactElement {
  const { task, label, isQuiet = false } = props
  const { status, progress } = task
  const { percent, message, completedItems, failedItems, totalItems } = progress
  const rounded = Math.floor(percent)
  const where = describeWhere(task)
  return (
    <div className="tidings-progress" data-status={status}>
      <div
        className="tidings-progress-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={rounded}
        aria-valuetext={`${where}, ${rounded} percent`}
      >
        <div className="tidings-progress-value" style={{ transform: `scaleX(${percent / 100})` }} />
      </div>
      <p className="tidings-progress-text">
        <span className="tidings-progress-where">{where}</span>
        {message !== null && status === 'RUNNING' ? <span className="tidings-progress-message">{message}</span> : null}
        {totalItems > 1 ? (
          <span className="tidings-progress-items">
            {completedItems} of {totalItems}
            {failedItems > 0 ? `, ${failedItems} failed` : ''}
          </span>
        ) : null}
        <Times task={task} />
        {status === 'COMPLETED' ? null : <span className="tidings-progress-percent">{rounded} %</span>}
      </p>
      {isQuiet ? null : (
        <p className="tidings-hidden" role="status">
          {label}: {describeForAnnouncement(task)}
        </p>
      )}
    </div>
  )
}

/** Elapsed and remaining, counted on between two events. */
function Times({ task: { status, progress } }: { readonly task: ProgressBarTask }): ReactElement | null {
  const isRunning = status === 'RUNNING'
  const now = useNow(isRunning)
  const [toldAt, setToldAt] = useState(now)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new progress is what was told now
  useEffect(() => setToldAt(Date.now()), [progress])
  const { elapsedMs, remainingMs } = progress
  if (elapsedMs === 0) return null
  const sinceMs = isRunning ? Math.max(0, now - toldAt) : 0
  const parts = [describeDuration(elapsedMs + sinceMs)]
  if (isRunning && remainingMs !== null) parts.push(`about ${describeDuration(remainingMs - sinceMs)} left`)
  return <span className="tidings-progress-times">{parts.join(', ')}</span>
}
