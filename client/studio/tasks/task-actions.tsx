import type { ReactElement } from 'react'
import { RetryTaskDocument, type TaskKind } from '../../gql/graphql.ts'
import type { TaskState } from '../../index.ts'
import { describeName, useCancelTask, useTaskMutation } from '../../react/index.ts'
import { ActionButton } from '../parts/action-button.tsx'

const kinds: Partial<Record<TaskKind, string>> = {
  CONVERT_DOCUMENT: 'Converting document',
  CREATE_ROADMAP: 'Creating roadmap',
  RETRY_CONTENT: 'Regenerating content',
  RETRY_FAILED_CONTENT: 'Retrying failed content',
  GENERATE_QUIZ: 'Generating quiz',
  REPLACE_QUESTION: 'Replacing question',
  GENERATE_PROJECT: 'Generating project',
  SYNC_PROJECT: 'Syncing project',
  REPLY: 'Writing reply',
  UNKNOWN: 'Other task',
}
/** Describes a kind of task. */
export function describeKind(kind: TaskKind | null): string {
  return kind === null ? 'A task' : (kinds[kind] ?? describeName(kind))
}

/** Errors of a conversion that another attempt with the same file may avoid. */
const conversionErrors: readonly string[] = [
  'CANCELED',
  'CONVERTER_CRASHED',
  'CONVERTER_UNAVAILABLE',
  'INTERNAL',
  'TOO_COMPLEX',
  'WORKER_LOST',
]

/** Whether another conversion of the same file may succeed. A damaged file stays damaged. */
export function canConvertAgain({ code, retryable }: { readonly code: string; readonly retryable: boolean }): boolean {
  return retryable || conversionErrors.includes(code)
}

/** Whether retrying a finished task is useful. */
export function canRetry(task: Pick<TaskState, 'kind' | 'status' | 'error'>): boolean {
  const { kind, status, error } = task
  if (status === 'CANCELED') return true
  return status === 'FAILED' && (kind !== 'CONVERT_DOCUMENT' || error === null || canConvertAgain(error))
}

/** Cancels a task. */
export function CancelButton({ id, label }: { readonly id: string; readonly label: string }): ReactElement {
  const { cancel, isSending, refusal } = useCancelTask()
  return (
    <ActionButton
      name="Cancel"
      label={label}
      className="quiet danger"
      run={() => cancel(id)}
      isSending={isSending}
      refusal={refusal}
    />
  )
}

/** Starts a failed or canceled task again, as a new one. */
export function AgainButton(props: {
  readonly id: string
  readonly label?: string
  readonly className?: string
  readonly onStarted?: (taskId: string) => void
}): ReactElement {
  const { id, label, className = 'quiet', onStarted } = props
  const { run, isSending, refusal } = useTaskMutation(RetryTaskDocument)
  const start = async (): Promise<void> => {
    const { task } = await run({ taskId: id })
    if (task !== null) onStarted?.(task.id)
  }
  return (
    <ActionButton
      name="Retry"
      label={label}
      className={className}
      run={start}
      isSending={isSending}
      refusal={refusal}
    />
  )
}
