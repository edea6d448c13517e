import type { PoolClient } from 'pg'
import type { z } from 'zod'
import type { Database } from '../db/connect.ts'
import type { JsonObject } from '../db/tables.ts'
import type { Appender } from '../log/append.ts'
import type { Logger } from '../logger.ts'
import type { Backoff } from './failure.ts'
import type { Report } from './report.ts'
import type { FailureState, TaskItem, TaskStatus } from './task.ts'

/** What a running task is given. */
export interface TaskContext<I> {
  readonly taskId: string
  readonly owner: string
  readonly input: I
  /** 1 for the first execution. */
  readonly attempt: number
  /** The parts known so far, with what earlier attempts made of them: completed ones need not be done again. */
  readonly items: readonly TaskItem[]
  /** Aborts on cancel, lost lease and shutdown. Whatever the task waits for should take it. */
  readonly signal: AbortSignal
  readonly database: Database
  /** For the application's own topics, such as that of a preview; what becomes of the task itself is reported. */
  readonly appender: Appender
  readonly logger: Logger
}

/** How a task ended, for {@link TaskDefinition.settle} and {@link TaskDefinition.announce}. */
export interface Ending {
  readonly taskId: string
  readonly owner: string
  /** What it worked on, as {@link Beginning.subject} said. */
  readonly subject: string | null
  readonly status: Extract<TaskStatus, 'COMPLETED' | 'FAILED' | 'CANCELED'>
  readonly error: FailureState | null
  /** What it returned; null unless it is COMPLETED. */
  readonly result: JsonObject | null
}

/** The end of a task in words for its owner, who was not there. */
export interface Announcement {
  /** One sentence without a full stop, with the name of the thing: `Your quiz on “Owls” is ready`. */
  readonly title: string
  /** What there is to know beside it; for a task that failed the reason and the advice by default. */
  readonly message?: string | null
  /** True when it is completed and yet not all is as it was asked for. */
  readonly isPartial?: boolean
  /** The id of what to look at; the subject by default. */
  readonly aboutId?: string | null
}

/** Which start {@link TaskDefinition.begin} belongs to. */
export interface Start {
  readonly taskId: string
  readonly owner: string
  /** The subject of the failed or canceled task that this one repeats; null when it repeats none. */
  readonly retriedSubject: string | null
}

/** What the application says of a task that is put in line. */
export interface Beginning {
  /** What it works on, such as a roadmap's id: finds the task now working on a thing. */
  readonly subject?: string
  readonly items?: readonly { readonly key: string; readonly label: string }[]
}

/** A user, and the subject of a task that somebody else owns. */
export type Watcher = readonly [subject: string, userId: string]

/**
 * A kind of task. This is the extension point: adding a kind is one file that calls {@link defineTask}, and its name in the
 * list of definitions that the process is started with.
 */
export interface TaskDefinition<I = unknown, R extends JsonObject = JsonObject> {
  /** In capitals; the name of the kind in the API. */
  readonly kind: string
  readonly input: z.ZodType<I>
  /** How often the handler may fail; default 3. Executions that end with the loss or the shutdown of a worker are counted apart. */
  readonly attempts: number
  /** How many run at once in one worker process; default 2. */
  readonly concurrency: number
  /** How many run at once for one owner, over all workers; null is any number. Default `MAX_RUNNING_PER_USER`. */
  readonly perUser?: number | null
  /** Spacing of attempts; default 1 s doubling up to 60 s. */
  readonly backoff: Backoff
  /**
   * The stages in order with their share of the whole; from it and the percent of the stage the percent of the task is derived.
   * Without it, the percent is what the task says, or the part of its items that is done.
   */
  readonly stages?: Readonly<Record<string, number>>
  /**
   * The application's share of the start, in the transaction that puts the task in line: checks what the task needs, marks
   * what it works on, names the parts that are known. What it throws (a `TidingsError` the caller can act on) undoes the start.
   */
  begin?(client: PoolClient, input: I, start: Start): Promise<Beginning>
  /**
   * Does the work. What it yields becomes events; what it returns, the result. A thrown `RetryableError` starts the next attempt,
   * anything else ends the task. It should be safe to run again: finish what an earlier attempt left.
   */
  run(context: TaskContext<I>): AsyncGenerator<Report, R, void>
  /**
   * Whether users who are not its owner may see a task about a subject: its progress, its items and its result, but not change it.
   * Without it only owners may. When an answer becomes no, say so with `Visibility.changed`. All who watch are asked about again and
   * again: many at once, answered in their order.
   */
  mayWatch?(database: Database, asked: readonly Watcher[]): Promise<readonly boolean[]>
  /** Whether users who are not its owner, and may watch it, may also cancel a task about a subject. Without it only owners may. */
  mayCancel?(database: Database, asked: readonly Watcher[]): Promise<readonly boolean[]>
  /**
   * Puts the application's own tables in order when the task ends, whoever ends it (worker, cancel, sweeper), in the
   * transaction of the terminal event. Must not touch the tables of the engine.
   */
  settle?(client: PoolClient, input: I, ending: Ending): Promise<void>
  /**
   * The end in words, for an owner who does not watch; in the transaction of the terminal event, after `settle`. null says that this end
   * needs no telling. Without it, the words are made of the kind's name.
   */
  announce?(client: PoolClient, input: I, ending: Ending): Promise<Announcement | null>
}

/** Defines a kind of task, with the defaults filled in. */
export function defineTask<I, R extends JsonObject>(
  definition: Omit<TaskDefinition<I, R>, 'attempts' | 'concurrency' | 'backoff'> & {
    readonly attempts?: number
    readonly concurrency?: number
    readonly backoff?: Partial<Backoff>
  },
): TaskDefinition<I, R> {
  const { attempts = 3, concurrency = 2, backoff = {} } = definition
  return { ...definition, attempts, concurrency, backoff: { initialDelayMs: 1_000, maxDelayMs: 60_000, ...backoff } }
}
