import type { TaskError, TaskEvent, TaskState } from '../reduce/task-state.ts'

/**
 * A kind of task of a server, as its `tidings.gen.ts` describes it. The hooks and `watchTask` take it, and return typed tasks.
 *
 * @typeParam Kind - the name of the kind
 * @typeParam Input - the input with which its tasks are started
 * @typeParam Result - the result of its tasks; null for a kind without one
 * @typeParam Errors - the details of its errors by code; null for an error without details
 */
export interface GeneratedKind<
  Kind extends string = string,
  Input extends object = object,
  Result extends object | null = object | null,
  Errors extends Readonly<Record<string, object | null>> = Readonly<Record<never, null>>,
> {
  readonly kind: Kind
  /** The mutation that starts a task. */
  readonly mutation: string
  /** The type of the mutation's argument `input`, such as `ExportReportInput!`. */
  readonly inputType: string
  /** The member of the mutation's result that has the task. */
  readonly successType: string
  /** The fragment that selects the result; null for a kind without one. */
  readonly result: string | null
  /** The fragments that select the details of errors; null for a kind without them. */
  readonly details: string | null
  /** Exists for the compiler only. */
  readonly types?: { readonly input: Input; readonly result: Result; readonly errors: Errors }
}

/** Any kind of task. */
export type AnyKind = GeneratedKind<string, object, object | null, Readonly<Record<string, object | null>>>

type TypesOf<K extends AnyKind> = NonNullable<K['types']>

/** The input with which a task of a kind is started. */
export type InputOf<K extends AnyKind> = TypesOf<K>['input']

/** The codes of failures that any kind may have, beside its own. The server may add codes: keep a default branch. */
export type EngineErrorCode =
  | 'INTERNAL'
  | 'INVALID_INPUT'
  | 'TIMEOUT'
  | 'UNAVAILABLE'
  | 'WORKER_LOST'
  | 'WORKER_SHUT_DOWN'

/**
 * Why a task of a kind failed. `code` selects the type of `details`, which are null for failures that were stored by a version with
 * other details.
 */
export type ErrorOf<K extends AnyKind> =
  | {
      [C in keyof TypesOf<K>['errors'] & string]: Omit<TaskError, 'code'> & {
        readonly code: C
        readonly details: TypesOf<K>['errors'][C] | null
      }
    }[keyof TypesOf<K>['errors'] & string]
  | (Omit<TaskError, 'code'> & { readonly code: EngineErrorCode; readonly details: null })

/** The state of a task of a kind. `status` selects the types of `result` and `error`. */
export type TaskOf<K extends AnyKind> = Omit<TaskState, 'kind' | 'status' | 'result' | 'error'> & {
  readonly kind: K['kind']
} & (
    | { readonly status: 'COMPLETED'; readonly result: TypesOf<K>['result']; readonly error: null }
    | { readonly status: 'FAILED'; readonly result: null; readonly error: ErrorOf<K> }
    | {
        readonly status: Exclude<TaskState['status'], 'COMPLETED' | 'FAILED'>
        readonly result: null
        readonly error: ErrorOf<K> | null
      }
  )

type EventOf<Name extends TaskEvent['__typename']> = Extract<TaskEvent, { readonly __typename: Name }>
type Replaced<T, Fields> = Omit<T, keyof Fields> & Fields

/** An event of a task of a kind. */
export type TaskEventOf<K extends AnyKind> =
  | Exclude<TaskEvent, EventOf<'TaskSnapshot' | 'TaskCompleted' | 'TaskFailed' | 'TaskRetrying'>>
  | Replaced<EventOf<'TaskCompleted'>, { readonly result: TypesOf<K>['result'] | null }>
  | Replaced<EventOf<'TaskFailed'>, { readonly error: ErrorOf<K> }>
  | Replaced<EventOf<'TaskRetrying'>, { readonly error: ErrorOf<K> }>
  | Replaced<
      EventOf<'TaskSnapshot'>,
      {
        readonly task: Replaced<
          EventOf<'TaskSnapshot'>['task'],
          { readonly kind: K['kind']; readonly result: TypesOf<K>['result'] | null; readonly error: ErrorOf<K> | null }
        >
      }
    >

/**
 * Returns a state with the types of its kind.
 *
 * @throws TypeError when the task is of another kind, or has no result although its kind has one, as after an upgrade that changed
 * the type of the result
 */
export function asTaskOf<K extends AnyKind>({ kind, result }: K, state: TaskState): TaskOf<K> {
  const actual: string | null = state.kind
  if (actual !== null && actual !== kind)
    throw new TypeError(`The task "${state.id}" is of the kind ${actual} and not of the kind ${kind}`)
  if (state.status === 'COMPLETED' && state.result === null && result !== null)
    throw new TypeError(`The result of the task "${state.id}" does not have the type that ${kind} has now`)
  return state as unknown as TaskOf<K>
}
