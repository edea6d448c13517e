import type { RoadmapUpdatesSubscription } from '../../gql/graphql.ts'

/**
 * The state folded from the events of a roadmap, except the states of its pieces, which the cache
 * stores.
 */
export interface RoadmapNews {
  /**
   * All tasks that have worked on it since it is watched, including finished ones, in the order of
   * their first events.
   */
  readonly taskIds: readonly string[]
  /** How many times a snapshot replaced missing events. Fetched data may be outdated after each. */
  readonly gaps: number
  readonly isDeleted: boolean
}

/** Folds one event into the state. */
export function reduceRoadmapNews(
  state: RoadmapNews | undefined,
  { roadmapUpdates: event }: RoadmapUpdatesSubscription,
): RoadmapNews {
  const before = state ?? { taskIds: [], gaps: 0, isDeleted: false }
  const { taskIds, gaps } = before
  if (event.__typename === 'RoadmapSnapshot')
    return { ...before, taskIds: union(taskIds, event.activeTaskIds), gaps: state === undefined ? 0 : gaps + 1 }
  if (event.__typename === 'RoadmapTaskStarted') return { ...before, taskIds: union(taskIds, [event.taskId]) }
  if (event.__typename === 'RoadmapDeleted') return { ...before, isDeleted: true }
  return before
}

function union(ids: readonly string[], otherIds: readonly string[]): readonly string[] {
  const newIds = otherIds.filter((id) => !ids.includes(id))
  return newIds.length === 0 ? ids : [...ids, ...newIds]
}
