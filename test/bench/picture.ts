import type { FanOut } from './report.ts'
import { formatNumber, formatShape } from './statistics.ts'

const colors = ['#9aa0a6', '#d9822b', '#7b61c4', '#d3d7da', '#0f9d78']
const barHeight = 14
const left = 210
const width = 900

/** Draws deliveries per second in relation to bare ws, as bars on a logarithmic scale. */
export function drawFanOut(fanOut: readonly FanOut[]): string {
  const shapes = fanOut.flatMap(({ topics, subscribers, oneByOne, saturated }) => [
    { label: `${formatShape({ topics, subscribers })}, one by one`, rates: oneByOne },
    { label: `${formatShape({ topics, subscribers })}, saturated`, rates: saturated },
  ])
  const names = fanOut[0]?.oneByOne.map(({ contestant }) => contestant) ?? []
  const scale = (ratio: number): number =>
    ((Math.log10(Math.min(Math.max(ratio, 0.05), 20)) - Math.log10(0.05)) / Math.log10(400)) * (width - left - 80)
  let y = 40
  let body = ''
  for (const { label, rates } of shapes) {
    const reference = rates[0]?.spread.median ?? Number.NaN
    body += `<text x="${left - 10}" y="${y + barHeight * 2}" text-anchor="end">${label}</text>`
    for (const [index, { spread }] of rates.entries()) {
      const ratio = spread.median / reference
      const length = Math.max(1, scale(ratio))
      body += `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 2}" fill="${colors[index % colors.length]}"/>`
      body += `<text x="${(left + length + 5).toFixed(1)}" y="${y + barHeight - 4}" font-size="10">${formatNumber(ratio, 2)}</text>`
      y += barHeight
    }
    y += 12
  }
  const one = left + scale(1)
  const legend = names
    .map(
      (name, index) =>
        `<rect x="${left + index * 140}" y="10" width="10" height="10" fill="${colors[index % colors.length]}"/><text x="${left + index * 140 + 14}" y="19" font-size="11">${name.replace('Yoga + graphql-ws + RedisPubSub', 'Yoga, as documented')}</text>`,
    )
    .join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 24}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Deliveries per second in relation to bare ws">
<rect width="100%" height="100%" fill="#fff"/>${legend}
<line x1="${one}" y1="32" x2="${one}" y2="${y}" stroke="#999" stroke-dasharray="3 3"/>${body}
<text x="${one}" y="${y + 14}" text-anchor="middle" font-size="10">1.0 = bare ws, one send per event (logarithmic)</text>
</svg>
`
}
