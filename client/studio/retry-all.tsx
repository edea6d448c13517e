import type { ReactElement } from 'react'
import { RetryFailedContentDocument } from '../gql/graphql.ts'
import { useTaskMutation } from '../react/use-task-mutation.ts'

/** Retries everything that failed on a roadmap, as one batch. */
export function RetryAllButton(props: {
  readonly roadmapId: string
  readonly count: number
  readonly onStarted: (taskId: string) => void
}): ReactElement {
  const { roadmapId, count, onStarted } = props
  const { run, isSending, refusal } = useTaskMutation(RetryFailedContentDocument)
  const start = async (): Promise<void> => {
    const { task } = await run({ roadmapId })
    if (task !== null) onStarted(task.id)
  }
  return (
    <p className="retry-all">
      <button
        type="button"
        className="primary"
        disabled={isSending}
        onClick={() => {
          void start()
        }}
      >
        {count === 1 ? 'Retry the one that failed' : `Retry the ${count} that failed`}
      </button>
      {refusal === null ? null : (
        <span className="failure" role="alert">
          {refusal}
        </span>
      )}
    </p>
  )
}
