import { describe, expect, it } from 'vitest'
import type { TaskEvent } from '../../../client/reduce/task-state.ts'
import {
  arrangeSpans,
  foldEvent,
  maxEntries,
  maxItemSpans,
  reduceTaskStory,
  type TaskStory,
} from '../../../client/studio/tasks/task-story.ts'
import { playHistory, type Step } from '../reduce/model.ts'

const fold = (events: readonly TaskEvent[]): TaskStory => {
  const story = events.reduce<TaskStory | undefined>(
    (state, taskProgress) => reduceTaskStory(state, { taskProgress }),
    undefined,
  )
  if (story === undefined) throw new RangeError('There are no events')
  return story
}
const play = (...steps: readonly Step[]): TaskStory => fold(playHistory(steps).events)
/** The rows of the time line: label, outcome, seconds from the first to the last. */
const rowsOf = (story: TaskStory): readonly string[] => {
  const spans = arrangeSpans(story, [])
  const zero = Math.min(...spans.map(({ startedAt }) => startedAt))
  return spans.map(
    ({ label, outcome, startedAt, finishedAt }) =>
      `${label} ${outcome} ${(startedAt - zero) / 1_000}–${finishedAt === null ? '' : (finishedAt - zero) / 1_000}`,
  )
}

describe('the story of a task', () => {
  it('has the wait, the attempt, its stages and items from their beginning to their end', () => {
    const story = play(
      { do: 'start' },
      { do: 'declare', count: 2 },
      { do: 'item', index: 0, status: 'RUNNING' },
      { do: 'item', index: 0, status: 'COMPLETED' },
      { do: 'item', index: 1, status: 'RUNNING' },
      { do: 'item', index: 1, status: 'FAILED' },
      { do: 'complete' },
    )
    expect(rowsOf(story)).toEqual([
      'In the queue completed 0–1',
      'Attempt 1 completed 1–7',
      'Generating completed 1–7',
      expect.stringMatching(/completed 3–4$/),
      expect.stringMatching(/failed 5–6$/),
    ])
    expect(story.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(story.entries[0]?.payload).toMatchObject({ status: 'QUEUED' })
  })

  it('has each attempt, with the wait before it, and what was open when the task was canceled', () => {
    const story = play(
      { do: 'start' },
      { do: 'declare', count: 1 },
      { do: 'item', index: 0, status: 'RUNNING' },
      { do: 'retry' },
      { do: 'start' },
      { do: 'cancel' },
    )
    const rows = rowsOf(story)
    expect(rows).toContain('Attempt 1 failed 1–4')
    expect(rows).toContain('Before attempt 2 completed 4–5')
    expect(rows).toContain('Attempt 2 canceled 5–6')
    expect([...story.spans.values()].every(({ finishedAt }) => finishedAt !== null)).toBe(true)
  })

  it('is the same whatever is repeated, and returns the same object for a repetition', () => {
    const { events } = playHistory([{ do: 'start' }, { do: 'advance', percent: 5 }, { do: 'complete' }])
    const story = fold(events)
    for (const event of events) expect(foldEvent(story, event)).toBe(story)
  })

  it('begins with a snapshot where events are no longer stored, and the stored attempts complete it', () => {
    const { events, snapshotAt } = playHistory([
      { do: 'start' },
      { do: 'retry' },
      { do: 'start' },
      { do: 'advance', percent: 5 },
      { do: 'complete' },
    ])
    const story = fold([snapshotAt(5, 'PRUNED'), ...events.slice(5)])
    expect(story.isPartial).toBe(true)
    const stored = [
      { attempt: 1, startedAt: '2026-01-01T00:00:02Z', finishedAt: '2026-01-01T00:00:03Z', outcome: 'WORKER_LOST' },
      { attempt: 2, startedAt: '2026-01-01T00:00:04Z', finishedAt: null, outcome: null },
    ]
    const attempts = arrangeSpans(story, stored).filter(({ kind }) => kind === 'attempt')
    expect(attempts.map(({ label, outcome }) => `${label} ${outcome}`)).toEqual([
      'Attempt 1 lost',
      'Attempt 2 completed',
    ])
  })

  it('keeps only the newest of several queue positions in a row', () => {
    const { events, moves } = playHistory([{ do: 'move' }, { do: 'move' }, { do: 'move' }])
    expect(moves.length).toBeGreaterThan(1)
    const story = fold([...events, ...moves])
    expect(story.entries.map(({ type }) => type)).toEqual(['TaskQueued', 'TaskQueueMoved'])
  })

  it('is bounded, however many events and items there are', () => {
    const count = maxItemSpans + 20
    const steps = Array.from({ length: count }, (_, index): Step[] => [
      { do: 'item', index, status: 'RUNNING' },
      { do: 'item', index, status: 'COMPLETED' },
    ])
    const advances = Array.from({ length: maxEntries }, (): Step => ({ do: 'advance', percent: 1 }))
    const story = play({ do: 'start' }, { do: 'declare', count }, ...steps.flat(), ...advances)
    expect(story.entries).toHaveLength(maxEntries)
    expect(story.eventCount).toBeGreaterThan(2 * count)
    expect([...story.spans.values()].filter(({ kind }) => kind === 'item')).toHaveLength(maxItemSpans)
    expect(story.hasMoreItems).toBe(true)
  })
})
