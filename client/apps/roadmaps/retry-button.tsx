import type { ReactElement } from 'react'
import type { ContentPiece } from '../../gql/graphql.ts'
import { useWords } from '../../react/index.ts'
import { useRetryContent } from './use-retry-content.ts'

/**
 * Retries one piece of content. Shows the reason beside the button when the server refuses.
 *
 * @param props.label - the full label for screen readers: `Retry the quiz of “Owls”`
 * @param props.children - the visible label. @default the text `retry` of {@link useWords}
 * @param props.onStarted - called with the id of the task to watch
 */
export function RetryButton(props: {
  readonly conceptId: string
  readonly piece: ContentPiece
  readonly label: string
  readonly children?: string
  readonly onStarted?: (taskId: string) => void
}): ReactElement {
  const { conceptId, piece, label, onStarted } = props
  const words = useWords()
  const { children = words.retry } = props
  const { retry, isSending, refusal } = useRetryContent()
  const start = async (): Promise<void> => {
    const { task } = await retry(conceptId, piece)
    if (task !== null) onStarted?.(task.id)
  }
  return (
    <>
      <button
        type="button"
        className="tidings-retry"
        aria-label={label}
        disabled={isSending}
        onClick={() => {
          // Never rejects.
          void start()
        }}
      >
        {children}
      </button>
      {refusal === null ? null : (
        <span className="tidings-refusal" role="alert">
          {refusal}
        </span>
      )}
    </>
  )
}
