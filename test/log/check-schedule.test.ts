import { PubSub } from 'graphql-subscriptions'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createBus } from '../../src/bus/bus.ts'
import { createCheckSchedule } from '../../src/log/check-schedule.ts'
import { silentLogger } from '../../src/logger.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/**
 * Counts how often a process compares in 30 s when each comparison takes `tookMs`. One more or less is possible: the
 * first comparison may be due at once, or after an interval.
 */
async function countChecks(options: { readonly isConnected: boolean; readonly tookMs: number }): Promise<number> {
  const engine = {
    pubsub: new PubSub(),
    isConnected: () => options.isConnected,
    onReconnect: () => undefined,
    onPublisherReplaced: () => undefined,
    close: () => Promise.resolve(),
  }
  const bus = createBus({ kind: 'memory', engine, logger: silentLogger })
  let count = 0
  const schedule = createCheckSchedule({
    async compare() {
      count++
      await new Promise((resolve) => setTimeout(resolve, options.tookMs))
    },
    bus,
    logger: silentLogger,
    checkMs: 3_000,
    awayCheckMs: 250,
  })
  await vi.advanceTimersByTimeAsync(30_000 - 1)
  const counted = count
  const ended = schedule[Symbol.asyncDispose]()
  await vi.advanceTimersByTimeAsync(options.tookMs)
  await ended
  return counted
}

test('compares every CHECK_MS while the bus is connected', async () => {
  expect([9, 10]).toContain(await countChecks({ isConnected: true, tookMs: 2 }))
})

test('compares four times a second while it is unavailable', async () => {
  expect([119, 120]).toContain(await countChecks({ isConnected: false, tookMs: 2 }))
})

test('spends at most a tenth of the time comparing while it is unavailable, and compares at least every CHECK_MS', async () => {
  // 100 ms of each second.
  expect(await countChecks({ isConnected: false, tookMs: 100 })).toBeLessThanOrEqual(30)
  expect(await countChecks({ isConnected: false, tookMs: 100 })).toBeGreaterThan(20)
  expect([8, 9]).toContain(await countChecks({ isConnected: false, tookMs: 1_000 }))
})
