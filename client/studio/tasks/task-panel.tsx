import type { ReactElement } from 'react'
import type { TaskState } from '../../index.ts'
import { describeDuration, endSentence, ProgressBar, QueuePosition, useNow } from '../../react/index.ts'
import { Problem } from '../parts/problem.tsx'
import { AgainButton, CancelButton, canRetry, describeKind } from './task-actions.tsx'

/** One task in full: progress, queue position, error, and the buttons to cancel and retry. */
export function TaskPanel(props: {
  readonly task: TaskState
  readonly title?: string
  readonly onStarted?: (taskId: string) => void
}): ReactElement {
  const { task, title = describeKind(task.kind), onStarted } = props
  const { id, status, error, isOver, queue, cancelReason } = task
  return (
    <section className="task-panel" data-status={status} aria-label={title}>
      <div className="task-panel-head">
        <h2>{title}</h2>
        {isOver ? null : <CancelButton id={id} label={`Cancel: ${title}`} />}
        {canRetry(task) ? (
          <AgainButton id={id} label={`Retry: ${title}`} {...(onStarted === undefined ? {} : { onStarted })} />
        ) : null}
      </div>
      <ProgressBar task={task} label={title} />
      <QueuePosition queue={queue} />
      {status === 'RETRYING' ? <NextAttempt task={task} /> : null}
      {status === 'FAILED' && error !== null ? (
        <p className="failure">
          <Problem error={error} />
        </p>
      ) : null}
      {cancelReason === null ? null : <p className="note">{cancelReason}</p>}
    </section>
  )
}

/** The time until the next attempt of a RETRYING task, and the cause of the last failure. */
export function NextAttempt({ task: { attempt, error, nextAttemptAt } }: { readonly task: TaskState }): ReactElement {
  const now = useNow(nextAttemptAt !== null)
  const waitMs = nextAttemptAt === null ? 0 : Date.parse(nextAttemptAt) - now
  return (
    <p className="note">
      {error === null ? null : endSentence(error.message)} Attempt {attempt + 1}{' '}
      {waitMs > 500 ? `in ${describeDuration(waitMs)}` : 'now'}.
    </p>
  )
}
