import type {
  TaskSummaryFieldsFragment,
  ViewerUpdateFieldsFragment,
  ViewerUpdatesSubscription,
} from '../../gql/graphql.ts'
import { isNewerSnapshot } from '../../index.ts'

/** An event of `viewerUpdates` with the fields of the fragment `ViewerUpdateFields` (client/apps/viewer/viewer.graphql). */
export type ViewerUpdate = ViewerUpdateFieldsFragment

/** The changes to a viewer's lists since the subscription began. */
export interface ViewerState {
  /** Tasks that have changed, by id, the latest change last; null for deleted ones. At most 200. */
  readonly tasks: ReadonlyMap<string, TaskSummaryFieldsFragment | null>
  /** The number of the last event of each roadmap, quiz, project and session that has changed, by id. At most 200. */
  readonly objects: ReadonlyMap<string, number>
  /** The number of snapshots that replaced events: when it grows, fetch the lists again. */
  readonly gaps: number
  /** The number of the last event. */
  readonly seq: number
  /** The cursor at which the log was reset; null if it was not. */
  readonly resetCursor: string | null
}

const maxEntries = 200
const empty: ViewerState = { tasks: new Map(), objects: new Map(), gaps: 0, seq: 0, resetCursor: null }

/**
 * Folds one event into the changes to a viewer's lists. Pure. Returns the same object for an event that is not newer than the
 * state. A snapshot that replaces events drops the tasks, since lists that are fetched after it are newer.
 *
 * @param state - undefined before the first event, which is a snapshot
 */
export function reduceViewer(state: ViewerState | undefined, event: ViewerUpdate): ViewerState {
  const before = state ?? empty
  const { cursor, seq } = event
  if (event.__typename === 'ViewerSnapshot') {
    if (!isNewerSnapshot(before, event)) return before
    const resetCursor = event.reason === 'RESET' ? cursor : before.resetCursor
    return {
      tasks: new Map(),
      objects: before.objects,
      gaps: state === undefined ? 0 : before.gaps + 1,
      seq,
      resetCursor,
    }
  }
  if (seq <= before.seq) return before
  if (event.__typename === 'ViewerObjectChanged') {
    const { objectId } = event
    const otherObjects = [...before.objects].filter(([id]) => id !== objectId).slice(1 - maxEntries)
    return { ...before, seq, objects: new Map(otherObjects).set(objectId, seq) }
  }
  // Events of documents, and of types that this client does not have, change no task.
  if (!('taskId' in event)) return { ...before, seq }
  const { taskId } = event
  const otherTasks = [...before.tasks].filter(([id]) => id !== taskId).slice(1 - maxEntries)
  return { ...before, seq, tasks: new Map(otherTasks).set(taskId, 'task' in event ? event.task : null) }
}

/** Folds `viewerUpdates` for all components; they share one subscription. */
export function reduceViewerUpdates(
  state: ViewerState | undefined,
  { viewerUpdates }: ViewerUpdatesSubscription,
): ViewerState {
  return reduceViewer(state, viewerUpdates)
}
