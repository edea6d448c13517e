import type { CombinedError } from '@urql/core'
import { type AnalyticsState, reduceAnalytics } from '../../apps/analytics/reduce-analytics.ts'
import { AnalyticsUpdatesDocument, type AnalyticsUpdatesSubscription } from '../../gql/graphql.ts'
import { useLive } from '../../react/use-live.ts'

function reduce(state: AnalyticsState | undefined, { analyticsUpdates }: AnalyticsUpdatesSubscription): AnalyticsState {
  return reduceAnalytics(state, analyticsUpdates)
}

/**
 * Returns the viewer's current figures; null until the snapshot has arrived, which is the first
 * event.
 */
export function useAnalytics(): { readonly analytics: AnalyticsState | null; readonly error: CombinedError | null } {
  const { state, error } = useLive(AnalyticsUpdatesDocument, {}, reduce)
  return { analytics: state ?? null, error }
}
