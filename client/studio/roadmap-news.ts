import type { RoadmapUpdatesSubscription } from '../gql/graphql.ts'

/** What the events of a roadmap come to, beside the states of its pieces: those the cache takes. */
export interface RoadmapNews {
  /** All tasks that worked on it since it is watched, in the order in which they were heard of; also those that are over. */
  readonly taskIds: readonly string[]
  /** Events were left out, a snapshot standing in their place: so often. What was fetched may be old. */
  readonly gaps: number
}

/** Folds the events. */
export function reduceRoadmapNews(
  state: RoadmapNews | undefined,
  { roadmapUpdates: event }: RoadmapUpdatesSubscription,
): RoadmapNews {
  const { taskIds, gaps } = state ?? { taskIds: [], gaps: 0 }
  if (event.__typename === 'RoadmapSnapshot')
    return { taskIds: union(taskIds, event.activeTaskIds), gaps: state === undefined ? 0 : gaps + 1 }
  if (event.__typename === 'RoadmapTaskStarted') return { taskIds: union(taskIds, [event.taskId]), gaps }
  return state ?? { taskIds, gaps }
}

function union(known: readonly string[], more: readonly string[]): readonly string[] {
  const added = more.filter((id) => !known.includes(id))
  return added.length === 0 ? known : [...known, ...added]
}
