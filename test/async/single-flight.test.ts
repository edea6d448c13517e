import { expect, it } from 'vitest'
import { createSingleFlight } from '../../src/async/single-flight.ts'

it('shares one run between concurrent calls, and runs again after it settled', async () => {
  const runs: PromiseWithResolvers<string>[] = []
  const run = createSingleFlight(() => {
    const next = Promise.withResolvers<string>()
    runs.push(next)
    return next.promise
  })
  expect(run.pending()).toBeUndefined()
  const first = run()
  expect(run()).toBe(first)
  expect(run.pending()).toBe(first)
  runs[0]?.reject(new Error('failed'))
  await expect(first).rejects.toThrow('failed')
  expect(run.pending()).toBeUndefined()
  const second = run()
  runs[1]?.resolve('done')
  await expect(second).resolves.toBe('done')
  expect(runs).toHaveLength(2)
})
