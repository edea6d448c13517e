/** Returns the value below which a share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Returns the median. */
export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

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

/** The 99th percentiles of two measurements. */
export interface TailComparison {
  readonly before: number
  readonly during: number
  readonly ratio: number
  /** The range of 95 % of the ratios that other measurements like these would have. */
  readonly low: number
  readonly high: number
}

/**
 * Compares the 99th percentiles of two measurements. The range is found by bootstrap: their seconds are drawn again at
 * random, some several times and others not at all. Seconds and not single values, as those of one second depend on each
 * other: a pause of the machine delays many at once.
 *
 * @param before - the values by second
 */
export function compareTails(
  before: readonly (readonly number[])[],
  during: readonly (readonly number[])[],
): TailComparison {
  const p99 = (seconds: typeof before): number => percentile(seconds.flat(), 0.99)
  const draw = (seconds: typeof before) => seconds.map(() => seconds[Math.floor(Math.random() * seconds.length)] ?? [])
  const ratios = Array.from({ length: 1_000 }, () => p99(draw(during)) / p99(draw(before)))
  const [low, high] = [percentile(ratios, 0.025), percentile(ratios, 0.975)]
  return { before: p99(before), during: p99(during), ratio: p99(during) / p99(before), low, high }
}
