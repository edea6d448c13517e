import type {
  ProgressFieldsFragment,
  QueuePositionFieldsFragment,
  TaskErrorFieldsFragment,
  TaskEventFieldsFragment,
  TaskItemFieldsFragment,
  TaskKind,
  TaskResultFieldsFragment,
  TaskStatus,
} from '../gql/graphql.ts'

/**
 * An event of a task with the fields of the fragment `TaskEventFields`
 * (client/documents/task.graphql).
 */
export type TaskEvent = TaskEventFieldsFragment
/** The progress of a task. Times are in milliseconds, percentages from 0 to 100. */
export type TaskProgress = ProgressFieldsFragment
/** A part of a task. */
export type TaskItem = TaskItemFieldsFragment
/** Why a task or a part of it failed. */
export type TaskError = TaskErrorFieldsFragment
/** The queue position of a task. */
export type QueuePosition = QueuePositionFieldsFragment
/** The result of a task. */
export type TaskResult = TaskResultFieldsFragment

/** The text of one stream of a task's current attempt. */
export interface TaskOutputText {
  readonly text: string
  /**
   * The offset of `text` in its stream, in UTF-16 code units: 0, unless the subscription began
   * later in the stream.
   */
  readonly startsAt: number
}

/** The state of a task after folding its events. */
export interface TaskState {
  readonly id: string
  /** Contained in snapshots but not in events; null before the first snapshot. */
  readonly kind: TaskKind | null
  readonly status: TaskStatus
  /** Whether the task is finished: COMPLETED, FAILED or CANCELED. */
  readonly isOver: boolean
  readonly progress: TaskProgress
  /**
   * The first items by key, in the task's order: 100, and the pages added with `addItems`. `progress` has the numbers of all items.
   */
  readonly items: ReadonlyMap<string, TaskItem>
  /** The maximum number of `items`: 100, and 500 for each page added. */
  readonly maxItems: number
  /** By stream, in the order of their first chunk. */
  readonly outputs: ReadonlyMap<string, TaskOutputText>
  /** Null unless the task is QUEUED and its position is known. */
  readonly queue: QueuePosition | null
  /** 1 for the first execution. */
  readonly attempt: number
  /** Null before the first snapshot. */
  readonly maxAttempts: number | null
  /** The error of the task, or of its last attempt. */
  readonly error: TaskError | null
  /**
   * When the next attempt starts at the earliest, RFC 3339, while the task is RETRYING; null
   * otherwise.
   */
  readonly nextAttemptAt: string | null
  readonly cancelReason: string | null
  readonly result: TaskResult | null
  /**
   * The cursor of the last event, from which any subscription can resume. Null before the first.
   */
  readonly cursor: string | null
  /** The number of the last event; 0 before the first. */
  readonly seq: number
  /** When the last event happened, RFC 3339. Null before the first. */
  readonly at: string | null
  /**
   * The cursor of the last reset snapshot, so that the same reset is not folded twice; null without
   * one.
   */
  readonly resetCursor: string | null
}

/** The number of items that a snapshot has: see the fragment `TaskFields`. */
export const firstItems = 100
/** The number of items of a page that is loaded later, the default of `Task.items`. */
export const itemPageSize = 500

const noProgress: TaskProgress = {
  percent: 0,
  stage: null,
  stagePercent: null,
  message: null,
  completedItems: 0,
  failedItems: 0,
  totalItems: 0,
  elapsedMs: 0,
  remainingMs: null,
}

/**
 * Creates the initial state of a task, with nothing known but its id.
 * @example
 * const task = state ?? unknownTask(taskId)
 */
export function unknownTask(id: string): TaskState {
  return {
    id,
    kind: null,
    status: 'QUEUED',
    isOver: false,
    progress: noProgress,
    items: new Map(),
    maxItems: firstItems,
    outputs: new Map(),
    queue: null,
    attempt: 1,
    maxAttempts: null,
    error: null,
    nextAttemptAt: null,
    cancelReason: null,
    result: null,
    cursor: null,
    seq: 0,
    at: null,
    resetCursor: null,
  }
}
