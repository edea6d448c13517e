import type { CombinedError } from '@urql/core'
import type { ReactElement } from 'react'
import { type AnalyticsFigures, type AnalyticsState, reduceAnalytics } from '../../apps/analytics/reduce-analytics.ts'
import { AnalyticsUpdatesDocument, type AnalyticsUpdatesSubscription } from '../../gql/graphql.ts'
import { describeError, useLive } from '../../react/index.ts'
import { Link } from '../parts/link.tsx'
import { useTitle } from '../shell/use-title.ts'
import { DocumentTable } from './document-table.tsx'
import { formatCount, formatShare, formatTime, taskStates } from './format.ts'
import { QuestionsChart } from './questions-chart.tsx'
import { TimesChart } from './times-chart.tsx'

/** Statistics on the quizzes of an educator, updated live. */
export function AnalyticsPage(): ReactElement {
  useTitle('Analytics')
  const { analytics, error } = useAnalytics()
  if (analytics === null)
    return error === null ? (
      <p className="page-note note">Loading …</p>
    ) : (
      <p className="page-note failure" role="alert">
        {describeError(error)}
      </p>
    )
  const { totals, documents, hours, questions } = analytics
  return (
    <div className="analytics">
      <h1>Analytics</h1>
      <Tiles totals={totals} />
      {documents.length === 0 ? (
        <p className="empty">
          No data yet. Generate a quiz from a document on the <Link to={{}}>home page</Link>.
        </p>
      ) : (
        <>
          <div className="charts">
            <QuestionsChart hours={hours} />
            <TimesChart questions={questions} totals={totals} />
            <TaskBars tasks={totals.tasks} />
          </div>
          <DocumentTable documents={documents} />
        </>
      )}
    </div>
  )
}

function Tiles({ totals }: { readonly totals: AnalyticsFigures }): ReactElement {
  const tiles = [
    { title: 'Generated', value: formatCount(totals.generatedCount), note: 'questions for quizzes' },
    { title: 'Replaced', value: formatCount(totals.replacedCount), note: 'by another question' },
    { title: 'Accepted', value: formatCount(totals.acceptedCount), note: 'questions in review' },
    { title: 'Median time', value: formatTime(totals.medianMs), note: 'per question' },
    { title: '90th percentile', value: formatTime(totals.p90Ms), note: 'per question' },
    { title: 'Failure rate', value: formatShare(totals.failureRate), note: 'of tasks that ended' },
  ]
  return (
    <dl className="tiles">
      {tiles.map(({ title, value, note }) => (
        <div key={title} className="tile">
          <dt>{title}</dt>
          <dd>
            {value} <span className="note">{note}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** Tasks by state: labels and numbers, with decorative bars. */
function TaskBars({ tasks }: { readonly tasks: AnalyticsFigures['tasks'] }): ReactElement {
  const maxCount = Math.max(1, ...taskStates.map(({ key }) => tasks[key]))
  return (
    <section className="chart" aria-labelledby="tasks-by-state">
      <div className="chart-head">
        <h2 id="tasks-by-state">Tasks by state</h2>
      </div>
      <dl className="bars">
        {taskStates.map(({ key, title }) => (
          <div key={key} data-state={key}>
            <dt>{title}</dt>
            <dd>
              <span className="bar" aria-hidden="true">
                <span style={{ transform: `scaleX(${tasks[key] / maxCount})` }} />
              </span>
              {formatCount(tasks[key])}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function reduce(state: AnalyticsState | undefined, { analyticsUpdates }: AnalyticsUpdatesSubscription): AnalyticsState {
  return reduceAnalytics(state, analyticsUpdates)
}

/**
 * Returns the viewer's current figures; null until the snapshot has arrived, which is the first
 * event.
 */
function useAnalytics(): { readonly analytics: AnalyticsState | null; readonly error: CombinedError | null } {
  const { state, error } = useLive(AnalyticsUpdatesDocument, {}, reduce)
  return { analytics: state ?? null, error }
}
