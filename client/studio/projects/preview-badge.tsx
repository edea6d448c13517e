import type { ReactElement } from 'react'
import type { PreviewStatus } from '../../gql/graphql.ts'
import { previewWords } from './labels.ts'

/** The status of a preview as a badge. */
export function PreviewBadge({ status }: { readonly status: PreviewStatus }): ReactElement {
  return (
    <span className="preview-badge" data-status={status}>
      <span className="preview-dot" aria-hidden="true" />
      <span className="tidings-hidden">Preview: </span>
      {previewWords[status]}
    </span>
  )
}
