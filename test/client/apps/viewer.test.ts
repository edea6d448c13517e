import { expect, test } from 'vitest'
import { reduceViewer, type ViewerState, type ViewerUpdate } from '../../../client/apps/viewer/reduce-viewer.ts'
import type { TaskSummaryFieldsFragment } from '../../../client/gql/graphql.ts'

const place = (seq: number) => ({ cursor: `c${seq}`, seq })
const snapshot = (seq: number, reason: 'SUBSCRIBED' | 'LAGGED' | 'RESET' = 'SUBSCRIBED'): ViewerUpdate => ({
  __typename: 'ViewerSnapshot',
  ...place(seq),
  reason,
})
const changed = (seq: number, id: string, isDeleted = false): ViewerUpdate => ({
  __typename: 'ViewerTaskChanged',
  ...place(seq),
  taskId: id,
  kind: 'REPLY',
  status: 'QUEUED',
  task: isDeleted ? null : ({ id, status: 'QUEUED' } as TaskSummaryFieldsFragment),
})
const fold = (...events: readonly ViewerUpdate[]): ViewerState | undefined =>
  events.reduce<ViewerState | undefined>(reduceViewer, undefined)

test('keeps the newest state of each task, the latest change last, and null for deleted tasks', () => {
  const removed: ViewerUpdate = { __typename: 'ViewerTaskRemoved', ...place(4), taskId: 'b' }
  const state = fold(snapshot(0), changed(1, 'a'), changed(2, 'b'), changed(3, 'a'), removed, changed(5, 'c', true))
  expect([...(state?.tasks ?? [])].map(([id, task]) => [id, task?.status ?? null])).toEqual([
    ['a', 'QUEUED'],
    ['b', null],
    ['c', null],
  ])
})

test('returns the same object for an event that was folded before', () => {
  const state = fold(snapshot(0), changed(1, 'a'), changed(2, 'b'))
  expect(reduceViewer(state, changed(1, 'a'))).toBe(state)
  expect(reduceViewer(state, snapshot(1))).toBe(state)
})

test('counts snapshots that replace events and drops the tasks, also after the log was reset to a smaller number', () => {
  expect(fold(snapshot(7))?.gaps).toBe(0)
  expect(fold(snapshot(0), changed(1, 'a'), snapshot(9, 'LAGGED'))).toMatchObject({ gaps: 1, seq: 9, tasks: new Map() })
  expect(fold(snapshot(7), changed(8, 'a'), snapshot(2, 'RESET'), changed(3, 'b'))).toMatchObject({ gaps: 1, seq: 3 })
})

test('remembers at most 200 tasks', () => {
  const events = Array.from({ length: 300 }, (_, index) => changed(index + 1, `t${index}`))
  const { tasks } = fold(snapshot(0), ...events) ?? {}
  expect(tasks?.size).toBe(200)
  expect(tasks?.has('t299')).toBe(true)
})
