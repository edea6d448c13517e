import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TidingsError } from '../../../src/errors.ts'
import { describeFailure, isTransient, nextDelayMs, RetryableError } from '../../../src/tasks/model/failure.ts'

const backoff = { initialDelayMs: 1_000, maxDelayMs: 60_000 }

describe('nextDelayMs', () => {
  test.each([
    [1, 500, 1_000],
    [2, 1_000, 2_000],
    [3, 2_000, 4_000],
    [6, 16_000, 32_000],
    [7, 30_000, 60_000],
    [8, 30_000, 60_000],
    [1_000, 30_000, 60_000],
  ])('after attempt %i is between %i and %i ms', (attempt, least, most) => {
    expect(nextDelayMs(backoff, attempt, undefined, () => 0)).toBe(least)
    expect(nextDelayMs(backoff, attempt, undefined, () => 1)).toBe(most)
  })

  test('doubles, is capped, stays within its jitter, and is never shorter than the requested delay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (initialDelayMs, maxDelayMs, attempt, retryAfterMs, random) => {
          const delayMs = nextDelayMs({ initialDelayMs, maxDelayMs }, attempt, retryAfterMs, () => random)
          const full = Math.min(initialDelayMs * 2 ** (attempt - 1), maxDelayMs)
          expect(Number.isInteger(delayMs)).toBe(true)
          expect(delayMs).toBeGreaterThanOrEqual(Math.max(Math.round(full / 2), retryAfterMs))
          expect(delayMs).toBeLessThanOrEqual(Math.max(full, retryAfterMs))
        },
      ),
    )
  })
})

describe('a failure', () => {
  test.each([
    [Object.assign(new Error('x'), { code: '57P01' }), true],
    [Object.assign(new Error('x'), { code: '08006' }), true],
    [Object.assign(new Error('x'), { code: '40P01' }), true],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), true],
    [Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'connect' }), true],
    [new Error('Connection terminated unexpectedly'), true],
    [new TidingsError('UNAVAILABLE', 'x'), true],
    [new TidingsError('NOT_FOUND', 'x'), false],
    [Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'open' }), false],
    [Object.assign(new Error('x'), { code: '23505' }), false],
    [new Error('x'), false],
    ['x', false],
  ])('%o is transient: %s', (error, passes) => {
    expect(isTransient(error)).toBe(passes)
    expect(describeFailure(error, 't_1').retryable).toBe(passes)
  })

  test('keeps its code and advice, and says whether it is retried', () => {
    expect(describeFailure(new RetryableError('A', 'B', { advice: 'C' }), 't_1')).toEqual({
      code: 'A',
      message: 'B',
      retryable: true,
      advice: 'C',
    })
  })
})
