import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { estimateRemainingMs, estimateWaitMs, type KindDurations } from '../../src/tasks/estimate.ts'
import { emptyProgress } from '../../src/tasks/task.ts'

const durations = (change: Partial<KindDurations> = {}): KindDurations => ({
  taskMs: 10_000,
  meanMs: 10_000,
  itemMs: 1_000,
  slots: 2,
  ...change,
})
const remaining = (
  percent: number,
  elapsedMs: number,
  options: { known?: KindDurations | null; from?: number; items?: number } = {},
) =>
  estimateRemainingMs(
    { ...emptyProgress, percent, totalItems: options.items ?? 0 },
    options.known === undefined ? durations() : options.known,
    1_000_000 + elapsedMs,
    { atMs: 1_000_000, percent: options.from ?? 0 },
  )

describe('estimateRemainingMs', () => {
  test.each([
    ['nothing to go by', 0, 0, { known: null }, null],
    ['too little done for a rate of its own', 1, 5_000, { known: null }, null],
    ['its own rate alone', 25, 5_000, { known: null }, 15_000],
    ['what earlier tasks took', 0, 0, {}, 10_000],
    ['what is left of what earlier tasks took', 0, 4_000, {}, 6_000],
    ['earlier tasks by the item', 0, 0, { items: 30 }, 30_000],
    ['mostly its own rate, half way through', 50, 10_000, {}, 8_536],
    ['mostly earlier tasks, at the beginning', 4, 1_000, {}, Math.round(0.2 * 24_000 + 0.8 * 9_600)],
    ['the rate of this attempt, which began with half of it done', 75, 5_000, { known: null, from: 50 }, 5_000],
    ['half of what earlier tasks took, when half was done before', 50, 0, { from: 50 }, 5_000],
    ['nothing, at the end', 100, 20_000, {}, 0],
  ] as const)('is estimated from %s', (_what, percent, elapsedMs, options, expected) => {
    expect(remaining(percent, elapsedMs, options)).toBe(expected)
  })

  test('is never negative nor beyond both of its sources, and exact for a task at the usual pace', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 100 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (percent, elapsedMs, taskMs) => {
          const known = durations({ taskMs })
          const estimated = remaining(percent, elapsedMs, { known }) ?? Number.NaN
          const ownMs = (elapsedMs * (100 - percent)) / percent
          expect(Number.isInteger(estimated)).toBe(true)
          expect(estimated).toBeGreaterThanOrEqual(0)
          expect(estimated).toBeLessThanOrEqual(Math.ceil(Math.max(ownMs, taskMs)))
          expect(remaining(percent, (taskMs * percent) / 100, { known })).toBeCloseTo(
            (taskMs * (100 - percent)) / 100,
            -0.5,
          )
        },
      ),
    )
  })

  test('falls as a task that keeps its pace progresses', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 1_000_000 }),
        fc.integer({ min: 1_000, max: 1_000_000 }),
        (tookMs, taskMs) => {
          const known = durations({ taskMs })
          const estimates = Array.from(
            { length: 18 },
            (_, i) => remaining(10 + i * 5, (tookMs * (10 + i * 5)) / 100, { known }) ?? Number.NaN,
          )
          // Once both sources agree that it ends, the estimate does not rise from one reading to
          // the next by more than rounding.
          for (const [i, estimate] of estimates.entries())
            if (i > 8) expect(estimate).toBeLessThanOrEqual((estimates[i - 1] ?? 0) + 1)
        },
      ),
    )
  })
})

describe('estimateWaitMs', () => {
  test.each([
    [1, 2_500],
    [2, 7_500],
    [5, 22_500],
  ])('at position %i is %i ms', (position, expected) => {
    expect(estimateWaitMs(position, durations())).toBe(expected)
  })

  test('is unknown without history and without workers', () => {
    expect(estimateWaitMs(1, durations({ meanMs: null }))).toBeNull()
    expect(estimateWaitMs(1, durations({ slots: 0 }))).toBeNull()
  })
})
