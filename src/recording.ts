/**
 * The recorded log of a task, as JSON: the test kit of the server writes it, and the one of the client replays it. This module has no
 * dependencies, so that the client can import it.
 */
export interface Recording {
  /** The version of this format. */
  readonly version: number
  /** The mutation that starts tasks of the kind, and the member of its result that has the task. */
  readonly mutation: { readonly field: string; readonly success: string }
  /** The type `Task` of the API, as it was when it was recorded. */
  readonly task: Readonly<Record<string, unknown>> & { readonly id: string }
  /** The events of the log as the API delivers them, oldest first. */
  readonly events: readonly RecordedEvent[]
}

/** An event of a recorded log: one of the types of `TaskEvent`. */
export type RecordedEvent = Readonly<Record<string, unknown>> & {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly status: string
}

/** The version of {@link Recording} that this code writes and reads. */
export const recordingVersion = 1
