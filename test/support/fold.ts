import type { LogEvent } from '../../src/log/event.ts'
import type { TaskSnapshotState } from '../../src/tasks/store.ts'
import type { FailureState, ProgressState, TaskItem, TaskStatus } from '../../src/tasks/task.ts'

/** What the events of a task say of it: as much of its row and items as can be told from them alone. */
export interface FoldedTask {
  readonly status: TaskStatus | null
  readonly attempt: number
  readonly progress: ProgressState | null
  readonly result: unknown
  readonly error: FailureState | null
  readonly items: readonly Pick<TaskItem, 'key' | 'label' | 'position' | 'status' | 'error'>[]
}

/** Folds the events of a task from its first: what a client that was there all the time knows. */
export function foldEvents(events: readonly LogEvent[]): FoldedTask {
  let folded: FoldedTask = { status: null, attempt: 0, progress: null, result: null, error: null, items: [] }
  for (const event of events) folded = foldEvent(folded, event)
  return folded
}

function foldEvent(folded: FoldedTask, { type, payload }: LogEvent): FoldedTask {
  const next: FoldedTask = {
    ...folded,
    status: payload['status'] as TaskStatus,
    progress: payload['progress'] as ProgressState,
    items: payload['status'] === 'RUNNING' ? folded.items : folded.items.map(layDown),
  }
  switch (type) {
    case 'TaskStarted':
      return {
        ...next,
        attempt: payload['attempt'] as number,
        error: null,
        items: folded.items.map((item) =>
          item.status === 'COMPLETED' || item.status === 'SKIPPED' ? item : { ...item, status: 'PENDING', error: null },
        ),
      }
    case 'TaskItemsAdded':
      return { ...next, items: [...folded.items, ...(payload['items'] as TaskItem[]).map(pickItem)] }
    case 'TaskItemStarted':
    case 'TaskItemCompleted':
    case 'TaskItemFailed': {
      const changed = pickItem(payload['item'] as TaskItem)
      return { ...next, items: folded.items.map((item) => (item.key === changed.key ? changed : item)) }
    }
    case 'TaskRetrying':
    case 'TaskFailed':
      return { ...next, error: payload['error'] as FailureState }
    case 'TaskCompleted':
      return { ...next, result: payload['result'] }
    default:
      return next
  }
}

/** The same of a snapshot. */
export function toComparable({ task, items }: TaskSnapshotState): FoldedTask {
  const { status, attempt, progress, result, error } = task
  return { status, attempt, progress, result, error, items: items.map(pickItem) }
}

/** Nobody works on a part of a task that is not running. */
function layDown(item: FoldedTask['items'][number]): FoldedTask['items'][number] {
  return item.status === 'RUNNING' ? { ...item, status: 'PENDING' } : item
}

/** Without the percent: how far an item is that has not ended is not told by events. */
function pickItem({ key, label, position, status, error }: TaskItem): FoldedTask['items'][number] {
  return { key, label, position, status, error }
}
