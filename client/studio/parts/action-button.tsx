import type { ReactElement } from 'react'
import { Refusal } from './refusal.tsx'

/**
 * A button that sends a request, with the reason beside it when the server refuses.
 *
 * @param props.label - the full label for screen readers
 * @param props.run - never rejects
 */
export function ActionButton(props: {
  readonly name: string
  readonly label?: string | undefined
  readonly className?: string
  readonly run: () => Promise<unknown>
  readonly isSending: boolean
  readonly refusal: string | null
}): ReactElement {
  const { name, label, className = 'quiet', run, isSending, refusal } = props
  return (
    <>
      <button
        type="button"
        className={className}
        aria-label={label}
        disabled={isSending}
        onClick={() => {
          void run()
        }}
      >
        {name}
      </button>
      <Refusal text={refusal} isInline />
    </>
  )
}
