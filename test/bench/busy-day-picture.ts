import type { DayTask } from './busy-day-simulation.ts'

const width = 900
const left = 60
const right = 30
const panelHeight = 190
const plotHeight = 130
const top = 46
const binSeconds = 900
/** The hours shown: tasks wait only between these. */
const fromHour = 8
const toHour = 18
const plans = [
  { isPaid: false, name: 'free', color: '#b3541e' },
  { isPaid: true, name: 'paid', color: '#1f6feb' },
] as const

/** Draws the waits over the day by plan, one panel per priority boost, all to one scale. */
export function drawDays(
  tasks: readonly DayTask[],
  days: readonly { readonly headStart: number; readonly startedAt: ReadonlyMap<string, number> }[],
): string {
  const series = days.map(({ headStart, startedAt }) => ({
    headStart,
    lines: plans.map((plan) => ({ ...plan, bins: binWaits(tasks, startedAt, plan.isPaid) })),
  }))
  const longest = Math.max(...series.flatMap(({ lines }) => lines.flatMap(({ bins }) => bins.map(({ max }) => max))))
  const mostMinutes = Math.ceil(longest / 60 / 5) * 5
  const x = (seconds: number): number =>
    left + ((seconds / 3_600 - fromHour) / (toHour - fromHour)) * (width - left - right)
  const y = (seconds: number): number => plotHeight - (seconds / 60 / mostMinutes) * plotHeight
  const panels = series.map(({ headStart, lines }, index) => {
    const path = (bins: readonly Bin[], of: (bin: Bin) => number): string =>
      bins.map((bin, at) => `${at === 0 ? 'M' : 'L'}${x(bin.at).toFixed(1)} ${y(of(bin)).toFixed(1)}`).join('')
    const grid = Array.from({ length: mostMinutes / 5 + 1 }, (_, step) => step * 5)
      .map(
        (minutes) =>
          `<line x1="${left}" x2="${width - right}" y1="${y(minutes * 60).toFixed(1)}" y2="${y(minutes * 60).toFixed(1)}" stroke="#ddd"/><text x="${left - 6}" y="${(y(minutes * 60) + 4).toFixed(1)}" text-anchor="end">${minutes}</text>`,
      )
      .join('')
    const clock = Array.from({ length: toHour - fromHour + 1 }, (_, step) => fromHour + step)
      .map(
        (hour) =>
          `<text x="${x(hour * 3_600).toFixed(1)}" y="${plotHeight + 16}" text-anchor="middle">${hour}:00</text>`,
      )
      .join('')
    const drawn = lines
      .map(
        ({ bins, color }) =>
          `<path d="${path(bins, ({ max }) => max)}" fill="none" stroke="${color}" stroke-width="1" stroke-dasharray="3 3"/><path d="${path(bins, ({ mean }) => mean)}" fill="none" stroke="${color}" stroke-width="2"/>`,
      )
      .join('')
    const title =
      headStart === 0
        ? 'No head start'
        : `Paid tasks stand ${headStart < 60 ? `${headStart} seconds` : `${headStart / 60} minutes`} earlier`
    return `<g transform="translate(0 ${top + index * panelHeight})"><text x="${left}" y="-8" font-weight="600">${title}</text>${grid}${clock}${drawn}</g>`
  })
  const legend = plans
    .map(
      ({ name, color }, index) =>
        `<rect x="${left + index * 70}" y="8" width="12" height="12" fill="${color}"/><text x="${left + index * 70 + 17}" y="18">${name}</text>`,
    )
    .join('')
  const height = top + days.length * panelHeight
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="#333" role="img" aria-label="Waits of free and paid tasks over a busy day, with and without head start">
<rect width="100%" height="100%" fill="#fff"/>${legend}<text x="${left + 150}" y="18">minutes waited, of tasks that came in each quarter of an hour: solid the mean, dashed the longest</text>
${panels.join('\n')}
</svg>
`
}

interface Bin {
  readonly at: number
  readonly mean: number
  readonly max: number
}

function binWaits(tasks: readonly DayTask[], startedAt: ReadonlyMap<string, number>, isPaid: boolean): readonly Bin[] {
  return Array.from({ length: ((toHour - fromHour) * 3_600) / binSeconds }, (_, index) => {
    const from = fromHour * 3_600 + index * binSeconds
    const waits = tasks
      .filter((task) => task.isPaid === isPaid && task.createdAt >= from && task.createdAt < from + binSeconds)
      .map((task) => (startedAt.get(task.id) ?? task.createdAt) - task.createdAt)
    const mean = waits.length === 0 ? 0 : waits.reduce((sum, wait) => sum + wait, 0) / waits.length
    return { at: from + binSeconds / 2, mean, max: Math.max(0, ...waits) }
  })
}
