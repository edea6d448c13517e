import { type Admin, createAdmin } from '../audit/admin.ts'
import { type Bus, createMemoryBus } from '../bus/bus.ts'
import { type RedisSettings, readRedisAddress } from '../bus/redis-address.ts'
import { createRedisBus } from '../bus/redis-bus.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { readBusKey, readBusName } from '../db/epoch.ts'
import { type Appender, createAppender } from '../log/append.ts'
import { type LogEvent, toMessage } from '../log/event.ts'
import { createFeeds, type Feeds } from '../log/feed.ts'
import { type FollowOptions, follow, type TopicUpdate } from '../log/follow.ts'
import { createLogReader, type LogReader } from '../log/read.ts'
import type { Logger } from '../logger.ts'
import { createPresence, type Presence } from '../presence/presence.ts'
import { noTracing, type Tracing } from '../tracing/tracing.ts'
import { type CompletionHook, createCompletionHooks } from './model/completion-hooks.ts'
import { createTaskStore, type TaskSnapshotState, type TaskStore } from './model/store.ts'
import { lastEventTypes, taskTopic } from './model/task.ts'
import type { TaskDefinition } from './model/task-definition.ts'
import { createEstimates } from './queue/estimate.ts'
import { createQueuePositions, type QueuePositions } from './queue/positions.ts'
import { createWakeUps } from './queue/wake-ups.ts'
import { configureKinds, recordKinds } from './start/configure.ts'
import { controlChannel, createTaskService, type TaskParts, type TaskService } from './start/service.ts'
import { createVisibility, type Visibility } from './visibility.ts'
import { startWorker, type TaskWorker } from './worker/worker.ts'

/** See {@link Engine.onAppended}. */
type AppendListener = (topic: string, events: readonly LogEvent[]) => void

/**
 * The log and the tasks of one process, wired together: the foundation of applications and the API.
 */
export interface Engine extends AsyncDisposable {
  readonly database: Database
  readonly reader: LogReader
  readonly appender: Appender
  readonly bus: Bus
  readonly feeds: Feeds
  /** The users that currently follow each topic, on any server. */
  readonly presence: Presence
  readonly store: TaskStore
  readonly queuePositions: QueuePositions
  readonly tasks: TaskService
  readonly visibility: Visibility
  /** Connection statistics and the audit log. */
  readonly admin: Admin
  /** null in a process that only serves requests, and before {@link startWorker}. */
  readonly worker: TaskWorker | null
  /** Starts to run tasks, once, in a process that was opened with `isWorkerDeferred`. */
  startWorker(): Promise<void>
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  /**
   * Calls `listener` after each append of this process with the events appended to one topic, until
   * the returned function is called. A hint for code that derives state from the log: other
   * processes append as well. It must not throw.
   */
  onAppended(listener: AppendListener): () => void
  /**
   * Follows the log of a task: see {@link follow}. Changes of its queue position are not in the log;
   * `queuePositions.watch` has them.
   */
  follow(options: FollowTaskOptions): AsyncIterableIterator<TaskUpdate, undefined> & AsyncDisposable
}

/** An event of a task, or a snapshot in place of events. */
export type TaskUpdate = TopicUpdate<TaskSnapshotState>

/** The position from which a task is followed. See `Subscription.taskProgress`. */
export interface FollowTaskOptions extends Pick<FollowOptions<unknown>, 'after' | 'fromStart' | 'onCaughtUp'> {
  readonly taskId: string
}

/** The settings that the engine reads. */
export type EngineConfig = Pick<
  Config,
  | 'ROLE'
  | keyof RedisSettings
  | 'QUEUE_BACKEND'
  | 'QUEUE_PREFIX'
  | 'COALESCE_MS'
  | 'LEASE_MS'
  | 'SWEEP_MS'
  | 'CHECK_MS'
  | 'QUEUE_MOVED_MS'
  | 'MAX_STARTS_PER_MINUTE'
  | 'MAX_RUNNING_PER_USER'
  | 'CONCURRENCY'
  | 'IDEMPOTENCY_HOURS'
  | 'TASK_RETENTION_DAYS'
>

/**
 * Starts the engine of a process on a migrated database.
 *
 * Disposing hands running attempts over to other workers, waits for pending appends, and closes
 * resources in the reverse order of opening. The caller owns the database.
 *
 * @example
 * const engine = await startEngine({ config, database, definitions: [publishArticle], logger })
 * const { task } = await engine.tasks.start({ kind: 'PUBLISH_ARTICLE', input: { articleId }, owner: userId })
 */
export async function startEngine(options: {
  readonly config: EngineConfig
  readonly database: Database
  /** The task kinds; or a factory, when their transactions append to topics of the application. */
  readonly definitions: readonly TaskDefinition[] | ((log: Pick<Engine, 'appender'>) => readonly TaskDefinition[])
  readonly logger: Logger
  /** Creates the hook that runs at the end of every task; default none. */
  readonly createAtEnd?: ((log: Pick<Engine, 'database' | 'appender' | 'presence'>) => CompletionHook) | undefined
  /** Off by default. */
  readonly tracing?: Tracing
  /** Whether the worker, which `ROLE` permits, starts with {@link Engine.startWorker}; false by default. */
  readonly isWorkerDeferred?: boolean
}): Promise<Engine> {
  const { config, database, logger, tracing = noTracing } = options
  await using stack = new AsyncDisposableStack()

  const reader = await createLogReader(database)
  const address = readRedisAddress(config)
  const bus = stack.use(
    address === null
      ? createMemoryBus(logger)
      : createRedisBus({
          address,
          key: await readBusKey(database),
          logger,
          prefix: `${await readBusName(database)}:`,
        }),
  )
  const admin = stack.use(createAdmin({ database, bus, logger }))
  const feeds = stack.use(createFeeds({ bus, reader, logger, checkMs: config.CHECK_MS }))
  const presence = stack.use(createPresence({ database, bus, logger }))
  const appendListeners = new Set<AppendListener>()
  const appender = stack.use(
    createAppender({
      database,
      logger,
      tracing,
      publish(topic, events, epoch) {
        bus.publish(topic, toMessage(events, epoch))
        for (const listener of appendListeners) listener(topic, events)
      },
    }),
  )
  const kinds = typeof options.definitions === 'function' ? options.definitions({ appender }) : options.definitions
  const definitions = configureKinds(kinds, config)
  await recordKinds(database, definitions)
  const store = createTaskStore(database)
  const completionHooks = createCompletionHooks({
    definitions,
    completionHook: options.createAtEnd?.({ database, appender, presence }),
    logger,
  })
  const estimates = createEstimates({ database })
  const queuePositions = stack.use(
    createQueuePositions({
      database,
      bus,
      estimates,
      logger,
      movedMs: config.QUEUE_MOVED_MS,
      limitsOf: (kind) => definitions.get(kind),
    }),
  )
  const isWorking = config.ROLE !== 'server'
  const wakeUps = stack.use(await createWakeUps({ config, database, logger, kinds: isWorking ? definitions.size : 0 }))
  const parts: TaskParts = { database, store, appender, wakeUps, definitions, completionHooks, logger }
  const tasks = createTaskService({
    ...parts,
    queuePositions,
    notifyWorkers: (taskId) => bus.publish(controlChannel, { stop: taskId }),
    maxStartsPerMinute: config.MAX_STARTS_PER_MINUTE,
    idempotencyHours: config.IDEMPOTENCY_HOURS,
    tracing,
  })
  const visibility = stack.use(createVisibility({ database, bus, definitions, logger, checkMs: config.CHECK_MS }))
  const openWorker = (): Promise<TaskWorker> =>
    startWorker({
      ...parts,
      bus,
      queuePositions,
      estimates,
      leaseMs: config.LEASE_MS,
      coalesceMs: config.COALESCE_MS,
      sweepMs: config.SWEEP_MS,
      tracing,
    })
  let worker = isWorking && options.isWorkerDeferred !== true ? stack.use(await openWorker()) : null
  let starting: Promise<void> | undefined

  const resources = stack.move()
  return {
    database,
    reader,
    appender,
    bus,
    feeds,
    presence,
    store,
    queuePositions,
    tasks,
    visibility,
    admin,
    get worker() {
      return worker
    },
    startWorker() {
      starting ??= (async () => {
        worker ??= resources.use(await openWorker())
      })()
      return starting
    },
    definitions,
    onAppended(listener) {
      // A listener that is registered twice is called twice, and each registration is removed
      // separately.
      const own: AppendListener = (topic, events) => listener(topic, events)
      appendListeners.add(own)
      return () => appendListeners.delete(own)
    },
    follow: ({ taskId, ...from }) =>
      follow(
        { reader, feeds },
        {
          ...from,
          topic: taskTopic(taskId),
          snapshot: () => store.snapshot(taskId),
          isLast: ({ type }) => lastEventTypes.has(type),
        },
      ),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
