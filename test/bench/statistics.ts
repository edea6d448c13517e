/** Several runs of the same measurement. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Returns the median of several runs, and their spread. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const middle = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  return { median, min: at(0), max: at(sorted.length - 1) }
}

/** `1,234 (1,100–1,300)` */
export function formatSpread({ median, min, max }: Spread, digits = 0): string {
  return `${formatNumber(median, digits)} (${formatNumber(min, digits)}–${formatNumber(max, digits)})`
}

/** `1 × 1,000`: topics × subscribers. */
export function formatShape(shape: { readonly topics: number; readonly subscribers: number }): string {
  return `${formatNumber(shape.topics)} × ${formatNumber(shape.subscribers)}`
}

/** `1,234` */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
