/** A deterministic pseudo-random number generator (mulberry32). */
export interface Random {
  /** 0 ≤ x < 1. */
  next(): number
  /** Returns a shuffled copy. */
  shuffle<T>(items: readonly T[]): T[]
}

/**
 * Creates a generator.
 * @param seed - any number; only its lower 32 bits are used
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    // Sorting by drawn keys is stable for equal draws, so the result does not depend on the sort
    // implementation.
    shuffle: (items) =>
      items
        .map((item) => ({ item, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item),
  }
}
