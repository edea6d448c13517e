import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CompletedTask,
  createDurations,
  type Expectation,
  type Workload,
} from '../../../src/tasks/queue/durations.ts'
import { estimateRemainingMs } from '../../../src/tasks/queue/estimate.ts'

const remaining = (
  percent: number,
  elapsedMs: number,
  options: { expected?: Expectation | null; from?: number } = {},
) =>
  estimateRemainingMs(
    { percent },
    options.expected === undefined ? { ms: 10_000, spread: 0.3 } : options.expected,
    1_000_000 + elapsedMs,
    { atMs: 1_000_000, percent: options.from ?? 0 },
  )

describe('estimateRemainingMs', () => {
  test.each([
    ['nothing to go by', 0, 0, { expected: null }, null],
    ['too little done for a rate of its own', 1, 5_000, { expected: null }, null],
    ['its own rate alone', 25, 5_000, { expected: null }, 15_000],
    ['what earlier tasks took', 0, 0, {}, 10_000],
    ['what is left of what earlier tasks took', 0, 4_000, {}, 6_000],
    ['the rate of this attempt, which began with half of it done', 75, 5_000, { expected: null, from: 50 }, 5_000],
    ['half of what earlier tasks took, when half was done before', 50, 0, { from: 50 }, 5_000],
    ['nothing, at the end', 100, 20_000, {}, 0],
  ] as const)('is estimated from %s', (_what, percent, elapsedMs, options, expected) => {
    expect(remaining(percent, elapsedMs, options)).toBe(expected)
  })

  test('lies between its own rate and earlier tasks, nearer to its own the further it is and the more these vary', () => {
    const slow = (percent: number, spread: number): number => {
      const estimate = remaining(percent, 20_000 * (percent / 100), { expected: { ms: 10_000, spread } }) ?? Number.NaN
      // 0: as earlier tasks; 1: as its own rate, which is half as fast.
      return Math.log2(estimate / (10_000 * (1 - percent / 100)))
    }
    const shares = [slow(10, 0.1), slow(40, 0.1), slow(40, 0.5), slow(40, 2), slow(90, 2)]
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(Math.min(...shares)).toBeGreaterThan(0)
    expect(Math.max(...shares)).toBeLessThan(1)
  })

  test('is never negative nor beyond both of its sources, and exact for a task at the usual pace', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 99 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 1_000, max: 1_000_000 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (percent, elapsedMs, ms, spread) => {
          const expected = { ms, spread }
          const estimated = remaining(percent, elapsedMs, { expected }) ?? Number.NaN
          const ownMs = (elapsedMs * (100 - percent)) / percent
          expect(Number.isInteger(estimated)).toBe(true)
          expect(estimated).toBeGreaterThanOrEqual(0)
          expect(estimated).toBeLessThanOrEqual(Math.ceil(Math.max(ownMs, ms, 1)))
          const usualMs = (ms * (100 - percent)) / 100
          expect(remaining(percent, (ms * percent) / 100, { expected }) ?? 0).toBeGreaterThanOrEqual(usualMs - 1)
          expect(remaining(percent, (ms * percent) / 100, { expected }) ?? 0).toBeLessThanOrEqual(usualMs + 1)
        },
      ),
    )
  })
})

const none: Workload = { variant: null, size: null, items: 0 }
const completed = (task: Partial<CompletedTask>): CompletedTask => ({ ...none, ms: 1_000, stageMs: null, ...task })

describe('the expected duration', () => {
  test('is unknown before a task of the kind has completed', () => {
    expect(createDurations([]).expect(none)).toBeNull()
  })

  test('follows the size of the task, as in completed tasks of the same variant', () => {
    const sizes = Array.from({ length: 4 }, () => [3, 40, 9, 100, 17]).flat()
    const sized = sizes.map((size) => completed({ variant: 'pdf', size, ms: 500 + 20 * size }))
    const other = [5, 60].map((size) => completed({ variant: 'html', size, ms: 2 * size }))
    const durations = createDurations([...sized, ...other])
    const medium = durations.expect({ ...none, variant: 'pdf', size: 60 })?.ms ?? 0
    expect(Math.abs(medium - 1_700)).toBeLessThan(170)
    expect(durations.expect({ ...none, variant: 'pdf', size: 1_000 })?.ms).toBeGreaterThan(15_000)
    expect(durations.expect({ ...none, variant: 'html', size: 30 })?.ms).toBeCloseTo(60, -1)
  })

  test('is proportional to the items when all completed tasks had the same number of them', () => {
    const durations = createDurations(Array.from({ length: 5 }, () => completed({ items: 10, ms: 1_000 })))
    expect(durations.expect({ ...none, items: 30 })?.ms).toBeCloseTo(3_000)
  })

  test('does not mix tasks with and without items', () => {
    const durations = createDurations([
      ...Array.from({ length: 10 }, () => completed({ variant: 'md', size: 100, ms: 50 })),
      ...Array.from({ length: 10 }, () => completed({ variant: 'pdf', size: 100, items: 40, ms: 2_000 })),
    ])
    expect(durations.expect({ variant: 'pdf', size: 100, items: 80 })?.ms).toBeCloseTo(4_000)
    expect(durations.expect({ variant: 'md', size: 100, items: 0 })?.ms).toBeCloseTo(50)
  })

  test('is the mean while the size is unknown, and of all tasks, with little weight, for an unknown variant', () => {
    const durations = createDurations([1, 2, 3].map((size) => completed({ variant: 'pdf', size, ms: 1_000 * size })))
    const mean = durations.expect({ ...none, variant: 'pdf' })
    expect(mean?.ms).toBeGreaterThan(1_000)
    expect(mean?.ms).toBeLessThan(3_000)
    const unknown = durations.expect({ ...none, variant: 'docx', size: 900 })
    expect(unknown?.ms).toBeCloseTo(mean?.ms ?? 0)
    expect(unknown?.spread).toBeGreaterThan(1)
  })

  test('follows recent tasks, and is not decided by one that took far longer than the others', () => {
    const slow = Array.from({ length: 25 }, () => completed({ ms: 3_000 }))
    const fast = Array.from({ length: 25 }, () => completed({ ms: 1_000 }))
    expect(createDurations([...slow, ...fast]).expect(none)?.ms).toBeGreaterThan(2_400)
    expect(createDurations([completed({ ms: 300_000 }), ...fast]).expect(none)?.ms).toBeLessThan(1_500)
  })

  test('is positive and finite whatever the completed tasks were, and so are the shares of the stages', () => {
    const anyTask = fc.record({
      variant: fc.constantFrom(null, 'a'),
      size: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      items: fc.nat(2_000),
      ms: fc.double({ min: 0, max: 1e8, noNaN: true }),
      stageMs: fc.option(fc.record({ x: fc.nat(100_000), y: fc.nat(100_000) })),
    })
    fc.assert(
      fc.property(fc.array(anyTask, { minLength: 1, maxLength: 30 }), anyTask, (tasks, task) => {
        const durations = createDurations(tasks)
        const expected = durations.expect(task)
        expect(Number.isFinite(expected?.ms)).toBe(true)
        expect(expected?.ms).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(expected?.spread)).toBe(true)
        const shares = Object.values(durations.stages(task, { x: 30, y: 70 }))
        expect(shares.every((share) => share >= 0)).toBe(true)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100)
      }),
    )
  })
})

describe('the shares of the stages', () => {
  const weights = { reading: 50, writing: 50 }

  test('are the declared ones until tasks of the variant have completed, and then as measured, by size', () => {
    expect(createDurations([]).stages(none, weights)).toEqual(weights)
    const tasks = [10, 100, 30, 300, 80, 10, 100, 30, 300, 80].map((size) =>
      completed({ variant: 'pdf', size, ms: 100 + 9 * size, stageMs: { reading: 100, writing: 9 * size } }),
    )
    const durations = createDurations(tasks)
    expect(durations.stages({ ...none, variant: 'docx' }, weights)).toEqual(weights)
    const small = durations.stages({ variant: 'pdf', size: 10, items: 0 }, weights)
    const large = durations.stages({ variant: 'pdf', size: 300, items: 0 }, weights)
    expect(small['reading']).toBeCloseTo(52, -1)
    expect(large['reading']).toBeLessThan(12)
  })

  test('leave out a stage that is never entered', () => {
    const tasks = Array.from({ length: 30 }, () => completed({ stageMs: { writing: 1_000 } }))
    expect(createDurations(tasks).stages(none, weights)['reading']).toBeLessThan(5)
  })
})
