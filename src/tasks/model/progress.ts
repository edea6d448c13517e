import { TidingsError } from '../../errors.ts'
import { createItemTable, type ItemTable, itemPageSize, maxItems } from './item-table.ts'
import type { Report } from './report.ts'
import type { FailureState, ProgressState, TaskItem } from './task.ts'

/** The state of a running attempt: folded from its reports, written with its events. */
export interface AttemptState {
  readonly progress: ProgressState
  /** The same table in all states of an attempt: it has the items as after the latest report. */
  readonly items: ItemTable
}

/** The state of an attempt after a report. */
export interface ReducedState extends AttemptState {
  /** The items that the report added or changed. */
  readonly changed: readonly TaskItem[]
  /** Takes back the changes of the items. No other report may have followed. */
  readonly undo: () => void
}

const clampPercent = (percent: number): number => (Number.isFinite(percent) ? Math.min(100, Math.max(0, percent)) : 0)
const roundPercent = (percent: number): number => Math.round(percent * 100) / 100

/**
 * Returns the initial state of an attempt: items completed by earlier attempts stay completed, all
 * others start over.
 * @param hasStages - whether the percent is derived from the stages, which the attempt repeats;
 *   otherwise it is the share of items that are done
 */
export function beginAttempt(items: readonly TaskItem[], startedAt: string, hasStages = false): AttemptState {
  const attemptItems = items.map(
    (item): TaskItem =>
      item.status === 'COMPLETED' || item.status === 'SKIPPED'
        ? item
        : { ...item, status: 'PENDING', percent: 0, error: null },
  )
  const table = createItemTable(attemptItems)
  return {
    items: table,
    progress: {
      percent: hasStages ? 0 : roundPercent(table.meanPercent),
      stage: null,
      stagePercent: null,
      message: null,
      ...countsOf(table),
      startedAt,
      remainingMs: null,
    },
  }
}

function countsOf({
  completed,
  failed,
  size,
}: ItemTable): Pick<ProgressState, 'completedItems' | 'failedItems' | 'totalItems'> {
  return { completedItems: completed, failedItems: failed, totalItems: size }
}

/**
 * Computes the overall percent at a point in weighted stages; null for a stage without a weight.
 */
export function percentOfStages(
  stages: Readonly<Record<string, number>>,
  stage: string,
  stagePercent: number,
): number | null {
  if (!(stage in stages)) return null
  let total = 0
  let before = 0
  let isBefore = true
  for (const [name, weight] of Object.entries(stages)) {
    total += weight
    if (name === stage) {
      before += (weight * stagePercent) / 100
      isBefore = false
    } else if (isBefore) before += weight
  }
  return total > 0 ? roundPercent((before / total) * 100) : null
}

const unchanged = { changed: [], undo: () => undefined }

/** Whether every item has ended. */
export function isBatchDone({ totalItems, completedItems, failedItems }: ProgressState): boolean {
  return totalItems > 0 && completedItems + failedItems === totalItems
}

type ItemDeclaration = Extract<Report, { readonly is: 'items' }>

/**
 * Divides a declaration of items into declarations of at most {@link itemPageSize} items that the table does not have. The commit of
 * the report belongs to the last.
 * @throws TidingsError `TOO_MANY_ITEMS` when the table would have more than {@link maxItems}
 */
export function divideItems(
  report: ItemDeclaration,
  table: Pick<ItemTable, 'has' | 'size'>,
): readonly ItemDeclaration[] {
  const declarations = new Map<string, ItemDeclaration['items'][number]>()
  for (const item of report.items)
    if (!table.has(item.key) && !declarations.has(item.key)) declarations.set(item.key, item)
  checkItemCount(table.size, declarations.size)
  const items = [...declarations.values()]
  if (items.length <= itemPageSize) return [{ ...report, items }]
  const { commit, ...others } = report
  return Array.from({ length: Math.ceil(items.length / itemPageSize) }, (_, index): ItemDeclaration => {
    const part = items.slice(index * itemPageSize, (index + 1) * itemPageSize)
    const isLast = (index + 1) * itemPageSize >= items.length
    return { ...others, items: part, ...(isLast && commit !== undefined ? { commit } : {}) }
  })
}

/** @throws TidingsError `TOO_MANY_ITEMS` when a task would have more than {@link maxItems} */
export function checkItemCount(existing: number, newCount: number): void {
  if (existing + newCount <= maxItems) return
  const existingText = existing === 0 ? '' : ` beside its ${existing}`
  throw new TidingsError(
    'TOO_MANY_ITEMS',
    `The task declares ${newCount} items${existingText}; a task has at most ${maxItems}`,
  )
}

/**
 * Folds one report into the state of its attempt. Its items change in place; the cost does not
 * depend on their number.
 * @throws RangeError when a report names an item that was not declared
 */
export function reduceReport(
  state: AttemptState,
  report: Report,
  stages?: Readonly<Record<string, number>>,
): ReducedState {
  const { progress, items } = state
  switch (report.is) {
    case 'advance': {
      const stage = report.stage ?? progress.stage
      const isNewStage = stage !== progress.stage
      const reportedPercent =
        report.stagePercent === undefined ? (isNewStage ? 0 : progress.stagePercent) : clampPercent(report.stagePercent)
      const stagePercent =
        isNewStage || reportedPercent === null ? reportedPercent : Math.max(reportedPercent, progress.stagePercent ?? 0)
      const derivedPercent =
        stages !== undefined && stage !== null ? percentOfStages(stages, stage, stagePercent ?? 0) : null
      const percent =
        report.percent === undefined ? (derivedPercent ?? progress.percent) : roundPercent(clampPercent(report.percent))
      return {
        ...unchanged,
        items,
        progress: {
          ...progress,
          stage,
          stagePercent: stage === null ? null : stagePercent,
          message: report.message === undefined ? (isNewStage ? null : progress.message) : report.message,
          percent: Math.max(progress.percent, percent),
        },
      }
    }
    case 'items': {
      const changedItems: TaskItem[] = []
      for (const { key, label } of report.items) {
        if (items.has(key)) continue
        const newItem: TaskItem = { key, label, position: items.size, status: 'PENDING', percent: 0, error: null }
        items.set(newItem)
        changedItems.push(newItem)
      }
      const undo = (): void => {
        for (const { key } of changedItems) items.delete(key)
      }
      return { items, progress: { ...progress, ...countsOf(items) }, changed: changedItems, undo }
    }
    case 'item':
      return changeItem(state, report.key, stages, (item) => ({
        ...item,
        status: report.status,
        // An item that restarts after it had ended begins at 0.
        percent: report.status !== 'RUNNING' ? 100 : item.status === 'RUNNING' ? item.percent : 0,
        error: report.error ? toJson(report.error) : null,
      }))
    case 'itemPercent':
      return changeItem(state, report.key, stages, (item) => ({
        ...item,
        percent: Math.max(item.percent, clampPercent(report.percent)),
      }))
    case 'output':
      return { ...unchanged, items, progress }
  }
}

function toJson(error: FailureState): Record<string, unknown> {
  return { ...error }
}

function changeItem(
  state: AttemptState,
  key: string,
  stages: Readonly<Record<string, number>> | undefined,
  change: (item: TaskItem) => TaskItem,
): ReducedState {
  const { progress, items } = state
  const before = items.get(key)
  if (before === undefined) throw new RangeError(`The item "${key}" was not declared: yield declareItems([…]) first`)
  const after = change(before)
  items.set(after)
  const share = roundPercent(items.meanPercent)
  // With weighted stages, the items belong to the current stage.
  const derivedPercent =
    stages !== undefined && progress.stage !== null ? percentOfStages(stages, progress.stage, share) : share
  return {
    items,
    progress: {
      ...progress,
      ...countsOf(items),
      stagePercent: progress.stage === null ? null : Math.max(progress.stagePercent ?? 0, share),
      percent: Math.max(progress.percent, derivedPercent ?? share),
    },
    changed: [after],
    undo: () => items.set(before),
  }
}
