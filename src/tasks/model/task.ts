import type { AttemptOutcome, JsonObject, TaskStatus } from '../../db/tables.ts'
import type { ItemState } from '../../log/append-request.ts'

/**
 * The state of a task: `QUEUED → RUNNING → COMPLETED | FAILED`, by way of `RETRYING` after a
 * transient failure; `CANCELED` from any state that is not final. Also the state of an item.
 */
export type { AttemptOutcome, ItemStatus, TaskStatus } from '../../db/tables.ts'

/** States without transitions to other states. */
export const finalStatuses: readonly TaskStatus[] = ['COMPLETED', 'FAILED', 'CANCELED']

/** Whether a state is final. */
export function isFinal(status: TaskStatus): boolean {
  return finalStatuses.includes(status)
}

/** Every type of event in a task's topic. */
export type TaskEventType =
  | 'TaskQueued'
  | 'TaskStarted'
  | 'TaskAdvanced'
  | 'TaskItemsAdded'
  | 'TaskItemStarted'
  | 'TaskItemCompleted'
  | 'TaskItemFailed'
  | 'TaskBatchCompleted'
  | 'TaskOutput'
  | 'TaskRetrying'
  | 'TaskCompleted'
  | 'TaskFailed'
  | 'TaskCanceled'

/** The terminal events, after which a task's topic is closed. */
export const lastEventTypes: ReadonlySet<string> = new Set(['TaskCompleted', 'TaskFailed', 'TaskCanceled'])

/**
 * How compaction treats an event for a slow subscriber: keep the latest, concatenate, or leave
 * unchanged.
 */
type EventClass = 'latest' | 'append' | 'keep'

/** Returns the class of an event of a task's topic. */
export function classOf(type: string): EventClass {
  if (type === 'TaskAdvanced' || type === 'TaskQueueMoved') return 'latest'
  return type === 'TaskOutput' ? 'append' : 'keep'
}

/**
 * The progress of a task, as stored in rows and events. `elapsedMs` is derived from `startedAt` and
 * the time of the request.
 */
export interface ProgressState {
  /** 0 to 100; never decreases within an attempt. */
  readonly percent: number
  readonly stage: string | null
  /** 0 to 100 within the stage. */
  readonly stagePercent: number | null
  readonly message: string | null
  readonly completedItems: number
  readonly failedItems: number
  readonly totalItems: number
  /** When the first attempt started, RFC 3339. */
  readonly startedAt: string | null
  /** Estimated at the time of writing. */
  readonly remainingMs: number | null
}

/** The progress of a task before it starts. */
export const emptyProgress: ProgressState = {
  percent: 0,
  stage: null,
  stagePercent: null,
  message: null,
  completedItems: 0,
  failedItems: 0,
  totalItems: 0,
  startedAt: null,
  remainingMs: null,
}

/** The reason of a task's or item's failure, and what the user can do. */
export interface FailureState {
  /** Stable, upper case. */
  readonly code: string
  readonly message: string
  /** Whether the system retries automatically. */
  readonly retryable: boolean
  /** The action that the user can take, in one sentence. */
  readonly advice: string | null
  /** All problems found in the user's input, if the input is the reason. Default none. */
  readonly problems?: readonly ProblemState[]
  /** The details that the kind of task declares for this code. Default none. */
  readonly details?: FailureDetails
}

/** The details of a failure, whose form the kind of task declares for its code. */
export interface FailureDetails {
  readonly kind: string
  readonly values: JsonObject
}

/** A problem at a location in the user's input. */
export interface ProblemState {
  /** The path of the file or other object; empty when the problem concerns the whole input. */
  readonly path: string
  /** 1-based; null when the problem concerns the whole file. */
  readonly line: number | null
  /** 1-based; null when the problem concerns the whole line. */
  readonly column: number | null
  readonly message: string
}

/** One execution of a task. */
export interface AttemptEntry {
  /** 1-based. */
  readonly attempt: number
  /** RFC 3339, as is `finishedAt`. */
  readonly startedAt: string
  /** Absent while the attempt runs. */
  readonly finishedAt?: string
  /** Absent while the attempt runs. */
  readonly outcome?: AttemptOutcome
  /** Execution time per stage; only of a completed attempt of a kind with stages. */
  readonly stageMs?: Readonly<Record<string, number>>
  /** Set when the outcome is `FAILED` or `WORKER_LOST`. */
  readonly error?: FailureState
}

/** A task as stored in its row. */
export interface Task {
  readonly id: string
  readonly kind: string
  readonly status: TaskStatus
  readonly owner: string
  readonly subject: string | null
  readonly input: JsonObject
  /** 0 before the first execution. */
  readonly attempt: number
  /** How often the handler may fail. */
  readonly maxAttempts: number
  /** One entry per execution, oldest first. */
  readonly attempts: readonly AttemptEntry[]
  readonly progress: ProgressState
  readonly result: JsonObject | null
  readonly error: FailureState | null
  readonly cancelReason: string | null
  readonly retryOf: string | null
  /** The `traceparent` of the request that queued the task; null when tracing was off. */
  readonly trace: string | null
  /** See `Beginning.variant`. */
  readonly variant: string | null
  /** See `Beginning.size`. */
  readonly size: number | null
  readonly worker: string | null
  readonly nextAttemptAt: Date | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  /** The seq of its topic at which all fields are valid. */
  readonly seq: number
}

/** An item of a task; `error` is a {@link FailureState}. */
export type TaskItem = ItemState

/**
 * Maximum number of lost executions of one task: the task may be what crashes the workers. Failures
 * of its handler are counted separately.
 */
export const maxLosses = 10

/** Counts the executions of a task with a given outcome. */
export function countAttempts({ attempts }: Pick<Task, 'attempts'>, outcome: AttemptOutcome): number {
  return attempts.filter((entry) => entry.outcome === outcome).length
}

/** Returns the name of a task's topic. */
export function taskTopic(id: string): string {
  return `task:${id}`
}
