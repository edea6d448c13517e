import type {
  AnalyticsFieldsFragment,
  AnalyticsHourFieldsFragment,
  AnalyticsUpdatesSubscription,
  DocumentAnalyticsFieldsFragment,
  FiguresFieldsFragment,
  QuestionTimingFieldsFragment,
} from '../gql/graphql.ts'
import { ignoreUnknown } from './fold.ts'

/** What is counted, of one document or of all. */
export type AnalyticsFigures = FiguresFieldsFragment
/** The figures of one document. */
export type DocumentAnalytics = DocumentAnalyticsFieldsFragment
/** The questions of one hour. */
export type AnalyticsHour = AnalyticsHourFieldsFragment
/** How long one question took. */
export type QuestionTiming = QuestionTimingFieldsFragment
/** All figures. */
export type AnalyticsState = AnalyticsFieldsFragment
/** What `analyticsUpdates` tells. */
export type AnalyticsEvent = AnalyticsUpdatesSubscription['analyticsUpdates']

/** As many documents and questions as a snapshot has at most, so that both ways lead to the same. */
const maxTold = 200

/**
 * Folds an event into what is known. A snapshot begins anew; a change takes the place of the parts it names, so that one
 * that comes twice changes nothing.
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

function merge<T>(known: readonly T[], changed: readonly T[], keyOf: (one: T) => string): T[] {
  const byKey = new Map(known.map((one) => [keyOf(one), one]))
  for (const one of changed) byKey.set(keyOf(one), one)
  return [...byKey.values()]
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
