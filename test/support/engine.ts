import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import type { JsonObject } from '../../src/db/tables.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { type Logger, silentLogger } from '../../src/logger.ts'
import {
  type Engine,
  type EngineConfig,
  type FollowTaskOptions,
  startEngine,
  type TaskUpdate,
} from '../../src/tasks/engine.ts'
import type { ItemPage } from '../../src/tasks/model/store.ts'
import { type Task, type TaskItem, taskTopic } from '../../src/tasks/model/task.ts'
import type { StartRequest } from '../../src/tasks/start/start-request.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

/** Settings of a test's engine: every period is short, so that waits are short. */
export const testEngineConfig: EngineConfig = {
  ROLE: 'all',
  REDIS_URL: undefined,
  REDIS_PUBSUB: 'sharded',
  REDIS_TLS_CA: undefined,
  REDIS_TLS_CERT: undefined,
  REDIS_TLS_KEY: undefined,
  QUEUE_PREFIX: undefined,
  QUEUE_BACKEND: 'postgres',
  COALESCE_MS: 50,
  LEASE_MS: 2_000,
  SWEEP_MS: 200,
  CHECK_MS: 500,
  QUEUE_MOVED_MS: 50,
  MAX_STARTS_PER_MINUTE: 10_000,
  MAX_RUNNING_PER_USER: 0,
  CONCURRENCY: {},
  IDEMPOTENCY_HOURS: 24,
  TASK_RETENTION_DAYS: {},
}

/** One engine of a test, with its database unless that is shared. Disposing ends both. */
export interface EngineFixture extends AsyncDisposable {
  readonly engine: Engine
  readonly test: TestDatabase
  readonly database: Database
  /** Starts a task without input on behalf of `u_1`, unless the request overrides it. */
  start(kind: string, request?: Partial<StartRequest>): Promise<Task>
  /** Starts a task, waits for its end and returns all its events. */
  run(kind: string, request?: Partial<StartRequest>): Promise<readonly LogEvent[]>
  /** Waits for the last event of a task and returns all its events. */
  history(task: Pick<Task, 'id' | 'kind'>): Promise<readonly LogEvent[]>
  /** Returns the events that are in the log now. */
  events(task: Pick<Task, 'id'>): Promise<readonly LogEvent[]>
  /** Returns the task as it is now. */
  get(task: Pick<Task, 'id'>): Promise<Task>
  /** Returns a page of the task's items as they are now, by default of at most 1,000. */
  items(task: Pick<Task, 'id'>, page?: Partial<ItemPage>): Promise<readonly TaskItem[]>
  /** Waits for the first event of a type in the log and returns it. */
  event(task: Pick<Task, 'id' | 'kind'>, type: string, matches?: (event: LogEvent) => boolean): Promise<LogEvent>
}

let fileDatabase: TestDatabase | undefined

/**
 * Provides one database to the tests of this file, emptied before each of them, as creating one
 * takes longer than most tests. For files with tests that dispose everything that they start.
 */
export function shareDatabase(): void {
  beforeAll(async () => {
    fileDatabase = await createTestDatabase()
  })
  beforeEach(async () => {
    const pool = fileDatabase?.database.pool
    // Tables of tests.
    const own = await pool?.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public'`,
    )
    await pool?.query(`${(own?.rows ?? []).map(({ name }) => `drop table public.${name};`).join('')}
      delete from tidings.task; delete from tidings.event; delete from tidings.topic; delete from tidings.idempotency; delete from tidings.worker;
      delete from studio.notification; delete from studio.inbox;
      do $$ begin if to_regclass('bullmq.job') is not null then delete from bullmq.job; end if; end $$`)
  })
  afterAll(async () => {
    await fileDatabase?.[Symbol.asyncDispose]()
    fileDatabase = undefined
  })
}

/**
 * Starts an engine on the database of another fixture (`on`), which must outlive it, else on the
 * file's database (see {@link shareDatabase}), else on a fresh one.
 *
 * @param options.redisUrl - connects engines over this Redis; without it the bus is in memory
 */
export async function startTestEngine(options: {
  readonly definitions: Parameters<typeof startEngine>[0]['definitions']
  readonly on?: TestDatabase
  readonly redisUrl?: string
  readonly config?: Partial<EngineConfig>
  readonly logger?: Logger
  readonly createAtEnd?: Parameters<typeof startEngine>[0]['createAtEnd']
}): Promise<EngineFixture> {
  const { definitions, redisUrl, config, logger = silentLogger, createAtEnd } = options
  await using stack = new AsyncDisposableStack()
  const test = options.on ?? fileDatabase ?? stack.use(await createTestDatabase())
  const engine = stack.use(
    await startEngine({
      config: { ...testEngineConfig, ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }), ...config },
      database: test.database,
      definitions,
      logger,
      createAtEnd,
    }),
  )
  const start: EngineFixture['start'] = async (kind, request = {}) => {
    const { task } = await engine.tasks.start({ kind, input: {}, owner: 'u_1', ...request })
    return task
  }
  const history: EngineFixture['history'] = async ({ id }) =>
    onlyEvents(await Array.fromAsync(engine.follow({ taskId: id, fromStart: true })))
  const opened = stack.move()
  return {
    engine,
    test,
    database: test.database,
    start,
    history,
    run: async (kind, request) => history(await start(kind, request)),
    events: async ({ id }) => (await engine.reader.read(taskTopic(id), 0, 100_000)).events,
    get: async ({ id }) => {
      const task = await engine.store.get(id)
      if (task === null) throw new Error(`There is no task "${id}"`)
      return task
    },
    items: async ({ id }, page = {}) => {
      const [items = []] = await engine.store.items([{ taskId: id, first: 1_000, ...page }])
      if (items instanceof Error) throw items
      return items
    },
    event: async ({ id }, type, matches = () => true) => {
      for await (const update of engine.follow({ taskId: id, fromStart: true }))
        if (update.is === 'event' && update.event.type === type && matches(update.event)) return update.event
      throw new Error(`The task "${id}" ended without such a ${type}`)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Returns the events among what a subscriber received. */
export function onlyEvents(update: readonly TaskUpdate[]): readonly LogEvent[] {
  return update.flatMap((one) => (one.is === 'event' ? [one.event] : []))
}

/** Returns the types of events, in order. */
export function typesOf(events: readonly LogEvent[]): readonly string[] {
  return events.map(({ type }) => type)
}

/** Returns the progress in an event. */
export function progressOf(event: LogEvent | undefined): JsonObject {
  return (event?.payload['progress'] ?? {}) as JsonObject
}

/**
 * A subscriber that records its events, for tests that look during the stream. Unsubscribes when
 * disposed.
 */
export interface Watcher extends AsyncDisposable {
  readonly seen: readonly TaskUpdate[]
  /** Settled when the stream has completed or failed. */
  readonly done: Promise<void>
}

/** Follows a task in the background. */
export function watchInBackground(engine: Engine, options: FollowTaskOptions): Watcher {
  const seen: TaskUpdate[] = []
  const iterator = engine.follow(options)
  const done = (async () => {
    for await (const one of iterator) seen.push(one)
  })()
  done.catch(() => undefined)
  return {
    seen,
    done,
    [Symbol.asyncDispose]: async () => {
      await iterator[Symbol.asyncDispose]()
      await done.catch(() => undefined)
    },
  }
}
