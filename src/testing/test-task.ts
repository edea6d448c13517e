import type { z } from 'zod'
import type { JsonObject, TaskStatus } from '../db/tables.ts'
import type { taskErrorCatalogue } from '../errors.ts'
import type { TaskKind } from '../library/define-task.ts'
import type { LogEvent } from '../log/event.ts'
import type { FailureState, ProgressState, Task } from '../tasks/model/task.ts'

declare const ofKind: unique symbol

/** The id of a task that remembers its kind, for the types of its result and of its error. */
export type TaskIdOf<T extends TaskKind> = string & { readonly [ofKind]: T }

/** An event of a log as it is stored: `TaskAdvanced` with `{ status, progress }`, for example. */
export interface TestEvent extends Pick<LogEvent, 'seq' | 'type' | 'at'> {
  readonly payload: JsonObject & { readonly status?: TaskStatus }
}

/** The properties that tasks of all states have. */
export interface TestTaskCommon
  extends Pick<Task, 'id' | 'owner' | 'attempt' | 'maxAttempts' | 'nextAttemptAt' | 'createdAt' | 'finishedAt'> {
  readonly progress: ProgressState
}

type Failure<Code extends string, Details> = Pick<FailureState, 'message' | 'retryable' | 'advice'> & {
  readonly code: Code
  readonly details: Details
}

/** Why an attempt of a kind failed; `code` selects the type of `details`. */
export type TestFailure<T extends TaskKind> =
  | {
      readonly [C in keyof NonNullable<T['errors']> & string]: Failure<C, z.output<NonNullable<T['errors']>[C]>>
    }[keyof NonNullable<T['errors']> & string]
  | Failure<keyof typeof taskErrorCatalogue, null>

type ResultOf<T extends TaskKind> = [NonNullable<T['result']>] extends [never]
  ? Readonly<Record<string, never>>
  : z.output<NonNullable<T['result']>>

/** A task of a kind. `status` selects the types of `result` and `error`. */
export type TestTask<T extends TaskKind = TaskKind> = TestTaskCommon & { readonly kind: T['kind'] } & (
    | { readonly status: 'COMPLETED'; readonly result: ResultOf<T>; readonly error: null }
    | { readonly status: 'FAILED'; readonly result: null; readonly error: TestFailure<T> }
    | {
        readonly status: Exclude<TaskStatus, 'COMPLETED' | 'FAILED'>
        readonly result: null
        readonly error: TestFailure<T> | null
      }
  )

/** Returns a stored task as a test sees it. */
export function toTestTask<T extends TaskKind>(task: Task): TestTask<T> {
  const { id, kind, status, owner, attempt, maxAttempts, nextAttemptAt, createdAt, finishedAt, progress } = task
  const { details, problems: _, ...failure } = task.error ?? {}
  return {
    ...{ id, kind, status, owner, attempt, maxAttempts, nextAttemptAt, createdAt, finishedAt, progress },
    result: status === 'COMPLETED' ? task.result : null,
    error: task.error === null ? null : { ...failure, details: details?.values ?? null },
  } as TestTask<T>
}

/** Returns an event of the log as a test sees it. */
export function toTestEvent({ seq, type, at, payload }: LogEvent): TestEvent {
  return { seq, type, at, payload }
}
