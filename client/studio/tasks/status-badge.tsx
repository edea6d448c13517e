import type { ReactElement } from 'react'
import type { TaskStatus } from '../../gql/graphql.ts'
import { describeName } from '../../react/index.ts'

/** The status of a task as a coloured word. */
export function StatusBadge({ status }: { readonly status: TaskStatus }): ReactElement {
  return (
    <span className="task-badge" data-status={status}>
      {describeName(status)}
    </span>
  )
}
