import type { LogEvent } from '../../src/log/event.ts'
import type { TaskSnapshotState } from '../../src/tasks/model/store.ts'
import type { FailureState, ProgressState, TaskItem, TaskStatus } from '../../src/tasks/model/task.ts'

/** The state of a task according to its events: as much of its row and items as they contain. */
export interface FoldedTask {
  readonly status: TaskStatus | null
  readonly attempt: number
  readonly progress: ProgressState | null
  readonly result: unknown
  readonly error: FailureState | null
  readonly items: readonly Pick<TaskItem, 'key' | 'label' | 'position' | 'status' | 'error'>[]
}

/** Folds the events of a task from its first: the state of a client that followed all of them. */
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

/** Returns the same state from a snapshot. */
export function toComparable({ task, items }: TaskSnapshotState): FoldedTask {
  const { status, attempt, progress, result, error } = task
  return { status, attempt, progress, result, error, items: items.map(pickItem) }
}

/** No item is active in a task that is not running. */
function layDown(item: FoldedTask['items'][number]): FoldedTask['items'][number] {
  return item.status === 'RUNNING' ? { ...item, status: 'PENDING' } : item
}

/** Without the percent: events do not contain the progress of an unfinished item. */
function pickItem({ key, label, position, status, error }: TaskItem): FoldedTask['items'][number] {
  return { key, label, position, status, error }
}
