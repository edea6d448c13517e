import type { CombinedError } from '@urql/core'
import { ViewerUpdatesDocument } from '../../gql/graphql.ts'
import { useLive } from '../../react/index.ts'
import { reduceViewerUpdates, type ViewerState } from './reduce-viewer.ts'

/** The changes to the viewer's lists. */
export interface LiveViewerUpdates {
  /** Null before the first event, which is a snapshot. */
  readonly changes: ViewerState | null
  /** The refusal of the server; null otherwise. */
  readonly error: CombinedError | null
}

const noVariables = {}

/**
 * Follows the changes to the viewer's lists. All components share one subscription, which resumes after an
 * interruption. While it is open, the cache fetches the lists of documents, roadmaps, quizzes, projects
 * and sessions again when they have changed; lists of tasks follow in {@link useTasks} without a request.
 */
export function useViewerUpdates(): LiveViewerUpdates {
  const { state, error } = useLive(ViewerUpdatesDocument, noVariables, reduceViewerUpdates)
  return { changes: state ?? null, error }
}
