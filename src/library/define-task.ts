import type { z } from 'zod'
import { taskErrorCatalogue } from '../errors.ts'
import type { Backoff } from '../tasks/model/failure.ts'
import type { Report } from '../tasks/model/report.ts'
import type { Priority, RateLimit, TaskContext, TaskDefinition } from '../tasks/model/task-definition.ts'
import type { Viewer } from '../tasks/model/viewer.ts'
import { checkPriority } from '../tasks/queue/priority-boost.ts'

/** The zod objects of a kind's errors, by code. */
export type ErrorSchemas = Readonly<Record<string, z.ZodObject>>

/** The retry policy of an error. */
export interface RetryPolicy {
  /** The minimum delay before the next attempt in milliseconds, beside `backoff`. @default 0 */
  readonly afterMs?: number
}

/** Options of a typed failure. */
export interface FailureOptions {
  /** The cause in a sentence, for the user. Defaults to the description of the error's schema. */
  readonly message?: string
  /** The action that the user can take, in a sentence. Default none. */
  readonly advice?: string
  /** Whether another attempt follows, while the kind has any left. By default, as `retry` of the kind says. */
  readonly retry?: boolean
  /** The minimum delay before the next attempt in milliseconds, beside `backoff`. By default, as `retry` of the kind says. */
  readonly retryAfterMs?: number
}

/**
 * The typed failures of a kind, by code. Each function throws: `errors.QUOTA({ resetsAt })` ends the attempt. In places where
 * TypeScript has to know that the code ends, write `throw errors.QUOTA({ resetsAt })`.
 */
export type Failures<E extends ErrorSchemas> = {
  readonly [C in keyof E]: (details: z.input<E[C]>, options?: FailureOptions) => never
}

/**
 * The team's own services, which `createTidings({ context })` passes to every `run`. Add yours by declaration merging:
 * `declare module 'tidings' { interface HandlerServices { readonly mailer: Mailer } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: extended by declaration merging.
export interface HandlerServices {}

/** The context of one attempt. */
export interface Handling<I extends z.ZodObject, E extends ErrorSchemas>
  extends Pick<TaskContext<z.output<I>>, 'taskId' | 'owner' | 'input' | 'attempt' | 'items' | 'signal' | 'logger'> {
  readonly errors: Failures<E>
  /** The value of `createTidings({ context })`. */
  readonly context: HandlerServices
}

/** The value that a handler returns: the input of its result's schema, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: the return type of a generator that returns nothing.
export type ResultInput<R extends z.ZodObject | undefined> = R extends z.ZodObject ? z.input<R> : void

/**
 * A kind of task, from which its types in TypeScript and in GraphQL follow.
 *
 * @typeParam K - the name of the kind
 * @typeParam I - the zod object of the input
 * @typeParam R - the zod object of the result; undefined for a kind without one
 * @typeParam E - the zod objects of the errors by code
 */
export interface TaskKind<
  K extends string = string,
  I extends z.ZodObject = z.ZodObject,
  R extends z.ZodObject | undefined = z.ZodObject | undefined,
  E extends ErrorSchemas = ErrorSchemas,
> {
  /** Upper case with underscores, such as `EXPORT_REPORT`: the value of `TaskKind`, and the name of the mutation `exportReport`. */
  readonly kind: K
  /** The description of the kind and of its mutation in GraphQL. Default none. */
  readonly description?: string
  /** The input: `ExportReportInput` in GraphQL. Checked when a task starts, and again before each attempt. */
  readonly input: I
  /** The result: `ExportReportOutput` in GraphQL, a member of `TaskResult`. Without it, tasks of the kind have no result. */
  readonly result?: R
  /** The details of failures by code: of `QUOTA`, `ExportReportQuotaError` in GraphQL, reached by `TaskError.details`. Default none. */
  readonly errors?: E
  /**
   * The errors after which another attempt follows, while `attempts` allows it: `{ BUSY: { afterMs: 30_000 } }`. `afterMs` is the
   * minimum delay in milliseconds, beside `backoff`; by default 0. `errors.BUSY(details, { retry: false })` overrides it. By default
   * none: a declared error is final, while others (`INTERNAL`, `TIMEOUT`) are retried.
   */
  readonly retry?: Readonly<Partial<Record<keyof E & string, RetryPolicy>>>
  /** How often the handler may fail. Attempts that a lost or stopped worker ends are counted apart. @default 3 */
  readonly attempts?: number
  /** Maximum duration of an attempt in milliseconds, after which it fails with `TIMEOUT`, and may be retried. Default none. */
  readonly timeoutMs?: number
  /**
   * Days after which finished tasks of the kind are deleted; 0 keeps them. Defaults to `taskRetentionDays`, which may also name the
   * kind and then takes precedence.
   */
  readonly retentionDays?: number
  /**
   * Hours after the end of a task for which its events are kept, with the partial output among them: until then, subscribers can replay
   * how the task went, later ones receive only its state and result. 0 deletes them at the next cleanup, which follows every ten
   * minutes. Defaults to `retentionHours`.
   */
  readonly eventRetentionHours?: number
  /** How many tasks of the kind run at once in one worker process. @default 2 */
  readonly concurrency?: number
  /** How many run at once for one owner, over all workers; null for no limit. Defaults to `maxRunningPerUser`. */
  readonly perUser?: number | null
  /**
   * The seconds by which tasks of the kind are moved forward in its queue, or back if negative: a task with 60 starts before those with
   * 0 that were started up to a minute before it. For all tasks, or as a function of the input: `({ plan }) => (plan === 'paid' ? 60 : 0)`.
   * A task waits at most that much longer than without priorities, so that none starves; to rank tasks strictly, use differences that
   * are longer than any task waits. Added to the boost of `headStarts`. At most 1,000,000,000 either way. @default 0
   */
  readonly priority?: Priority<z.output<I>>
  /**
   * How many attempts start within a period, across all workers: `{ limit: 10, periodMs: 60_000 }`; with `key: 'owner'` or
   * `key: 'input.customerId'` for each owner or each value of that field. Tasks beyond it wait in the queue, and their position and
   * estimated wait follow from it. The period slides. Default none.
   */
  readonly rateLimit?: RateLimit<keyof z.input<I> & string>
  /** Delay between failed attempts in milliseconds, doubled for each: 1,000 up to 60,000 by default. */
  readonly backoff?: Partial<Backoff>
  /**
   * The stages in order with their share of the whole, until the shares are measured. The percent of the task follows from them and
   * the percent of the stage. Without stages, it is the one that the task reports, or the share of its items that have ended.
   */
  readonly stages?: Readonly<Record<string, number>>
  /** Whether a viewer may start a task with an input, by its mutation or by `retryTask`. By default every viewer may. */
  authorize?(viewer: Viewer, input: z.output<I>): boolean | Promise<boolean>
  /**
   * The team's part of a start, in the transaction that queues the task: checks preconditions, and returns the subject of the task
   * (the id of the object that it works on), its size, or items that are known already. An error that it throws rolls back the start.
   * Tasks of a kind with it cannot be started in a transaction of the application, nor in SQL. Default none.
   */
  begin?: NonNullable<TaskDefinition<z.output<I>>['begin']>
  /**
   * Updates the team's own tables when a task ends, whatever ends it (worker, cancel, loss of the worker), in the transaction of its
   * last event. Default none.
   */
  settle?: NonNullable<TaskDefinition<z.output<I>>['settle']>
  /**
   * Whether users other than the owner may see tasks about subjects: receives pairs of the subject that `begin` returned and a user,
   * many per call, and answers in the same order. Subscribers are checked again every `checkMs`. By default only the owner may.
   */
  mayWatch?: NonNullable<TaskDefinition<z.output<I>>['mayWatch']>
  /** Whether users that may see a task may also cancel it; as `mayWatch`. By default only the owner may. */
  mayCancel?: NonNullable<TaskDefinition<z.output<I>>['mayCancel']>
  /**
   * Runs one attempt. Yielded reports (`stage`, `advance`, `item`, `output` …) become events, and the return value becomes the
   * result. It should be safe to run again: an attempt may follow one that was lost. Pass `signal` to everything that it awaits.
   * `errors.CODE(…)` ends it with a typed failure; any other error ends it as `INTERNAL`, which only the log describes.
   */
  run(handling: Handling<I, E>): AsyncGenerator<Report, ResultInput<R>, void>
}

/** The value with which tasks of a kind are started. */
export type InputOf<T extends { readonly input: z.ZodObject }> = z.input<T['input']>

const kindName = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/

/**
 * Defines a kind of task.
 *
 * @throws TypeError when the name of the kind or of an error is not upper case with underscores, or is one of the engine's own
 * @example
 * export const exportReport = defineTask({
 *   kind: 'EXPORT_REPORT',
 *   input: z.object({ reportId: z.string() }),
 *   result: z.object({ url: z.url() }),
 *   errors: { QUOTA: z.object({ resetsAt: z.iso.datetime() }) },
 *   async *run({ input, errors }) {
 *     yield stage('exporting')
 *     return { url: await exportAs(input.reportId) }
 *   },
 * })
 */
export function defineTask<
  const K extends string,
  I extends z.ZodObject,
  R extends z.ZodObject | undefined = undefined,
  // biome-ignore lint/complexity/noBannedTypes: a kind without errors has none of any name.
  E extends ErrorSchemas = {},
>(definition: TaskKind<K, I, R, E>): TaskKind<K, I, R, E> {
  const { kind, errors = {} } = definition
  if (!kindName.test(kind) || kind === 'UNKNOWN')
    throw new TypeError(
      `The kind ${JSON.stringify(kind)} cannot be used: write it in upper case, such as EXPORT_REPORT`,
    )
  for (const code of Object.keys(errors)) {
    if (!kindName.test(code))
      throw new TypeError(
        `The error ${JSON.stringify(code)} of ${kind} cannot be used: write it in upper case, such as QUOTA`,
      )
    if (code in taskErrorCatalogue)
      throw new TypeError(`The error ${code} of ${kind} is one of the engine's own: give it another name`)
  }
  checkQueueOptions(definition)
  for (const code of Object.keys(definition.retry ?? {}))
    if (!(code in errors))
      throw new TypeError(`The kind ${kind} retries the error ${code}, which is not among its errors: declare it`)
  return definition
}

const maxLimit = 10_000
const maxPeriodMs = 86_400_000

/** @throws TypeError for a number that cannot be meant */
function checkQueueOptions({
  kind,
  input,
  priority,
  rateLimit,
  eventRetentionHours: hours = 0,
}: Pick<TaskKind, 'kind' | 'input' | 'rateLimit' | 'eventRetentionHours'> & { readonly priority?: unknown }): void {
  if (typeof priority === 'number') checkPriority(kind, priority)
  if (!(hours >= 0 && hours <= 87_600))
    throw new TypeError(`eventRetentionHours of ${kind} is ${hours}; it is a number of hours from 0 to 87600`)
  if (rateLimit === undefined) return
  const { limit, periodMs, key } = rateLimit
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    throw new TypeError(`The limit of rateLimit of ${kind} is ${limit}; it is an integer from 1 to ${maxLimit}`)
  if (!Number.isInteger(periodMs) || periodMs < 1 || periodMs > maxPeriodMs)
    throw new TypeError(
      `The periodMs of rateLimit of ${kind} is ${periodMs}; it is a number of milliseconds from 1 to ${maxPeriodMs}`,
    )
  if (key !== undefined && key !== 'owner' && !(key.startsWith('input.') && key.slice('input.'.length) in input.shape))
    throw new TypeError(`The key of rateLimit of ${kind} is ${key}; it is 'owner' or 'input.' and a field of the input`)
}
