import type { JsonObject } from '../../db/tables.ts'
import type { TaskPatch } from '../../log/append-request.ts'
import { type AttemptState, isBatchDone, type ReducedState } from '../model/progress.ts'
import type { Commit, Report } from '../model/report.ts'
import type { ItemStatus, ProgressState, TaskEventType, TaskItem } from '../model/task.ts'

/**
 * An append request of a journal, written in one transaction: events, changes of the task's row and
 * items, and the application's commit.
 */
export interface JournalEntry {
  readonly events: readonly { readonly type: TaskEventType; readonly payload: JsonObject }[]
  readonly set?: TaskPatch
  readonly items?: readonly TaskItem[]
  readonly commit?: Commit | undefined
  readonly close?: boolean
}

const itemEvents: Readonly<Record<Exclude<ItemStatus, 'PENDING'>, TaskEventType>> = {
  RUNNING: 'TaskItemStarted',
  COMPLETED: 'TaskItemCompleted',
  SKIPPED: 'TaskItemCompleted',
  FAILED: 'TaskItemFailed',
}

/**
 * Returns the entry that a report writes immediately, given the progress to publish; undefined when
 * the report may be merged with adjacent ones.
 *
 * @param before - the attempt without the report
 * @param after - the attempt with the report
 * @param isBatchEndReported - whether the end of all items was already published
 */
export function entryOf(
  report: Report,
  before: AttemptState,
  after: ReducedState,
  isBatchEndReported: boolean,
): ((progress: ProgressState) => JournalEntry) | undefined {
  const payload = (progress: ProgressState): JsonObject => ({ status: 'RUNNING', progress })
  switch (report.is) {
    case 'advance': {
      const { commit } = report
      if (after.progress.stage === before.progress.stage && commit === undefined) return undefined
      return (progress) => ({ events: [{ type: 'TaskAdvanced', payload: payload(progress) }], commit })
    }
    case 'items': {
      const { commit } = report
      const items = after.changed
      if (items.length === 0 && commit === undefined) return undefined
      return (progress) => ({
        events: [{ type: 'TaskItemsAdded', payload: { ...payload(progress), items } }],
        items,
        commit,
      })
    }
    case 'item': {
      const { commit, status } = report
      const [item] = after.changed
      if (item === undefined) return undefined
      const isBatchEnd = !isBatchEndReported && isBatchDone(after.progress)
      return (progress) => ({
        events: [
          { type: itemEvents[status], payload: { ...payload(progress), item } },
          ...(isBatchEnd ? [{ type: 'TaskBatchCompleted' as const, payload: payload(progress) }] : []),
        ],
        items: [item],
        commit,
      })
    }
    case 'itemPercent':
    case 'output':
      return undefined
  }
}
