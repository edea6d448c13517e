import type { FanOut } from './report.ts'
import { formatNumber } from './statistics.ts'

const colors: Readonly<Record<string, string>> = { 'bare ws': '#9aa0a6', Tidings: '#0f9d78' }
const other = '#c4c8cc'
/** Deliveries per second between two lines of the grid. */
const step = 50_000
const panel = { width: 400, height: 230, left: 60, top: 40, gap: 50 }

/**
 * Draws deliveries per second against the subscribers of one topic, and against topics with one
 * subscriber, both from zero; the number of subscribers or topics is on a logarithmic scale.
 */
export function drawCurve(curve: readonly FanOut[]): string {
  const panels = [
    {
      title: 'subscribers of one topic',
      of: curve.filter(({ topics }) => topics === 1),
      at: (one: FanOut) => one.subscribers,
    },
    {
      title: 'topics with a subscriber each',
      of: curve.filter(({ subscribers }) => subscribers === 1),
      at: (one: FanOut) => one.topics,
    },
  ]
  const rates = curve.flatMap(({ oneByOne }) => oneByOne.map(({ spread }) => spread.median))
  const top = Math.max(...rates, step)
  const y = (rate: number): number => panel.top + panel.height * (1 - rate / top)
  const names = curve[0]?.oneByOne.map(({ contestant }) => contestant) ?? []
  const body = panels.map(({ title, of, at }, index) => {
    const left = panel.left + index * (panel.width + panel.gap)
    const values = of.map(at).sort((a, b) => a - b)
    const x = scale(values[0] ?? 1, values.at(-1) ?? 10, left, left + panel.width)
    const lines = names.map((name) => {
      const points = [...of]
        .sort((a, b) => at(a) - at(b))
        .flatMap((shape) => {
          const rate = shape.oneByOne.find(({ contestant }) => contestant === name)?.spread.median
          return rate === undefined ? [] : [{ x: x(at(shape)), y: y(rate) }]
        })
      const path = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ')
      const color = colors[name] ?? other
      return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>${points.map((point) => `<circle cx="${point.x.toFixed(1)}" cy="${point.y.toFixed(1)}" r="3" fill="${color}"/>`).join('')}`
    })
    const ticks = values.map(
      (value) =>
        `<text x="${x(value).toFixed(1)}" y="${panel.top + panel.height + 16}" text-anchor="middle" font-size="10">${formatNumber(value)}</text>`,
    )
    return `<rect x="${left}" y="${panel.top}" width="${panel.width}" height="${panel.height}" fill="none" stroke="#ddd"/>${lines.join('')}${ticks.join('')}<text x="${left + panel.width / 2}" y="${panel.top + panel.height + 32}" text-anchor="middle">${title}</text>`
  })
  const heights = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step)
  const right = panel.left + 2 * panel.width + panel.gap
  const grid = heights.map(
    (rate) =>
      `<path d="M${panel.left} ${y(rate).toFixed(1)}H${right}" stroke="#eee"/><text x="${panel.left - 6}" y="${(y(rate) + 3).toFixed(1)}" text-anchor="end" font-size="10">${formatNumber(rate)}</text>`,
  )
  const legend = names.map(
    (name, index) =>
      `<rect x="${panel.left + index * 180}" y="12" width="10" height="10" fill="${colors[name] ?? other}"/><text x="${panel.left + index * 180 + 14}" y="21" font-size="11">${name}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panel.left * 2 + panel.width * 2 + panel.gap} ${panel.top + panel.height + 48}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Deliveries per second against subscribers and topics">
<rect width="100%" height="100%" fill="#fff"/>${legend.join('')}${grid.join('')}${body.join('')}
</svg>
`
}

/** Creates a logarithmic scale. */
function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = Math.log10(to) - Math.log10(from)
  return (value) => start + (span === 0 ? 0.5 : (Math.log10(value) - Math.log10(from)) / span) * (end - start)
}
