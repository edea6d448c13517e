/** A source of random numbers; the same seed gives the same numbers. */
export interface Random {
  /** From 0 to 1. */
  next(): number
  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number
  pick<T>(values: readonly T[]): T
  /** The values in another order. */
  shuffle<T>(values: readonly T[]): readonly T[]
  /** A source for another purpose, which does not disturb the numbers of this one. */
  fork(name: string): Random
}

/** Creates a source of random numbers (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer: Random['integer'] = (min, max) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    integer,
    shuffle: (values) =>
      values
        .map((value) => ({ value, rank: next() }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ value }) => value),
    pick: (values) => {
      const value = values[Math.floor(next() * values.length)]
      if (value === undefined) throw new RangeError('There is nothing to pick from')
      return value
    },
    fork: (name) => {
      let hash = seed
      for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
      return createRandom(hash)
    },
  }
}
