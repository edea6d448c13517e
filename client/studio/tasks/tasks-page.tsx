import { memo, type ReactElement, useEffect, useState } from 'react'
import type { TaskSummaryFieldsFragment } from '../../gql/graphql.ts'
import type { QueuePosition as Position } from '../../index.ts'
import { describeError, useConnection, useTasks } from '../../react/index.ts'
import { formatMinute } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { hasErrorCode } from '../use-fetched.ts'
import { kindFilters, readFilters, statusFilters } from './labels.ts'
import { StatusBadge } from './status-badge.tsx'
import { describeKind } from './task-actions.tsx'
import { TaskState } from './task-state.tsx'

/** The viewer's tasks, with filters that are part of the address. */
export function TasksPage(): ReactElement {
  useTitle('Tasks')
  const { route, go } = useRoute()
  const { status, kind } = route
  return (
    <div className="tasks-page">
      <h1>Tasks</h1>
      <div className="task-filters">
        <nav aria-label="Status">
          {statusFilters.map(({ name, title }) => (
            <Link key={title} to={{ page: 'tasks', status: name, kind }} isCurrent={name === status}>
              {title}
            </Link>
          ))}
        </nav>
        <label>
          Kind{' '}
          <select
            value={kind ?? ''}
            onChange={({ target }) => go({ page: 'tasks', status, kind: target.value === '' ? null : target.value })}
          >
            <option value="">All kinds</option>
            {kindFilters.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
      </div>
      {/* Another list begins at its first page. */}
      <TaskList key={`${status} ${kind}`} status={status} kind={kind} />
    </div>
  )
}

function TaskList({ status, kind }: { readonly status: string | null; readonly kind: string | null }): ReactElement {
  const [pages, setPages] = useState<readonly string[]>([])
  const isSocket = useConnection().transport === 'websocket'
  const filters = readFilters(status, kind)
  const list = useTasks({
    first: 20,
    watch: isSocket ? 20 : 2,
    after: pages.at(-1) ?? null,
    ...(filters.status === undefined ? {} : { status: filters.status }),
    ...(filters.kind === undefined ? {} : { kind: filters.kind }),
  })
  const { tasks, states, isLoading, error, hasNextPage, endCursor, refetch } = list
  const isCursorMissing = hasNextPage && endCursor === null && !isLoading && error === null
  useEffect(() => {
    if (isCursorMissing) refetch()
  }, [isCursorMissing, refetch])
  if (hasErrorCode(error, 'UNAUTHENTICATED')) return <TokenForm />
  const isFiltered = filters.status !== undefined || filters.kind !== undefined
  return (
    <>
      <Refusal text={tasks.length === 0 ? describeError(error) : null} onAgain={refetch} />
      {tasks.length > 0 || error !== null ? null : isLoading ? (
        <p className="note">Loading …</p>
      ) : (
        <div className="tasks-empty">
          <p>{isFiltered ? 'No tasks match these filters.' : 'No tasks yet.'}</p>
          {isFiltered ? (
            <Link to={{ page: 'tasks' }}>Show all tasks</Link>
          ) : (
            <p className="note">
              <Link to={{}}>Import a document</Link> to start one, or use <a href="/graphql">GraphiQL</a>.
            </p>
          )}
        </div>
      )}
      <ul className="task-list" aria-label="Your tasks">
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} queue={states.get(task.id)?.queue ?? null} />
        ))}
      </ul>
      {pages.length === 0 && !hasNextPage ? null : (
        <p className="document-pages">
          <button type="button" disabled={pages.length === 0} onClick={() => setPages(pages.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            disabled={!hasNextPage || endCursor === null}
            onClick={() => setPages(endCursor === null ? pages : [...pages, endCursor])}
          >
            Older
          </button>
        </p>
      )}
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
      <div className="task-row-head">
        <Link to={{ taskId: id }} className="card-title">
          {name}
        </Link>
        <StatusBadge status={status} />
        <time dateTime={createdAt} className="note">
          {formatMinute(createdAt)}
        </time>
      </div>
      <TaskState task={task} queue={queue} name={name} />
    </li>
  )
})
