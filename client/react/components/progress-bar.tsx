import { type ReactElement, useEffect, useState } from 'react'
import type { TaskState } from '../../reduce/task-state.ts'
import { useWords } from '../provider.ts'
import { useNow } from '../use-now.ts'

/**
 * The task fields that a {@link ProgressBar} needs. A `TaskState` and a list's task summary both
 * fit.
 */
export type ProgressBarTask = Pick<TaskState, 'status' | 'progress' | 'error'>

/**
 * Shows the progress of a task: stage, percent, items, elapsed and remaining time. Screen readers
 * announce stages and quarters, not every percent. `tidings/styles.css` styles it.
 *
 * @param props.label - names the work in progress, for assistive technology
 * @param props.isQuiet - announces nothing, for pages with many bars. @default false
 * @example
 * {task !== null && <ProgressBar task={task} label="Export" />}
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
  const words = useWords()
  const where = words.status(task)
  return (
    <div className="tidings-progress" data-status={status}>
      <div
        className="tidings-progress-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={rounded}
        aria-valuetext={words.value(where, rounded)}
      >
        <div className="tidings-progress-value" style={{ transform: `scaleX(${percent / 100})` }} />
      </div>
      {/* The spaces separate the parts where there is no style sheet. */}
      <p className="tidings-progress-text">
        <span className="tidings-progress-where">{where}</span>{' '}
        {message !== null && status === 'RUNNING' ? <span className="tidings-progress-message">{message}</span> : null}{' '}
        {totalItems > 1 ? (
          <span className="tidings-progress-items">
            {words.items({ completed: completedItems, failed: failedItems, total: totalItems })}
          </span>
        ) : null}{' '}
        <Times task={task} />{' '}
        {status === 'COMPLETED' ? null : <span className="tidings-progress-percent">{words.percent(rounded)}</span>}
      </p>
      {isQuiet ? null : (
        <p className="tidings-hidden" role="status">
          {label}: {words.announcement(task)}
        </p>
      )}
    </div>
  )
}

/** Shows elapsed and remaining time, which continue to count between two events. */
function Times({ task: { status, progress } }: { readonly task: ProgressBarTask }): ReactElement | null {
  const isRunning = status === 'RUNNING'
  const words = useWords()
  const now = useNow(isRunning)
  const [toldAt, setToldAt] = useState(now)
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new progress has just been announced
  useEffect(() => setToldAt(Date.now()), [progress])
  const { elapsedMs, remainingMs } = progress
  if (elapsedMs === 0) return null
  const sinceMs = isRunning ? Math.max(0, now - toldAt) : 0
  const leftMs = isRunning && remainingMs !== null ? remainingMs - sinceMs : null
  return <span className="tidings-progress-times">{words.times(elapsedMs + sinceMs, leftMs)}</span>
}
