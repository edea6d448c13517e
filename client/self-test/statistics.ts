/** The value below which a share of the others lies, by the nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN
}

/** The first number that is missing, repeated or out of order in 1, 2, 3 … from the first one; null when there is none. */
export function findGap(seqs: readonly number[]): number | null {
  for (const [index, seq] of seqs.entries()) {
    const before = seqs[index - 1]
    if (before !== undefined && seq !== before + 1) return seq
  }
  return null
}
