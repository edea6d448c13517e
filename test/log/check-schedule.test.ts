import { PubSub } from 'graphql-subscriptions'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createBus } from '../../src/bus/bus.ts'
import { createCheckSchedule } from '../../src/log/check-schedule.ts'
import { silentLogger } from '../../src/logger.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** No comparison is due within 100 ms of its end. */
const windowMs = 29_900

/** Returns the times between the comparisons of a process in {@link windowMs}, the first one included, when each takes `tookMs`. */
async function readIntervals(options: {
  readonly isConnected: boolean
  readonly tookMs: number
}): Promise<readonly number[]> {
  const engine = {
    pubsub: new PubSub(),
    isConnected: () => options.isConnected,
    onReconnect: () => undefined,
    onPublisherReplaced: () => undefined,
    close: () => Promise.resolve(),
  }
  const bus = createBus({ kind: 'memory', engine, logger: silentLogger })
  const startedAt = performance.now()
  const times: number[] = []
  const schedule = createCheckSchedule({
    async compare() {
      times.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, options.tookMs))
    },
    bus,
    logger: silentLogger,
    checkMs: 3_000,
    awayCheckMs: 250,
  })
  await vi.advanceTimersByTimeAsync(windowMs)
  const intervals = times.map((time, index) => time - (times[index - 1] ?? 0))
  const ended = schedule[Symbol.asyncDispose]()
  await vi.advanceTimersByTimeAsync(options.tookMs)
  await ended
  return intervals
}

const every = (intervalMs: number, count: number): readonly number[] => Array(count).fill(intervalMs)

test('compares every CHECK_MS while the bus is connected', async () => {
  // After 3,000 ms, and from then on at the first look that is as long after the end of the last comparison.
  expect(await readIntervals({ isConnected: true, tookMs: 2 })).toEqual([3_000, ...every(3_050, 8)])
})

test('compares four times a second while it is unavailable', async () => {
  expect(await readIntervals({ isConnected: false, tookMs: 2 })).toEqual(every(250, 119))
})

test('spends at most a tenth of the time comparing while it is unavailable, and compares at least every CHECK_MS', async () => {
  // 100 ms of each second.
  expect(await readIntervals({ isConnected: false, tookMs: 100 })).toEqual([250, ...every(1_000, 29)])
  expect(await readIntervals({ isConnected: false, tookMs: 1_000 })).toEqual([250, ...every(4_000, 7)])
})
