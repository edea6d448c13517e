import { memo, type ReactElement, useState } from 'react'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import { ProgressBar } from '../../react/progress-bar.tsx'
import { QueuePlace } from '../../react/queue-place.tsx'
import type { LiveTasks } from '../../react/use-tasks.ts'
import { describeError } from '../../react/words.ts'
import { isFinalStatus } from '../../reduce/task.ts'
import type { QueuePlace as Place } from '../../reduce/task-state.ts'
import { formatMinute } from '../dates.ts'
import { Link } from '../link.tsx'
import { Problem } from '../problem.tsx'
import { Refusal } from '../refusal.tsx'
import { AgainButton, CancelButton, canRetry, describeKind } from '../task-actions.tsx'

/** The number of finished tasks shown initially. */
const maxOver = 3

/**
 * The viewer's current tasks: unfinished ones first, in full, then the most recently finished ones.
 */
export function PanelTasks({ list }: { readonly list: LiveTasks }): ReactElement {
  const { tasks, states, isLoading, error, refetch } = list
  const [isAll, setAll] = useState(false)
  const active = tasks.filter(({ status }) => !isFinalStatus(status))
  const over = tasks.filter(({ status }) => isFinalStatus(status))
  return (
    <>
      <Refusal text={tasks.length === 0 ? describeError(error) : null} onAgain={refetch} />
      {tasks.length === 0 && error === null ? <p className="note">{isLoading ? 'Loading …' : 'None yet.'}</p> : null}
      <ul className="tasks">
        {[...active, ...(isAll ? over : over.slice(0, maxOver))].map((task) => (
          <TaskRow key={task.id} task={task} place={states.get(task.id)?.queue ?? null} />
        ))}
      </ul>
      {over.length > maxOver ? (
        <button type="button" className="quiet" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer' : `Show ${over.length - maxOver} more`}
        </button>
      ) : null}
      <p className="panel-foot">
        <Link to={{ page: 'tasks' }}>View all tasks</Link>
      </p>
    </>
  )
}

const TaskRow = memo(function TaskRow(props: {
  readonly task: TaskSummaryFieldsFragment
  readonly place: Place | null
}): ReactElement {
  const { task, place } = props
  const { id, kind, status, createdAt, error } = task
  const name = describeKind(kind)
  return (
    <li data-status={status}>
      <p className="task-title">
        <Link to={{ taskId: id }}>{name}</Link>
        <time dateTime={createdAt}>{formatMinute(createdAt)}</time>
      </p>
      <ProgressBar task={task} label={name} isQuiet />
      {status === 'QUEUED' ? <QueuePlace place={place} isQuiet /> : null}
      {error !== null && status !== 'COMPLETED' ? (
        <p className="failure">
          <Problem error={{ message: error.message }} />
        </p>
      ) : null}
      {isFinalStatus(status) ? null : <CancelButton id={id} label={`Cancel: ${name}`} />}
      {canRetry(task) ? <AgainButton id={id} label={`Retry: ${name}`} /> : null}
    </li>
  )
})
