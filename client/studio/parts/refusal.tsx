import type { ReactElement } from 'react'

/**
 * Shows why a request was refused or failed, as an alert; renders nothing otherwise.
 *
 * @param props.isInline - for use within a paragraph
 * @param props.onAgain - tries again, where that is useful
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
