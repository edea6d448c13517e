import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AttemptState,
  beginAttempt,
  isBatchDone,
  percentOfStages,
  reduceReport,
} from '../../../src/tasks/model/progress.ts'
import { advance, declareItems, item, output, type Report, stage } from '../../../src/tasks/model/report.ts'

const keys = ['a', 'b', 'c', 'd', 'e']
const anyPercent = fc.oneof(fc.integer({ min: -10, max: 120 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))
const anyKey = fc.constantFrom(...keys)
const failure = { code: 'X', message: 'X', retryable: false, advice: null }
const anyReport: fc.Arbitrary<Report> = fc.oneof(
  fc.tuple(fc.constantFrom('one', 'two', 'other'), anyPercent).map(([name, percent]) => stage(name, percent)),
  anyPercent.map((percent) => advance({ percent })),
  anyPercent.map((stagePercent) => advance({ stagePercent })),
  anyKey.map((key) => item.started(key)),
  anyKey.map((key) => item.completed(key)),
  anyKey.map((key) => item.failed(key, failure)),
  anyKey.map((key) => item.skipped(key)),
  fc.tuple(anyKey, anyPercent).map(([key, percent]) => item.advanced(key, percent)),
  fc.constant(output('s', 'x')),
)
const declared = declareItems(keys.map((key) => ({ key, label: key })))
const start = '2026-01-02T03:04:05.678Z'

describe('reduceReport', () => {
  test('keeps every percent between 0 and 100, never falling, and counts the reported items', () => {
    fc.assert(
      fc.property(
        fc.array(anyReport, { maxLength: 40 }),
        fc.constantFrom(undefined, { one: 1, two: 3 }),
        (reports, stages) => {
          let state = reduceReport(beginAttempt([], start), declared, stages)
          for (const report of reports) {
            const before = state
            state = reduceReport(state, report, stages)
            const { progress, items } = state
            expect(progress.percent).toBeGreaterThanOrEqual(before.progress.percent)
            for (const percent of [
              progress.percent,
              progress.stagePercent ?? 0,
              ...[...items.values()].map((one) => one.percent),
            ]) {
              expect(percent).toBeGreaterThanOrEqual(0)
              expect(percent).toBeLessThanOrEqual(100)
            }
            const statuses = [...items.values()].map(({ status }) => status)
            expect(progress.completedItems).toBe(statuses.filter((s) => s === 'COMPLETED' || s === 'SKIPPED').length)
            expect(progress.failedItems).toBe(statuses.filter((s) => s === 'FAILED').length)
            expect(progress.totalItems).toBe(items.size)
            expect(isBatchDone(progress)).toBe(statuses.every((s) => s !== 'PENDING' && s !== 'RUNNING'))
          }
        },
      ),
    )
  })

  test('derives the percent from the items when the task reports none', () => {
    const reports = [declared, item.completed('a'), item.advanced('b', 50)]
    const state = reports.reduce((folded, report) => reduceReport(folded, report), beginAttempt([], start))
    expect(state.progress).toMatchObject({ percent: 30, completedItems: 1, totalItems: 5, stage: null })
  })

  test('begins another attempt with the finished part: of its items, or of its stages, which run again', () => {
    const reports = [declared, item.completed('a')]
    const { items } = reports.reduce((folded, report) => reduceReport(folded, report), beginAttempt([], start))
    const again = beginAttempt([...items.values()], start)
    expect(again.progress).toMatchObject({ percent: 20, completedItems: 1 })
    const staged = beginAttempt([...items.values()], start, true)
    expect(staged.progress).toMatchObject({ percent: 0, completedItems: 1 })
    expect(reduceReport(staged, stage('parse'), { parse: 1, generate: 1 }).progress.percent).toBe(0)
  })

  test('takes back what a report changed in the items', () => {
    fc.assert(
      fc.property(fc.array(anyReport, { maxLength: 20 }), anyReport, (reports, last) => {
        const state = reports.reduce<AttemptState>(
          (folded, report) => reduceReport(folded, report),
          reduceReport(beginAttempt([], start), declared),
        )
        const read = ({ items: { completed, failed, meanPercent, values } }: AttemptState) => ({
          completed,
          failed,
          meanPercent: meanPercent.toFixed(6),
          values: [...values()],
        })
        const before = read(state)
        for (const report of [last, declareItems([{ key: 'new', label: 'New' }])]) {
          const reduced = reduceReport(state, report)
          expect(reduced.items.size - state.progress.totalItems).toBe(report.is === 'items' ? 1 : 0)
          reduced.undo()
          expect(read(state)).toEqual(before)
        }
      }),
    )
  })

  test('resets an item that is started after it had ended', () => {
    const reports = [declared, item.failed('a', failure), item.started('a')]
    const state = reports.reduce((folded, report) => reduceReport(folded, report), beginAttempt([], start))
    expect(state.items.get('a')).toMatchObject({ status: 'RUNNING', percent: 0, error: null })
  })
})

describe('percentOfStages', () => {
  const stages = { parse: 1, generate: 8, store: 1 }
  test.each([
    ['parse', 0, 0],
    ['parse', 50, 5],
    ['generate', 0, 10],
    ['generate', 50, 50],
    ['store', 100, 100],
    ['other', 50, null],
  ])('puts %s at %i %% at %s %% of the whole', (name, percent, whole) => {
    expect(percentOfStages(stages, name, percent)).toBe(whole)
  })
})
