import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type AnalyticsEvent,
  type AnalyticsFigures,
  type AnalyticsState,
  reduceAnalytics,
} from '../../../client/apps/analytics/reduce-analytics.ts'

/** The server's own data: questions generated from some documents, in order. */
interface Made {
  readonly document: number
  readonly hour: number
  readonly isReplacement: boolean
}
const made = fc.record({ document: fc.nat(3), hour: fc.nat(5), isReplacement: fc.boolean() })

const figuresOf = (list: readonly Made[]): AnalyticsFigures => ({
  generatedCount: list.filter(({ isReplacement }) => !isReplacement).length,
  replacedCount: list.filter(({ isReplacement }) => isReplacement).length,
  acceptedCount: 0,
  medianMs: list.length === 0 ? null : list.length,
  p90Ms: null,
  failureRate: null,
  tasks: { queued: 0, running: 0, retrying: 0, completed: list.length, failed: 0, canceled: 0 },
})
const instant = (index: number): string => new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString()
const hourOf = (hour: number): string => new Date(Date.UTC(2026, 0, 1, hour)).toISOString()

function stateOf(list: readonly Made[]): AnalyticsState {
  const numbered = list.map((one, index) => ({ ...one, index }))
  const documents = [...new Set(list.map(({ document }) => document))].map((document) => {
    const own = numbered.filter((one) => one.document === document)
    return {
      documentId: `document_${document}`,
      title: `Document ${document}`,
      lastAt: instant(Math.max(...own.map(({ index }) => index))),
      figures: figuresOf(own),
    }
  })
  return {
    totals: figuresOf(list),
    documents: documents.sort((a, b) => (a.lastAt < b.lastAt ? 1 : -1)),
    hours: [...new Set(list.map(({ hour }) => hour))]
      .sort((a, b) => a - b)
      .map((hour) => {
        const { generatedCount, replacedCount } = figuresOf(list.filter((one) => one.hour === hour))
        return { hour: hourOf(hour), generatedCount, replacedCount }
      }),
    questions: numbered
      .map(({ index, document, isReplacement }) => ({
        id: `task_${index}/question`,
        documentId: `document_${document}`,
        origin: isReplacement ? ('REPLACED' as const) : ('GENERATED' as const),
        at: instant(index),
        durationMs: index,
      }))
      .slice(-200),
  }
}
/** Returns the event of the server for the questions from `from` up to `to`. */
function changeOf(list: readonly Made[], from: number, to: number): AnalyticsEvent {
  const state = stateOf(list.slice(0, to))
  const news = list.slice(from, to)
  return {
    __typename: 'AnalyticsChanged',
    cursor: `c-${to}`,
    at: instant(to),
    totals: state.totals,
    documents: state.documents.filter(({ documentId }) =>
      news.some(({ document }) => documentId === `document_${document}`),
    ),
    hours: state.hours.filter(({ hour }) => news.some((one) => hourOf(one.hour) === hour)),
    questions: state.questions.slice(-news.length || state.questions.length),
  }
}
const snapshotOf = (list: readonly Made[], to: number): AnalyticsEvent => ({
  __typename: 'AnalyticsSnapshot',
  cursor: `c-${to}`,
  at: instant(to),
  reason: 'SUBSCRIBED',
  analytics: stateOf(list.slice(0, to)),
})

describe('reduceAnalytics', () => {
  test('equals the snapshot for any split of the changes, also with duplicates', () => {
    fc.assert(
      fc.property(
        fc.array(made, { maxLength: 40 }),
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 8 }), isTwice: fc.boolean(), isSnapshot: fc.boolean() })),
        (list, portions) => {
          let state = reduceAnalytics(undefined, snapshotOf(list, 0))
          let at = 0
          for (const { size, isTwice, isSnapshot } of [...portions, { size: 40, isTwice: false, isSnapshot: false }]) {
            const to = Math.min(list.length, at + size)
            if (to === at) continue
            const event = isSnapshot ? snapshotOf(list, to) : changeOf(list, at, to)
            state = reduceAnalytics(state, event)
            if (isTwice) state = reduceAnalytics(state, event)
            at = to
          }
          expect(state).toEqual(stateOf(list))
        },
      ),
    )
  })

  test('keeps as many questions as a snapshot has, the last ones', () => {
    const list = Array.from({ length: 230 }, (): Made => ({ document: 0, hour: 0, isReplacement: false }))
    let state = reduceAnalytics(undefined, snapshotOf(list, 190))
    state = reduceAnalytics(state, changeOf(list, 190, 230))
    expect(state).toEqual(stateOf(list))
    expect(state.questions).toHaveLength(200)
  })

  test('ignores unknown events', () => {
    const state = stateOf([])
    expect(reduceAnalytics(state, { __typename: 'AnalyticsLater', cursor: 'c', at: instant(0) } as never)).toBe(state)
  })
})
