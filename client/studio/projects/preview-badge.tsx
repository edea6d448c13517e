import type { ReactElement } from 'react'
import type { PreviewStatus } from '../../gql/graphql.ts'
import { previewWords } from './words.ts'

/** A preview's status at a glance. */
export function PreviewBadge({ status }: { readonly status: PreviewStatus }): ReactElement {
  return (
    <span className="preview-badge" data-status={status}>
      <span className="preview-dot" aria-hidden="true" />
      <span className="tidings-hidden">Preview: </span>
      {previewWords[status]}
    </span>
  )
}
