import { expect, test } from 'vitest'
import { createTurnstile } from '../../src/live/turnstile.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('lets one through at once, and a crowd in the order of asking, over several turns', async () => {
  const { pass } = createTurnstile({ maxMs: 1 })
  const passed: number[] = []
  const work = (index: number) => () => {
    const until = performance.now() + 0.4
    while (performance.now() < until) Math.sqrt(index)
    passed.push(index)
  }
  pass(work(0))
  expect(passed).toEqual([0])
  for (let index = 1; index < 30; index++) pass(work(index))
  expect(passed.length).toBeLessThan(10)
  let turns = 0
  while (passed.length < 30) {
    await turn()
    turns++
  }
  expect(passed).toEqual(Array.from({ length: 30 }, (_, index) => index))
  expect(turns).toBeGreaterThan(3)
  await turn()
  pass(work(30))
  expect(passed).toHaveLength(31)
})
