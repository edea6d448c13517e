import type { AttemptOutcome, JsonObject, TaskStatus } from '../db/tables.ts'
import type { ItemState } from '../log/append-unit.ts'
import { terminalEvents } from '../protocol.ts'

/**
 * The state of a task: `QUEUED → RUNNING → COMPLETED | FAILED`, by way of `RETRYING` after a failure that may pass; `CANCELED`
 * from any that is not final. And the state of a part of one.
 */
export type { AttemptOutcome, ItemStatus, TaskStatus } from '../db/tables.ts'

/** States that nothing leaves. */
export const finalStatuses: readonly TaskStatus[] = ['COMPLETED', 'FAILED', 'CANCELED']
/** States in which a task may still do something. */
export const activeStatuses: readonly TaskStatus[] = ['QUEUED', 'RUNNING', 'RETRYING']

/** Whether nothing more will happen to a task in this state. */
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

/** The events after which a task's topic is closed. */
export const lastEventTypes: ReadonlySet<string> = new Set(terminalEvents)

/** What may be done to an event for a reader who is too slow: merged to the newest, concatenated, or nothing. */
export type EventClass = 'latest' | 'append' | 'keep'

/** The class of an event of a task's topic. */
export function classOf(type: string): EventClass {
  if (type === 'TaskAdvanced' || type === 'TaskQueueMoved') return 'latest'
  return type === 'TaskOutput' ? 'append' : 'keep'
}

/** How far a task is, as rows and events carry it. `elapsedMs` is derived from `startedAt` and the moment it is asked for. */
export interface ProgressState {
  /** 0 to 100; never falls within an attempt. */
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
  /** Estimated when this was written. */
  readonly remainingMs: number | null
}

/** A task before it starts. */
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

/** Why a task or item failed, and what can be done. */
export interface FailureState {
  /** Stable, in capitals. */
  readonly code: string
  readonly message: string
  /** The system tries again by itself. */
  readonly retryable: boolean
  /** What the user can do, in a sentence. */
  readonly advice: string | null
  /** Everything that is wrong with what the user gave, where that is the reason. None by default. */
  readonly problems?: readonly ProblemState[]
}

/** What is wrong at a place of what the user gave. */
export interface ProblemState {
  /** Of the file, or whatever it is about; empty for the whole. */
  readonly path: string
  /** 1 for the first; null when it is about the file as a whole. */
  readonly line: number | null
  /** 1 for the first character; null when it is about the line as a whole. */
  readonly column: number | null
  readonly message: string
}

/** One execution of a task. */
export interface AttemptEntry {
  /** 1 for the first. */
  readonly attempt: number
  /** RFC 3339, as is `finishedAt`. */
  readonly startedAt: string
  /** Absent while it runs. */
  readonly finishedAt?: string
  /** Absent while it runs. */
  readonly outcome?: AttemptOutcome
  /** Set when the outcome is `FAILED` or `WORKER_LOST`. */
  readonly error?: FailureState
}

/** A task as its row tells it. */
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
  /** The `traceparent` under which it was put in line; null when nothing was traced. */
  readonly trace: string | null
  readonly worker: string | null
  readonly nextAttemptAt: Date | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  /** The seq of its topic at which all this is true. */
  readonly seq: number
}

/** A part of a task; `error` as {@link FailureState}. */
export type TaskItem = ItemState

/**
 * Most executions of one task that may be lost: the task may be what brings workers down. Failures of its handler are counted
 * apart.
 */
export const maxLosses = 10

/** Counts the executions of a task that ended in a given way. */
export function countAttempts({ attempts }: Pick<Task, 'attempts'>, outcome: AttemptOutcome): number {
  return attempts.filter((entry) => entry.outcome === outcome).length
}

/** The name of a task's topic. */
export function taskTopic(id: string): string {
  return `task:${id}`
}
