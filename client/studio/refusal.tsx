import type { ReactElement } from 'react'

/**
 * Why something was refused or failed, told at once; nothing while it was not.
 *
 * @param props.isInline - within a paragraph
 * @param props.onAgain - what tries again, where that is worth while
 */
export function Refusal(props: {
  readonly text: string | null
  readonly isInline?: boolean
  readonly onAgain?: () => void
}): ReactElement | null {
  const { text, isInline = false, onAgain } = props
  if (text === null) return null
  const Tag = isInline ? 'span' : 'p'
  return (
    <Tag className="failure" role="alert">
      {text}
      {onAgain === undefined ? null : (
        <>
          {' '}
          <button type="button" className="quiet" onClick={onAgain}>
            Retry
          </button>
        </>
      )}
    </Tag>
  )
}
