import { describe, expect, test } from 'vitest'
import { compareTails } from './statistics.ts'

/** Values between 1 and 2, with a short tail, as many each second as the attacks measure. */
const measure = (seconds: number, factor = 1): number[][] =>
  Array.from({ length: seconds }, () => Array.from({ length: 60 }, () => factor * (1 + Math.random())))

describe('compareTails', () => {
  test('returns both percentiles, and their ratio inside its range', () => {
    const { before, during, ratio, low, high } = compareTails(measure(30), measure(30, 3))
    expect(before).toBeCloseTo(1.99, 1)
    expect(during).toBeCloseTo(5.97, 1)
    expect(ratio).toBe(during / before)
    expect(low).toBeLessThanOrEqual(ratio)
    expect(high).toBeGreaterThanOrEqual(ratio)
    expect(low).toBeGreaterThan(2.8)
    expect(high).toBeLessThan(3.2)
  })

  test('has a wide range when a few seconds decide', () => {
    const during = measure(30)
    during[7] = Array.from({ length: 60 }, () => 20)
    const { ratio, low, high } = compareTails(measure(30), during)
    expect(ratio).toBeGreaterThan(9)
    // A measurement without this second would have found no difference.
    expect(low).toBeLessThan(1.1)
    expect(high).toBeGreaterThan(9)
  })
})
