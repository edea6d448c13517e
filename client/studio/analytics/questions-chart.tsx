import { type ReactElement, useMemo, useState } from 'react'
import uPlot from 'uplot'
import type { AnalyticsHour } from '../../apps/analytics/reduce-analytics.ts'
import { useNow } from '../../react/index.ts'
import { Chart, type Key, type Palette } from './chart.tsx'
import { formatCount } from './format.ts'
import { layOut, type Span, type Step } from './series.ts'

const spans: readonly { readonly span: Span; readonly title: string }[] = [
  { span: 'day', title: '24 hours' },
  { span: 'month', title: '30 days' },
]
const keys: readonly Key[] = [
  { label: 'Generated', sign: 'box', color: 'accent' },
  { label: 'Replaced', sign: 'box', color: 'busy' },
]
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

/** The number of generated and replaced questions, per hour or per day. */
export function QuestionsChart({ hours }: { readonly hours: readonly AnalyticsHour[] }): ReactElement {
  const [span, setSpan] = useState<Span>('day')
  const minute = Math.floor(useNow(true) / 60_000)
  const steps = useMemo(() => layOut(hours, span, minute * 60_000), [hours, span, minute])
  const data = useMemo((): uPlot.AlignedData => toData(steps), [steps])
  const generated = sum(steps.map((step) => step.generated))
  const replaced = sum(steps.map((step) => step.replaced))
  const format = span === 'day' ? time : day
  const filledSteps = steps.filter((step) => step.generated + step.replaced > 0)
  return (
    <Chart
      title="Questions over time"
      summary={`In the last ${span === 'day' ? '24 hours' : '30 days'} ${formatCount(generated)} questions were generated and ${formatCount(replaced)} replaced.`}
      drawing={drawings[span]}
      data={data}
      keys={keys}
      aside={
        <fieldset className="choice">
          <legend className="tidings-hidden">Period</legend>
          {spans.map((option) => (
            <button
              key={option.span}
              type="button"
              className="quiet"
              aria-pressed={span === option.span}
              onClick={() => setSpan(option.span)}
            >
              {option.title}
            </button>
          ))}
        </fieldset>
      }
    >
      {filledSteps.length === 0 ? (
        <p className="note">None in this period.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{span === 'day' ? 'Hour' : 'Day'}</th>
              <th scope="col">Generated</th>
              <th scope="col">Replaced</th>
            </tr>
          </thead>
          <tbody>
            {filledSteps.map((step) => (
              <tr key={step.startMs}>
                <th scope="row">{format.format(step.startMs)}</th>
                <td>{formatCount(step.generated)}</td>
                <td>{formatCount(step.replaced)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Chart>
  )
}

/** Stacks replaced questions on generated ones: the sum is drawn first, and then partly covered. */
function toData(steps: readonly Step[]): uPlot.AlignedData {
  return [
    steps.map(({ startMs }) => startMs / 1_000),
    steps.map(({ generated, replaced }) => generated + replaced),
    steps.map(({ generated }) => generated),
  ]
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const draw = (stepS: number, format: Intl.DateTimeFormat) => (palette: Palette) => {
  const bars = uPlot.paths.bars?.({ size: [0.72, 40], align: 1, radius: 0.15 })
  const paths = bars === undefined ? {} : { paths: bars }
  const axis = { stroke: palette.soft, grid: { stroke: palette.line, width: 1 }, ticks: { show: false } }
  return {
    cursor: { show: false },
    padding: [8, null, null, null] as uPlot.Padding,
    legend: { show: false },
    scales: {
      // A bar starts at the beginning of its step, so the last one needs extra room.
      x: { range: (_: uPlot, min: number, max: number): [number, number] => [min, max + stepS] },
      y: { range: (_: uPlot, __: number, max: number): [number, number] => [0, Math.max(4, max * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 32,
        space: 80,
        values: (_: uPlot, splits: number[]) => splits.map((at) => format.format(at * 1_000)),
      },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] },
    ],
    series: [
      {},
      { stroke: palette.busy, fill: palette.busy, width: 0, ...paths, points: { show: false } },
      { stroke: palette.accent, fill: palette.accent, width: 0, ...paths, points: { show: false } },
    ],
  }
}
const drawings = { day: draw(3_600, time), month: draw(86_400, day) } as const
