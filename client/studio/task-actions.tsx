import type { ReactElement } from 'react'
import { RetryTaskDocument, type TaskKind } from '../gql/graphql.ts'
import { useCancelTask } from '../react/use-cancel-task.ts'
import { useTaskMutation } from '../react/use-task-mutation.ts'
import { describeName } from '../react/words.ts'

const kinds: Partial<Record<TaskKind, string>> = {
  CONVERT_DOCUMENT: 'Reading a document',
  CREATE_ROADMAP: 'Making a roadmap',
  RETRY_CONTENT: 'Making one piece again',
  RETRY_FAILED_CONTENT: 'Making what failed again',
  GENERATE_QUIZ: 'Making a quiz',
  REPLACE_QUESTION: 'Replacing a question',
  GENERATE_PROJECT: 'Making a project',
  SYNC_PROJECT: 'Syncing a project',
  REPLY: 'Writing an answer',
}
/** What a kind of task does, in words. */
export function describeKind(kind: TaskKind | null): string {
  return kind === null ? 'A task' : (kinds[kind] ?? describeName(kind))
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
