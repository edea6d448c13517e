import { expect, test } from 'vitest'
import { createThrottle } from '../../src/async/throttle.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('admits a single caller at once, and many callers in order of arrival, over several turns', async () => {
  let nowMs = 0
  const { pass } = createThrottle({ maxMs: 5, now: () => nowMs })
  const passed: number[] = []
  const work = (index: number) => () => {
    nowMs += 2
    passed.push(index)
  }
  const range = (to: number) => Array.from({ length: to }, (_, index) => index)
  for (let index = 0; index < 12; index++) pass(work(index))
  // Three take 6 ms, which is more than the 5 ms of a turn.
  expect(passed).toEqual(range(3))
  for (let done = 6; done <= 12; done += 3) {
    await turn()
    expect(passed).toEqual(range(done))
  }
  await turn()
  await turn()
  pass(work(12))
  expect(passed).toEqual(range(13))
})
