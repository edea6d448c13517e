/**
 * Returns the quantile of `values` by the nearest rank; NaN without values. @param share - 0 to 1
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN
}

/** Returns the first number that is not one more than its predecessor; null when there is none. */
export function findGap(seqs: readonly number[]): number | null {
  for (const [index, seq] of seqs.entries()) {
    const before = seqs[index - 1]
    if (before !== undefined && seq !== before + 1) return seq
  }
  return null
}
