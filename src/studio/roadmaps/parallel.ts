/**
 * Runs generators concurrently, at most `limit` at a time, and yields their values as they arrive:
 * for tasks with independent items (`yield* parallel(pieces, 4, generatePiece)`).
 *
 * The first failure ends the iteration: the other generators are returned, and the error is thrown.
 * A `limit` of 1 is a plain loop.
 */
export async function* parallel<T, R>(
  inputs: readonly T[],
  limit: number,
  run: (input: T) => AsyncGenerator<R, void, void>,
): AsyncGenerator<R, void, void> {
  type Lane = AsyncGenerator<R, void, void>
  interface Step {
    readonly lane: Lane
    readonly result: IteratorResult<R, void>
  }
  const rest = inputs[Symbol.iterator]()
  const lanes = new Set<Lane>()
  const steps: (Step | { readonly failure: unknown })[] = []
  let wake: () => void = () => undefined
  // Not a `Promise.race` of all lanes: a lane that waits for long would accumulate a reaction for
  // every step of the others.
  const advance = (lane: Lane): void => {
    lane
      .next()
      .then(
        (result) => steps.push({ lane, result }),
        (failure: unknown) => steps.push({ failure }),
      )
      .finally(() => wake())
  }
  const open = (): void => {
    const next = rest.next()
    if (next.done === true) return
    const lane = run(next.value)
    lanes.add(lane)
    advance(lane)
  }
  try {
    for (let i = 0; i < limit; i++) open()
    while (lanes.size > 0) {
      const step = steps.shift()
      if (step === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      if ('failure' in step) throw step.failure
      const { lane, result } = step
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
    for (const lane of lanes) lane.return().catch(() => undefined)
  }
}
