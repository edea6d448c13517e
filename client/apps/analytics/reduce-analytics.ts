import type {
  AnalyticsFieldsFragment,
  AnalyticsHourFieldsFragment,
  AnalyticsUpdatesSubscription,
  DocumentAnalyticsFieldsFragment,
  FiguresFieldsFragment,
  QuestionTimingFieldsFragment,
} from '../../gql/graphql.ts'
import { ignoreUnknown } from '../../index.ts'

/** The counters of one document or of all. */
export type AnalyticsFigures = FiguresFieldsFragment
/** The figures of one document. */
export type DocumentAnalytics = DocumentAnalyticsFieldsFragment
/** The questions of one hour. */
export type AnalyticsHour = AnalyticsHourFieldsFragment
/** The timing of one question. */
export type QuestionTiming = QuestionTimingFieldsFragment
/** All counters. */
export type AnalyticsState = AnalyticsFieldsFragment
/** An event of `analyticsUpdates`. */
export type AnalyticsEvent = AnalyticsUpdatesSubscription['analyticsUpdates']

/**
 * The maximum number of documents and questions in a snapshot. The fold has the same limit, so that
 * both lead to the same state.
 */
const maxTold = 200

/**
 * Folds an event into the state. A snapshot starts over. A change replaces the parts it contains,
 * so that a repeated change has no effect.
 */
export function reduceAnalytics(state: AnalyticsState | undefined, event: AnalyticsEvent): AnalyticsState {
  switch (event.__typename) {
    case 'AnalyticsSnapshot':
      return event.analytics
    case 'AnalyticsChanged': {
      const { totals } = event
      return {
        totals,
        documents: merge(state?.documents ?? [], event.documents, ({ documentId }) => documentId)
          .sort((a, b) => compare(b.lastAt, a.lastAt) || compare(a.documentId, b.documentId))
          .slice(0, maxTold),
        hours: merge(state?.hours ?? [], event.hours, ({ hour }) => hour).sort((a, b) => compare(a.hour, b.hour)),
        questions: merge(state?.questions ?? [], event.questions, ({ id }) => id)
          .sort((a, b) => compare(a.at, b.at) || compare(a.id, b.id))
          .slice(-maxTold),
      }
    }
    default:
      if (state === undefined) throw new Error('The first of the analytics updates is not a snapshot')
      return ignoreUnknown(event, state)
  }
}

function merge<T>(existing: readonly T[], changed: readonly T[], keyOf: (entry: T) => string): T[] {
  const byKey = new Map(existing.map((entry) => [keyOf(entry), entry]))
  for (const entry of changed) byKey.set(keyOf(entry), entry)
  return [...byKey.values()]
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
