import type { ReactElement } from 'react'
import { RetryTaskDocument, type TaskKind, type TaskSummaryFieldsFragment } from '../gql/graphql.ts'
import { ProgressBar } from '../react/progress-bar.tsx'
import { useCancelTask } from '../react/use-cancel-task.ts'
import { useTaskMutation } from '../react/use-task-mutation.ts'
import type { LiveTasks } from '../react/use-tasks.ts'
import { describeName } from '../react/words.ts'
import { isFinalStatus } from '../reduce/task.ts'

const kinds: Partial<Record<TaskKind, string>> = {
  CONVERT_DOCUMENT: 'Reading a document',
  CREATE_ROADMAP: 'Making a roadmap',
  RETRY_CONTENT: 'Making one piece again',
  RETRY_FAILED_CONTENT: 'Making what failed again',
  GENERATE_QUIZ: 'Making a quiz',
  REPLACE_QUESTION: 'Replacing a question',
  GENERATE_PROJECT: 'Making a project',
  SYNC_PROJECT: 'Syncing a project',
}
/** What a kind of task does, in words. */
export function describeKind(kind: TaskKind | null): string {
  return kind === null ? 'A task' : (kinds[kind] ?? describeName(kind))
}

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', day: 'numeric', month: 'short' })

/** The viewer's tasks, newest first, as they are now. */
export function TaskList({ list }: { readonly list: LiveTasks }): ReactElement {
  const { tasks, isLoading, error } = list
  return (
    <section aria-label="Tasks">
      <h2>Tasks</h2>
      {error !== null && tasks.length === 0 ? <p className="failure">{error.message}</p> : null}
      {tasks.length === 0 && error === null ? <p className="note">{isLoading ? 'Loading …' : 'None yet.'}</p> : null}
      <ul className="tasks">
        {tasks.map((task) => (
          <TaskRow key={task.id} task={task} />
        ))}
      </ul>
    </section>
  )
}

function TaskRow({ task }: { readonly task: TaskSummaryFieldsFragment }): ReactElement {
  const { id, kind, status, createdAt, error } = task
  const name = describeKind(kind)
  return (
    <li data-status={status}>
      <p className="task-title">
        <span>{name}</span>
        <time dateTime={createdAt}>{time.format(new Date(createdAt))}</time>
      </p>
      <ProgressBar task={task} label={name} isQuiet />
      {error !== null && status !== 'COMPLETED' ? <p className="failure">{error.message}</p> : null}
      {isFinalStatus(status) ? null : <CancelButton id={id} label={`Cancel: ${name}`} />}
      {status === 'FAILED' || status === 'CANCELED' ? <AgainButton id={id} label={`Try again: ${name}`} /> : null}
    </li>
  )
}

/** Stops a task. */
export function CancelButton({ id, label }: { readonly id: string; readonly label: string }): ReactElement {
  const { cancel, isSending, refusal } = useCancelTask()
  return (
    <>
      <button
        type="button"
        className="quiet danger"
        aria-label={label}
        disabled={isSending}
        onClick={() => {
          void cancel(id)
        }}
      >
        Cancel
      </button>
      {refusal === null ? null : (
        <span className="failure" role="alert">
          {refusal}
        </span>
      )}
    </>
  )
}

/** Starts a failed or canceled task again, as a new one. */
export function AgainButton(props: {
  readonly id: string
  readonly label: string
  readonly onStarted?: (taskId: string) => void
}): ReactElement {
  const { id, label, onStarted } = props
  const { run, isSending, refusal } = useTaskMutation(RetryTaskDocument)
  const start = async (): Promise<void> => {
    const { task } = await run({ taskId: id })
    if (task !== null) onStarted?.(task.id)
  }
  return (
    <>
      <button
        type="button"
        className="quiet"
        aria-label={label}
        disabled={isSending}
        onClick={() => {
          void start()
        }}
      >
        Try again
      </button>
      {refusal === null ? null : (
        <span className="failure" role="alert">
          {refusal}
        </span>
      )}
    </>
  )
}
