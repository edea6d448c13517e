import type { ReactElement } from 'react'
import { kindFromDocuments } from 'tidings/client'
import { useStart } from 'tidings/react'
import { graphql } from './gql/index.ts'

export const exportReport = kindFromDocuments({
  kind: 'EXPORT_REPORT',
  start: graphql(`
    mutation StartExport($input: ExportReportInput!) {
      exportReport(input: $input) {
        ... on ExportReportSuccess { task { id } }
      }
    }
  `),
  watch: graphql(`
    subscription WatchExport($taskId: ID!) {
      taskProgress(taskId: $taskId) {
        ... on TaskCompleted { result { ... on ExportReportOutput { url pages } } }
        ... on TaskFailed { error { details { ... on ExportReportQuotaError { resetsAt } } } }
      }
    }
  `),
  errors: { QUOTA: 'ExportReportQuotaError' },
})

export function ExportReport(): ReactElement {
  const { start, task } = useStart(exportReport)
  if (task?.status === 'COMPLETED') return <a href={task.result.url}>{task.result.pages} pages</a>
  if (task?.status === 'FAILED' && task.error.code === 'QUOTA')
    return <p role="alert">Try again after {task.error.details?.resetsAt}.</p>
  return (
    <button type="button" onClick={() => void start({ reportId: 'report_1', format: 'PDF' })}>
      Export
    </button>
  )
}
