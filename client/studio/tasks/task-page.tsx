import { type ReactElement, type ReactNode, useEffect } from 'react'
import { TaskDetailsDocument, type TaskDetailsQuery, TaskProgressDocument } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { describeError, ProgressBar, QueuePosition, useLive, useTask } from '../../react/index.ts'
import { formatSecond } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Problem } from '../parts/problem.tsx'
import { type Route, useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { hasErrorCode, useFetched } from '../use-fetched.ts'
import { EventLog, Json, TextBlock } from './event-log.tsx'
import { ItemList } from './item-list.tsx'
import { StatusBadge } from './status-badge.tsx'
import { AgainButton, CancelButton, canRetry, describeKind } from './task-actions.tsx'
import { NextAttempt } from './task-panel.tsx'
import { reduceTaskStory } from './task-story.ts'
import { TimeLine } from './time-line.tsx'

type Details = NonNullable<TaskDetailsQuery['task']>

/** One task: its state, time line, events, output, input and result, as they change. */
export function TaskPage({ id }: { readonly id: string }): ReactElement {
  const { task, error, loadItems } = useTask(id)
  const { state: story } = useLive(TaskProgressDocument, { taskId: id, fromStart: true }, reduceTaskStory)
  const { data, refetch } = useFetched(TaskDetailsDocument, { id }, { isNotified: true })
  const { go } = useRoute()
  // The events do not carry the times and outcomes of attempts.
  const moment = task === null ? null : `${task.attempt} ${task.status}`
  useEffect(() => {
    if (moment !== null) refetch()
  }, [moment, refetch])
  const details = data?.task ?? null
  const title = task === null ? undefined : describeKind(task.kind)
  useTitle(title ?? (error === null ? undefined : 'Task not found'))
  if (hasErrorCode(error, 'UNAUTHENTICATED')) return <TokenForm />
  if (task === null || title === undefined)
    return error === null ? (
      <p className="page-note note">Loading …</p>
    ) : (
      <div className="page-note" role="alert">
        <h1>Task not found</h1>
        <p className="note">{describeError(error)}</p>
        <p>
          <Link to={{ page: 'tasks' }}>All tasks</Link>
        </p>
      </div>
    )
  return (
    <article className="task-page" aria-labelledby="task-title">
      <p className="task-path">
        <Link to={{ page: 'tasks' }}>Tasks</Link>
      </p>
      <header className="task-head">
        <h1 id="task-title">{title}</h1>
        <StatusBadge status={task.status} />
        <span className="task-actions">
          {task.isOver ? null : <CancelButton id={id} label={`Cancel: ${title}`} />}
          {canRetry(task) ? (
            <AgainButton id={id} label={`Retry: ${title}`} className="primary" onStarted={(taskId) => go({ taskId })} />
          ) : null}
        </span>
      </header>
      <section className="task-now" aria-label="Progress">
        <ProgressBar task={task} label={title} />
        <QueuePosition queue={task.queue} />
        {task.status === 'RETRYING' ? <NextAttempt task={task} /> : null}
        {task.status === 'FAILED' && task.error !== null ? (
          <p className="failure">
            <Problem error={task.error} /> <span className="document-code">{task.error.code}</span>
          </p>
        ) : null}
        {task.cancelReason === null ? null : <p className="note">Canceled: {task.cancelReason}</p>}
        <Result result={details?.result ?? null} />
      </section>
      <Facts task={task} details={details} />
      <section aria-labelledby="task-time">
        <h2 id="task-time">Time line</h2>
        {story === undefined ? (
          <p className="note">Loading …</p>
        ) : (
          <TimeLine story={story} attempts={details?.attempts ?? []} isOver={task.isOver} />
        )}
        <FailedAttempts details={details} task={task} />
      </section>
      <ItemList task={task} loadItems={loadItems} />
      <Outputs task={task} />
      {details?.input === undefined || details.input === null ? null : (
        <section aria-labelledby="task-input">
          <h2 id="task-input">Input</h2>
          <Json value={details.input} label="Input as JSON" />
        </section>
      )}
      {details?.result === undefined || details.result === null ? null : (
        <section aria-labelledby="task-result">
          <h2 id="task-result">Result</h2>
          <Json value={details.result} label="Result as JSON" />
        </section>
      )}
      <section aria-labelledby="task-events">
        <h2 id="task-events">
          Events <span className="note">{story?.eventCount ?? 0}</span>
        </h2>
        {story === undefined ? null : <EventLog story={story} />}
      </section>
    </article>
  )
}

function Facts({ task, details }: { readonly task: TaskState; readonly details: Details | null }): ReactElement {
  const { maxAttempts, attempt } = task
  return (
    <dl className="task-facts">
      <Fact name="Created" value={timeOf(details?.createdAt)} />
      <Fact name="Started" value={timeOf(details?.startedAt)} />
      <Fact name="Finished" value={timeOf(details?.finishedAt)} />
      <Fact name="Attempt" value={attempt} />
      <Fact
        name="Failed attempts"
        value={
          details === null || maxAttempts === null
            ? null
            : `${details.attempts.filter(({ outcome }) => outcome === 'FAILED').length} of at most ${maxAttempts}`
        }
      />
      <Fact
        name="Retry of"
        value={details?.retryOf ? <Link to={{ taskId: details.retryOf.id }}>the earlier task</Link> : null}
      />
      <Fact name="Id" value={<code>{task.id}</code>} />
    </dl>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: ReactNode }): ReactElement | null {
  if (value === null) return null
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function timeOf(at: string | null | undefined): ReactElement | null {
  return at === null || at === undefined ? null : <time dateTime={at}>{formatSecond(at)}</time>
}

/** The causes of failed attempts, except the last one of a failed task, which is shown at the top. */
function FailedAttempts(props: { readonly task: TaskState; readonly details: Details | null }): ReactElement | null {
  const { task, details } = props
  const failedAttempts = (details?.attempts ?? []).flatMap(({ attempt, error }) =>
    error === null || (task.status === 'FAILED' && attempt === task.attempt) ? [] : [{ attempt, error }],
  )
  if (failedAttempts.length === 0) return null
  return (
    <ul className="failed-attempts" aria-label="Failed attempts">
      {failedAttempts.map(({ attempt, error }) => (
        <li key={attempt}>
          <span className="note">Attempt {attempt}:</span>{' '}
          <span className="failure">
            <Problem error={error} /> <span className="document-code">{error.code}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}

/** The maximum number of characters of an output that is shown: its end. */
const maxOutputLength = 5_000

function Outputs({ task }: { readonly task: TaskState }): ReactElement | null {
  const outputs = [...task.outputs].filter(([, { text }]) => text !== '')
  if (outputs.length === 0) return null
  return (
    <section className="task-outputs" aria-labelledby="task-output">
      <h2 id="task-output">{task.isOver ? 'Output' : 'Partial output'}</h2>
      {outputs.map(([stream, { text }], index) => (
        // The stream that is being written is open; of a finished task only a single one is.
        <details key={stream} open={outputs.length === 1 || (!task.isOver && index === outputs.length - 1)}>
          <summary>{task.items.get(stream)?.label ?? stream}</summary>
          <TextBlock
            text={text.length > maxOutputLength ? `… ${text.slice(-maxOutputLength)}` : text}
            label={`Output ${task.items.get(stream)?.label ?? stream}`}
          />
        </details>
      ))}
    </section>
  )
}

/** A link to the page of the object that the task made. */
function Result({ result }: { readonly result: Details['result'] }): ReactElement | null {
  const target = targetOf(result)
  if (target === null) return null
  return (
    <p>
      <Link to={target.to} className="primary">
        {target.title}
      </Link>
    </p>
  )
}

function targetOf(result: Details['result']): { readonly title: string; readonly to: Partial<Route> } | null {
  switch (result?.__typename) {
    case 'DocumentConverted':
      return { title: 'Open document', to: { documentId: result.documentId } }
    case 'RoadmapCreated':
    case 'FailedContentRetried':
      return { title: 'Open roadmap', to: { roadmapId: result.roadmapId } }
    case 'QuizGenerated':
      return { title: 'Open quiz', to: { quizId: result.quizId } }
    case 'ProjectGenerated':
    case 'ProjectSynced':
      return { title: 'Open project', to: { projectId: result.projectId } }
    case 'ReplyWritten':
      return { title: 'Open session', to: { sessionId: result.sessionId } }
    // These belong to a page that their result does not name.
    case 'ContentRetried':
    case 'QuestionReplaced':
    case 'SelfTestCounted':
    case undefined:
      return null
    default:
      return null
  }
}
