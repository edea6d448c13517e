import type { PoolClient } from 'pg'
import type { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import type { JsonObject } from '../../db/tables.ts'
import type { Appender } from '../../log/append.ts'
import type { Logger } from '../../logger.ts'
import type { Backoff } from './failure.ts'
import type { Report } from './report.ts'
import type { FailureState, TaskItem, TaskStatus } from './task.ts'

/** The context passed to a running task. */
export interface TaskContext<I> {
  readonly taskId: string
  readonly owner: string
  readonly input: I
  /** 1 for the first execution. */
  readonly attempt: number
  /**
   * The items known so far, with the results of earlier attempts: completed items need not be
   * repeated.
   */
  readonly items: readonly TaskItem[]
  /** Aborts on cancel, lost lease and shutdown. Pass it to everything the task awaits. */
  readonly signal: AbortSignal
  readonly database: Database
  /**
   * For the application's own topics, such as the topic of a preview; the progress of the task
   * itself is yielded as reports.
   */
  readonly appender: Appender
  readonly logger: Logger
}

/** The end of a task, for {@link TaskDefinition.settle} and {@link TaskDefinition.announce}. */
export interface Ending {
  readonly taskId: string
  readonly owner: string
  /** The subject of the task, from {@link Beginning.subject}. */
  readonly subject: string | null
  readonly status: Extract<TaskStatus, 'COMPLETED' | 'FAILED' | 'CANCELED'>
  readonly error: FailureState | null
  /** The return value of the task; null unless it is COMPLETED. */
  readonly result: JsonObject | null
}

/** An end-user notification about the end of a task, for owners that did not follow it. */
export interface Announcement {
  /** One sentence without a full stop that names the subject: `Your quiz on “Owls” is ready`. */
  readonly title: string
  /** Further details. Defaults, for a failed task, to the reason and the advice. */
  readonly message?: string | null
  /** Whether the task completed without producing everything that was requested. */
  readonly isPartial?: boolean
  /** The id of the object to open; defaults to the subject. */
  readonly aboutId?: string | null
}

/** The start that {@link TaskDefinition.begin} is called for. */
export interface Start {
  readonly taskId: string
  readonly owner: string
  /**
   * The subject of the failed or canceled task that this one retries; null when it is not a retry.
   */
  readonly retriedSubject: string | null
}

/** The application's data about a task that enters the queue. */
export interface Beginning {
  /**
   * The id of the object the task works on, such as a roadmap's; used to find the active task of a
   * subject.
   */
  readonly subject?: string
  /**
   * The amount of work in a unit of the kind's own, such as bytes or words: durations are estimated
   * from completed tasks of the kind by their size. Not needed where the number of `items` is the
   * measure.
   */
  readonly size?: number
  /**
   * Separates tasks of the kind that take different ways, such as the formats of documents: their
   * durations are estimated separately.
   */
  readonly variant?: string
  /** The items that are already known: at most 200,000, or the start is refused with `TOO_MANY_ITEMS`. */
  readonly items?: readonly { readonly key: string; readonly label: string }[]
}

/**
 * How many attempts of a kind may start within a period, across all workers. The period slides: at most `limit` attempts start within
 * any `periodMs`, at once where that is allowed. Tasks beyond it wait in the queue.
 */
export interface RateLimit<F extends string = string> {
  /** The number of attempts, 1 to 10,000. A claim reads the starts of the period, so that large numbers cost time. */
  readonly limit: number
  /** The length of the period in milliseconds, at most a day. */
  readonly periodMs: number
  /**
   * Gives each owner (`'owner'`), or each value of a field of the input (`'input.customerId'`, as it was sent), a limit of its own. By
   * default all tasks of the kind share one.
   */
  readonly key?: 'owner' | `input.${F}`
}

/** The seconds by which a task is moved forward in the queue: for all tasks of the kind, or by the input. */
// A method, so that kinds with different inputs remain in one list.
export type Priority<I> = number | { of(input: I): number }['of']

/** A user, and the subject of a task that another user owns. */
export type Watcher = readonly [subject: string, userId: string]

/**
 * A kind of task as the engine runs it. Teams write theirs with `defineTask` of `src/library`, which adds types for the
 * result and the errors; the applications of this repository use {@link createTaskDefinition}.
 */
export interface TaskDefinition<I = unknown, R extends JsonObject = JsonObject> {
  /** Upper case; the name of the kind in the API. */
  readonly kind: string
  readonly input: z.ZodType<I>
  /**
   * How often the handler may fail; default 3. Executions that end because a worker was lost or
   * shut down are counted separately.
   */
  readonly attempts: number
  /**
   * Maximum duration of an attempt in milliseconds, after which it fails with `TIMEOUT` and its signal aborts; default none. Ends
   * hanging handlers: a worker that is lost is detected by its lease.
   */
  readonly timeoutMs?: number
  /** How many run at once in one worker process; default 2. */
  readonly concurrency: number
  /**
   * How many run at once for one owner, across all workers; null for no limit. Default
   * `MAX_RUNNING_PER_USER`.
   */
  readonly perUser?: number | null
  /** See {@link Priority}; default 0. */
  readonly priority?: Priority<I>
  /** See {@link RateLimit}; default none. */
  readonly rateLimit?: RateLimit
  /** Delay between attempts; default 1 s, doubling up to 60 s. */
  readonly backoff: Backoff
  /**
   * The stages in order with their share of the whole, until enough tasks have completed to measure
   * the shares. The percent of the task is derived from them and the percent of the current stage. Without stages, the percent is the one that the task
   * reports, or the share of its items that are done.
   */
  readonly stages?: Readonly<Record<string, number>>
  /**
   * The application's part of the start, in the transaction that queues the task: checks
   * preconditions, marks the object the task works on, and names the items that are already known.
   * An error thrown here (a `TidingsError` the caller can act on) rolls back the start.
   */
  begin?(client: PoolClient, input: I, start: Start): Promise<Beginning>
  /**
   * Runs the task. Yielded reports become events; the return value becomes the result. A thrown
   * `RetryableError` starts the next attempt. So does a transient failure of the infrastructure, which
   * counts as a lost worker and not against `maxAttempts`. Any other error ends the task. The handler should be
   * safe to run again: continue from the state that an earlier attempt left.
   */
  run(context: TaskContext<I>): AsyncGenerator<Report, R, void>
  /**
   * Whether users other than the owner may see a task about a subject: its progress, items and
   * result, but not change it. Without it only the owner may. When access is revoked, call
   * `Visibility.changed`. Access of all subscribers is rechecked periodically: many pairs per call,
   * answered in the same order.
   */
  mayWatch?(database: Database, watchers: readonly Watcher[]): Promise<readonly boolean[]>
  /**
   * Whether users with permission to see a task, other than its owner, may also cancel it. Without
   * it only the owner may.
   */
  mayCancel?(database: Database, watchers: readonly Watcher[]): Promise<readonly boolean[]>
  /**
   * Updates the application's own tables when the task ends, regardless of what ends it (worker,
   * cancel, sweeper), in the transaction of the terminal event. Must not touch the tables of the
   * engine.
   */
  settle?(client: PoolClient, input: I, ending: Ending): Promise<void>
  /**
   * Returns the end-user notification about the end, for owners that do not follow the task; called
   * in the transaction of the terminal event, after `settle`. Return null to send no notification.
   * Without it, the text is derived from the name of the kind.
   */
  announce?(client: PoolClient, input: I, ending: Ending): Promise<Announcement | null>
}

/**
 * Defines a kind of task and fills in the defaults.
 *
 * @example
 * export const publishArticle = createTaskDefinition({
 *   kind: 'PUBLISH_ARTICLE',
 *   input: z.object({ articleId: z.string() }),
 *   async *run({ input: { articleId } }) {
 *     yield stage('upload')
 *     return { type: 'ArticlePublished', articleId }
 *   },
 * })
 */
export function createTaskDefinition<I, R extends JsonObject>(
  definition: Omit<TaskDefinition<I, R>, 'attempts' | 'concurrency' | 'backoff'> & {
    readonly attempts?: number
    readonly concurrency?: number
    readonly backoff?: Partial<Backoff>
  },
): TaskDefinition<I, R> {
  const { attempts = 3, concurrency = 2, backoff = {} } = definition
  return { ...definition, attempts, concurrency, backoff: { initialDelayMs: 1_000, maxDelayMs: 60_000, ...backoff } }
}
