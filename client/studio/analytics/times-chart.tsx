import { type ReactElement, useMemo } from 'react'
import type uPlot from 'uplot'
import type { AnalyticsFigures, QuestionTiming } from '../../apps/analytics/reduce-analytics.ts'
import { formatSecond } from '../parts/dates.ts'
import { Chart, type Key, type Palette } from './chart.tsx'
import { formatTime } from './format.ts'

const keys: readonly Key[] = [
  { label: 'Generated', sign: 'dot', color: 'accent' },
  { label: 'Replaced', sign: 'dot', color: 'busy' },
  { label: 'Median', sign: 'line', color: 'soft' },
  { label: '90th percentile', sign: 'dash', color: 'soft' },
]

/** The time that each of the last questions took, with median and 90th percentile. */
export function TimesChart(props: {
  readonly questions: readonly QuestionTiming[]
  readonly totals: AnalyticsFigures
}): ReactElement {
  const { questions, totals } = props
  const { medianMs, p90Ms } = totals
  const timedQuestions = useMemo(() => questions.filter(({ durationMs }) => durationMs !== null), [questions])
  const data = useMemo((): uPlot.AlignedData => {
    const of = (origin: QuestionTiming['origin']): (number | null)[] =>
      timedQuestions.map((question) => (question.origin === origin ? (question.durationMs ?? 0) / 1_000 : null))
    const level = (ms: number | null): (number | null)[] => timedQuestions.map(() => (ms === null ? null : ms / 1_000))
    return [timedQuestions.map((_, index) => index + 1), of('GENERATED'), of('REPLACED'), level(medianMs), level(p90Ms)]
  }, [timedQuestions, medianMs, p90Ms])
  const last = timedQuestions.slice(-20).reverse()
  return (
    <Chart
      title="Time per question"
      summary={`The last ${timedQuestions.length} questions: half took at most ${formatTime(medianMs)}, nine in ten at most ${formatTime(p90Ms)}.`}
      drawing={draw}
      data={data}
      keys={keys}
    >
      {last.length === 0 ? (
        <p className="note">None yet.</p>
      ) : (
        <table>
          <caption className="note">The last {last.length}, the newest first.</caption>
          <thead>
            <tr>
              <th scope="col">Ready</th>
              <th scope="col">Made</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {last.map(({ id, at, origin, durationMs }) => (
              <tr key={id}>
                <th scope="row">{formatSecond(at)}</th>
                <td>{origin === 'GENERATED' ? 'for a quiz' : 'to replace one'}</td>
                <td>{formatTime(durationMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Chart>
  )
}

function draw({ accent, busy, soft, line }: Palette) {
  const dots = (color: string) => ({
    stroke: color,
    paths: () => null,
    points: { show: true, size: 6, fill: color, stroke: color, width: 0 },
  })
  const rule = (dash: number[]) => ({ stroke: soft, width: 1, dash, points: { show: false } })
  const axis = { stroke: soft, ticks: { show: false } }
  return {
    cursor: { show: false },
    padding: [8, null, null, null] as uPlot.Padding,
    legend: { show: false },
    scales: {
      x: {
        time: false,
        range: (_: uPlot, min: number, max: number): [number, number] => [min - 0.5, Math.max(max, 10) + 0.5],
      },
      y: { range: (_: uPlot, __: number, max: number): [number, number] => [0, Math.max(0.1, max * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 32, incrs: [1, 2, 5, 10, 20, 50], space: 48 },
      {
        ...axis,
        size: 52,
        grid: { stroke: line, width: 1 },
        values: (_: uPlot, splits: number[]) => splits.map((s) => `${+s.toFixed(2)} s`),
      },
    ],
    series: [{}, { ...dots(accent) }, { ...dots(busy) }, { ...rule([]) }, { ...rule([6, 4]) }],
  }
}
