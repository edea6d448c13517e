/**
 * Runs generators side by side, at most `limit` at once, and yields what they yield as it comes: for tasks whose items do
 * not depend on each other (`yield* parallel(pieces, 4, generatePiece)`).
 *
 * The first failure ends all of it: the others are told to return, and it is thrown. A `limit` of 1 is a plain loop.
 */
export async function* parallel<T, R>(
  inputs: readonly T[],
  limit: number,
  run: (input: T) => AsyncGenerator<R, void, void>,
): AsyncGenerator<R, void, void> {
  interface Lane {
    readonly generator: AsyncGenerator<R, void, void>
    step: Promise<{ readonly lane: Lane; readonly result: IteratorResult<R, void> }>
  }
  const rest = inputs[Symbol.iterator]()
  const lanes = new Set<Lane>()
  const advance = (lane: Lane): void => {
    lane.step = lane.generator.next().then((result) => ({ lane, result }))
    // A lane that fails while another's step is handled is seen at the next race.
    lane.step.catch(() => undefined)
  }
  const open = (): void => {
    const next = rest.next()
    if (next.done === true) return
    const lane = { generator: run(next.value) } as Lane
    advance(lane)
    lanes.add(lane)
  }
  try {
    for (let i = 0; i < limit; i++) open()
    while (lanes.size > 0) {
      const { lane, result } = await Promise.race([...lanes].map(({ step }) => step))
      if (result.done === true) {
        lanes.delete(lane)
        open()
      } else {
        yield result.value
        advance(lane)
      }
    }
  } finally {
    // Not awaited: a lane may be waiting for something that only its signal ends.
    for (const { generator } of lanes) generator.return().catch(() => undefined)
  }
}
