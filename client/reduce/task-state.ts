import type {
  ProgressFieldsFragment,
  QueuePlaceFieldsFragment,
  TaskErrorFieldsFragment,
  TaskEventFieldsFragment,
  TaskItemFieldsFragment,
  TaskKind,
  TaskResultFieldsFragment,
  TaskStatus,
} from '../gql/graphql.ts'

/** An event of a task with the fields of the fragment `TaskEventFields` (client/documents/task.graphql). */
export type TaskEvent = TaskEventFieldsFragment
/** How far a task is. */
export type TaskProgress = ProgressFieldsFragment
/** A part of a task. */
export type TaskItem = TaskItemFieldsFragment
/** Why a task or a part of it failed. */
export type TaskError = TaskErrorFieldsFragment
/** Where a task waits. */
export type QueuePlace = QueuePlaceFieldsFragment
/** What a task produced. */
export type TaskResult = TaskResultFieldsFragment

/** The text of one stream of a task's present attempt. */
export interface TaskOutputText {
  readonly text: string
  /** Where `text` begins in its stream, in UTF-16 units: 0, unless watching began behind its beginning. */
  readonly startsAt: number
}

/** What is known of a task after the events that were folded into it. */
export interface TaskState {
  readonly id: string
  /** Events do not tell it, snapshots do; null before the first. */
  readonly kind: TaskKind | null
  readonly status: TaskStatus
  /** Whether nothing more will happen: COMPLETED, FAILED or CANCELED. */
  readonly isOver: boolean
  readonly progress: TaskProgress
  /** By key, in the task's order. */
  readonly items: ReadonlyMap<string, TaskItem>
  /** By stream, in the order of their first piece. */
  readonly outputs: ReadonlyMap<string, TaskOutputText>
  /** Null unless it is QUEUED and the place is known. */
  readonly queue: QueuePlace | null
  /** 1 for the first execution. */
  readonly attempt: number
  /** Null before the first snapshot. */
  readonly maxAttempts: number | null
  /** Why it failed, or why its last attempt did. */
  readonly error: TaskError | null
  /** While it is RETRYING: the next attempt begins then or a moment later, RFC 3339. Null otherwise. */
  readonly nextAttemptAt: string | null
  readonly cancelReason: string | null
  readonly result: TaskResult | null
  /** The place of the last event: resumes any subscription behind it. Null before the first. */
  readonly cursor: string | null
  /** The number of the last event; 0 before the first. */
  readonly seq: number
  /** When the last event happened, RFC 3339. Null before the first. */
  readonly at: string | null
  /** Where the log began anew, so that the same word of it is not taken twice. */
  readonly resetCursor: string | null
}

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

/** A task of which nothing is known yet but its id. */
export function unknownTask(id: string): TaskState {
  return {
    id,
    kind: null,
    status: 'QUEUED',
    isOver: false,
    progress: noProgress,
    items: new Map(),
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
