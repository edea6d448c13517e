import type { TaskEvent, TaskState } from '../reduce/task-state.ts'

/** From where a task is watched. */
export interface WatchTaskOptions {
  /** Nothing but what follows this cursor. */
  readonly after?: string
  /** The whole history first. @default false */
  readonly fromStart?: boolean
  /** Ends the watching when it aborts. */
  readonly signal?: AbortSignal
}

/** The events of one task. Ends after the terminal event; leaving the loop unsubscribes. Each iteration subscribes anew. */
export interface TaskStates extends AsyncIterable<TaskEvent> {
  /** The same, folded: what is known of the task after each event. */
  states(): AsyncIterable<TaskState>
}
