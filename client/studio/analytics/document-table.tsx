import type { ReactElement } from 'react'
import type { DocumentAnalytics } from '../../apps/analytics/reduce-analytics.ts'
import { formatMinute } from '../parts/dates.ts'
import { formatCount, formatShare, formatTime } from './format.ts'

/** The figures of each document, most recently changed first. */
export function DocumentTable({ documents }: { readonly documents: readonly DocumentAnalytics[] }): ReactElement {
  return (
    <section className="chart" aria-labelledby="per-document">
      <div className="chart-head">
        <h2 id="per-document">Per document</h2>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be scrollable by keyboard */}
      <section className="chart-table" aria-label="Figures per document" tabIndex={0}>
        <table className="documents-table">
          <thead>
            <tr>
              <th scope="col">Document</th>
              <th scope="col">Generated</th>
              <th scope="col">Replaced</th>
              <th scope="col">Accepted</th>
              <th scope="col">Median</th>
              <th scope="col">90th</th>
              <th scope="col">Failed</th>
              <th scope="col">Tasks</th>
              <th scope="col">Last</th>
            </tr>
          </thead>
          <tbody>
            {documents.map(({ documentId, title, lastAt, figures }) => (
              <tr key={documentId}>
                <th scope="row">{title}</th>
                <td>{formatCount(figures.generatedCount)}</td>
                <td>{formatCount(figures.replacedCount)}</td>
                <td>{formatCount(figures.acceptedCount)}</td>
                <td>{formatTime(figures.medianMs)}</td>
                <td>{formatTime(figures.p90Ms)}</td>
                <td>{formatShare(figures.failureRate)}</td>
                <td>{formatCount(countTasks(figures.tasks))}</td>
                <td>{formatMinute(lastAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}

function countTasks({
  queued,
  running,
  retrying,
  completed,
  failed,
  canceled,
}: DocumentAnalytics['figures']['tasks']): number {
  return queued + running + retrying + completed + failed + canceled
}
