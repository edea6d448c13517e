import type { ReactElement } from 'react'
import type { AnalyticsFigures } from '../../apps/analytics/reduce-analytics.ts'
import { formatCount, taskStates } from './words.ts'

/** Tasks by state: labels and numbers, with decorative bars. */
export function TaskBars({ tasks }: { readonly tasks: AnalyticsFigures['tasks'] }): ReactElement {
  const most = Math.max(1, ...taskStates.map(({ key }) => tasks[key]))
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
                <span style={{ transform: `scaleX(${tasks[key] / most})` }} />
              </span>
              {formatCount(tasks[key])}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
