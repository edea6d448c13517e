import { memo, type ReactElement, useState } from 'react'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import { isFinalStatus, type QueuePosition as Position } from '../../index.ts'
import { describeError, type LiveTasks } from '../../react/index.ts'
import { formatMinute } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { describeKind } from '../tasks/task-actions.tsx'
import { TaskState } from '../tasks/task-state.tsx'

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
          <TaskRow key={task.id} task={task} queue={states.get(task.id)?.queue ?? null} />
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
  readonly queue: Position | null
}): ReactElement {
  const { task, queue } = props
  const { id, kind, status, createdAt } = task
  const name = describeKind(kind)
  return (
    <li data-status={status}>
      <p className="task-title">
        <Link to={{ taskId: id }}>{name}</Link>
        <time dateTime={createdAt}>{formatMinute(createdAt)}</time>
      </p>
      <TaskState task={task} queue={queue} name={name} />
    </li>
  )
})
