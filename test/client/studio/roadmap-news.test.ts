import { describe, expect, it } from 'vitest'
import type { RoadmapUpdatesSubscription } from '../../../client/gql/graphql.ts'
import { type RoadmapNews, reduceRoadmapNews } from '../../../client/studio/roadmaps/roadmap-news.ts'

type News = RoadmapUpdatesSubscription['roadmapUpdates']
const place = { cursor: 'c', seq: 1 }
const snapshot = (activeTaskIds: string[]): News => ({
  __typename: 'RoadmapSnapshot',
  ...place,
  reason: 'SUBSCRIBED',
  activeTaskIds,
  contents: [],
})
const started = (taskId: string): News => ({ __typename: 'RoadmapTaskStarted', ...place, taskId, contents: [] })
const ended = (taskId: string): News => ({ __typename: 'RoadmapTaskEnded', ...place, taskId, contents: [] })
const fold = (...events: News[]): RoadmapNews | undefined =>
  events.reduce<RoadmapNews | undefined>(
    (state, roadmapUpdates) => reduceRoadmapNews(state, { roadmapUpdates }),
    undefined,
  )

describe('the events of a roadmap', () => {
  it('name each task once, in order of their start, including one that ended before it could be followed', () => {
    expect(fold(snapshot(['a', 'b']), started('c'), ended('c'), started('b'))?.taskIds).toEqual(['a', 'b', 'c'])
  })

  it('count a snapshot that replaces events, but not the first', () => {
    expect(fold(snapshot([]))?.gaps).toBe(0)
    expect(fold(snapshot(['a']), ended('a'), snapshot(['b']))).toEqual({
      taskIds: ['a', 'b'],
      gaps: 1,
      isDeleted: false,
    })
  })

  it('report its deletion', () => {
    expect(fold(snapshot(['a']))?.isDeleted).toBe(false)
    expect(fold(snapshot(['a']), { __typename: 'RoadmapDeleted', ...place })).toEqual({
      taskIds: ['a'],
      gaps: 0,
      isDeleted: true,
    })
  })

  it('keep the identity of the result when nothing is new', () => {
    const before = fold(snapshot(['a']))
    expect(reduceRoadmapNews(before, { roadmapUpdates: ended('a') })).toBe(before)
  })
})
