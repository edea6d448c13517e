import { expect, test } from 'vitest'
import { layOut } from '../../../client/studio/analytics/series.ts'

const hourMs = 3_600_000
const now = Date.parse('2026-03-29T14:20:00.000Z')
const hoursAgo = (count: number, generatedCount: number, replacedCount = 0) => ({
  hour: new Date(Math.floor(now / hourMs) * hourMs - count * hourMs).toISOString(),
  generatedCount,
  replacedCount,
})

test('a day is the last 24 hours, one by one, with empty hours included', () => {
  const steps = layOut([hoursAgo(30, 9), hoursAgo(23, 1), hoursAgo(1, 2, 3), hoursAgo(0, 4)], 'day', now)
  expect(steps).toHaveLength(24)
  expect(steps.map(({ generated }) => generated)).toEqual([1, ...Array(21).fill(0), 2, 4])
  expect(steps.at(-2)).toMatchObject({ replaced: 3 })
})

test('a month is 30 calendar days, each once, today last', () => {
  const steps = layOut([hoursAgo(24 * 40, 9), hoursAgo(26, 1), hoursAgo(0, 2, 1), hoursAgo(1, 3)], 'month', now)
  expect(steps).toHaveLength(30)
  expect(new Set(steps.map(({ startMs }) => new Date(startMs).toDateString())).size).toBe(30)
  expect(new Date(steps.at(-1)?.startMs ?? 0).toDateString()).toBe(new Date(now).toDateString())
  expect(steps.reduce((sum, { generated, replaced }) => sum + generated + replaced, 0)).toBe(7)
})
