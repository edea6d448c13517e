import type { ReactElement } from 'react'
import { RetryFailedContentDocument } from '../gql/graphql.ts'
import { useTaskMutation } from '../react/use-task-mutation.ts'
import { ActionButton } from './action-button.tsx'

/** Retries all failed content of a roadmap, as one batch. */
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
      <ActionButton
        name={count === 1 ? 'Retry 1 failed piece' : `Retry ${count} failed pieces`}
        className="primary"
        run={start}
        isSending={isSending}
        refusal={refusal}
      />
    </p>
  )
}
