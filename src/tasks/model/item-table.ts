import type { TaskItem } from './task.ts'

/** The maximum number of items that one read returns, and that one event adds. */
export const itemPageSize = 500
/** The maximum number of items of a task: its worker holds them in memory, and reads them for every attempt. */
export const maxItems = 200_000

/**
 * The items of an attempt, with their counts. Changed in place: a copy, or a count over all items,
 * for each report would make a task with n items cost n².
 */
export interface ItemTable {
  readonly size: number
  /** The number of items that were completed or skipped. */
  readonly completed: number
  readonly failed: number
  /** The mean percent of the items; 0 without any. */
  readonly meanPercent: number
  get(key: string): TaskItem | undefined
  has(key: string): boolean
  /** In the order in which they were declared. */
  values(): Iterable<TaskItem>
  /** Adds an item, or replaces the one with its key. */
  set(item: TaskItem): void
  delete(key: string): void
}

/** Creates a table. */
export function createItemTable(items: Iterable<TaskItem>): ItemTable {
  const byKey = new Map<string, TaskItem>()
  let completed = 0
  let failed = 0
  let percentSum = 0
  const count = ({ status, percent }: TaskItem, sign: 1 | -1): void => {
    if (status === 'COMPLETED' || status === 'SKIPPED') completed += sign
    else if (status === 'FAILED') failed += sign
    percentSum += sign * percent
  }
  const remove = (key: string): void => {
    const item = byKey.get(key)
    if (item !== undefined) count(item, -1)
  }
  const table: ItemTable = {
    get size() {
      return byKey.size
    },
    get completed() {
      return completed
    },
    get failed() {
      return failed
    },
    get meanPercent() {
      return byKey.size === 0 ? 0 : percentSum / byKey.size
    },
    get: (key) => byKey.get(key),
    has: (key) => byKey.has(key),
    values: () => byKey.values(),
    set(item) {
      remove(item.key)
      count(item, 1)
      byKey.set(item.key, item)
    },
    delete(key) {
      remove(key)
      byKey.delete(key)
    },
  }
  for (const item of items) table.set(item)
  return table
}
