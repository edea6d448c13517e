import type { ReactElement } from 'react'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import { isFinalStatus, type QueuePosition as Position } from '../../index.ts'
import { ProgressBar, QueuePosition } from '../../react/index.ts'
import { Problem } from '../parts/problem.tsx'
import { AgainButton, CancelButton, canRetry } from './task-actions.tsx'

/** The part of a task in a list that follows its name: progress or queue position, error, and its actions. */
export function TaskState(props: {
  readonly task: TaskSummaryFieldsFragment
  readonly queue: Position | null
  readonly name: string
}): ReactElement {
  const { task, queue, name } = props
  const { id, status, error } = task
  return (
    <>
      <ProgressBar task={task} label={name} isQuiet />
      {status === 'QUEUED' ? <QueuePosition queue={queue} isQuiet /> : null}
      {error !== null && status !== 'COMPLETED' ? (
        <p className="failure">
          <Problem error={{ message: error.message }} />
        </p>
      ) : null}
      {isFinalStatus(status) ? null : <CancelButton id={id} label={`Cancel: ${name}`} />}
      {canRetry(task) ? <AgainButton id={id} label={`Retry: ${name}`} /> : null}
    </>
  )
}
