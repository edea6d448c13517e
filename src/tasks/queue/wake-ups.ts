import {
  assertSchemaCompatibility,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  Queue,
  type ConnectionOptions as QueueConnection,
  runMigrations,
  SchemaMigrationRequiredError,
  WaitingError,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import type pg from 'pg'
import { withTimeout } from '../../async/timeout.ts'
import { type RedisAddress, type RedisSettings, readRedisAddress } from '../../bus/redis-address.ts'
import { type ConnectionOptions, createRedisConnections, type RedisConnection } from '../../bus/redis-connections.ts'
import type { Config } from '../../config.ts'
import type { Database } from '../../db/connect.ts'
import { migrationMs } from '../../db/migrate.ts'
import type { Logger } from '../../logger.ts'

/**
 * Sends wake-ups: each wakes a worker that has a free slot for a kind of task. A wake-up may be
 * delivered twice or never; the worker that receives it reads the pending work from the database,
 * and the sweeper repeats wake-ups for tasks that lost theirs.
 */
export interface WakeUps extends AsyncDisposable {
  /**
   * Sends the wake-up for a task that waits for its attempt. Deduplicated: one pending wake-up per
   * task and attempt, unless `after` differs. Never throws.
   *
   * @param options.delayMs - 0 by default
   * @param options.after - what has made the attempt possible, such as an attempt that has ended. A worker may be handling
   *   the task's own wake-up, and may have looked before that: it would be a duplicate of this one
   */
  add(
    kind: string,
    taskId: string,
    attempt: number,
    options?: { readonly delayMs?: number; readonly after?: string },
  ): Promise<void>
  /**
   * Handles the wake-ups of a kind, at most `concurrency` at once.
   * @param handler - returns false when this process cannot handle it now: the wake-up is returned
   *   for another worker
   */
  answer(kind: string, concurrency: number, handler: () => Promise<boolean>): Promise<void>
  /** Stops handling new wake-ups; handlers in progress continue. */
  pause(): Promise<void>
}

/**
 * Maximum wait for the queue: without it the sweeper sends the wake-ups, and a server that cannot
 * reach it still starts and stops.
 */
const patienceMs = 1_000
const closePatienceMs = 3_000

/**
 * The subset of BullMQ's classes that is used here; their full types differ between the backends.
 */
interface QueueLike {
  add(
    name: string,
    data: { readonly taskId: string },
    options: { jobId: string; delay: number; removeOnComplete: boolean; removeOnFail: boolean },
  ): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
}
/** The job (wake-up) passed to a handler. */
interface RingLike {
  moveToWait(token: string | undefined): Promise<unknown>
}
interface WorkerLike {
  on(event: 'error', listener: (error: Error) => void): unknown
  waitUntilReady(): Promise<unknown>
  pause(doNotWaitActive: boolean): Promise<void>
  close(isForced: boolean): Promise<void>
}

type Process = (ring: RingLike, token: string | undefined) => Promise<void>
type WorkerSettings = Pick<WorkerOptions, 'concurrency' | 'lockDuration' | 'stalledInterval' | 'runRetryDelay'>

/** The backend of {@link createWakeUps}: BullMQ on Postgres or on Redis. */
interface Backing extends AsyncDisposable {
  createQueue(name: string): QueueLike
  createWorker(name: string, process: Process, options: WorkerSettings): WorkerLike
}

/**
 * Creates the wake-ups on BullMQ, which programs in other languages can send and handle with
 * BullMQ's own clients: the queue of a kind is `tidings-<kind>` in lower case, or `<schema>-<kind>` with another schema of the engine; the data of a job is
 * `{ taskId }`.
 *
 * @param options.kinds - number of kinds that this process handles; each holds one listening
 *   connection
 */
export async function createWakeUps(options: {
  readonly config: RedisSettings & Pick<Config, 'QUEUE_BACKEND' | 'QUEUE_PREFIX' | 'LEASE_MS'>
  readonly database: Database
  readonly logger: Logger
  readonly kinds: number
}): Promise<WakeUps> {
  const { config, database, logger, kinds } = options
  // A wake-up taken by a dead worker is released together with its task; the defaults are at least
  // twice as long.
  const lockMs = Math.max(config.LEASE_MS, 1_000)
  const address = readRedisAddress(config)
  const backing =
    config.QUEUE_BACKEND === 'redis' && address !== null
      ? createRedisBacking(address, config.QUEUE_PREFIX)
      : await createPostgresBacking(database, kinds)
  const queueName = (kind: string): string => `${database.schema}-${kind.toLowerCase()}`
  const queues = new Map<string, QueueLike>()
  const workers: WorkerLike[] = []
  let isClosing = false
  let answering = 0

  const queueOf = (kind: string): QueueLike => {
    const existing = queues.get(kind)
    if (existing !== undefined) return existing
    const queue = backing.createQueue(queueName(kind))
    queue.on('error', (error) => logger.warn({ err: error, kind }, 'received an error from the wake-up queue'))
    queues.set(kind, queue)
    return queue
  }

  return {
    async add(kind, taskId, attempt, { delayMs = 0, after } = {}) {
      if (isClosing) return
      try {
        const addition = queueOf(kind).add(
          'wake-up',
          { taskId },
          {
            jobId: [taskId, attempt, ...(after === undefined ? [] : [after])].join('-'),
            delay: delayMs,
            removeOnComplete: true,
            removeOnFail: true,
          },
        )
        if (!(await withTimeout(patienceMs, addition)))
          logger.warn({ taskId, kind }, 'failed to send a wake-up in time; the sweeper sends it again')
      } catch (error) {
        // The wake-up is lost; the sweeper sends it again.
        logger.warn({ err: error, taskId, kind }, 'failed to send a wake-up')
      }
    },
    async answer(kind, concurrency, handler) {
      const process: Process = async (ring, token) => {
        answering++
        try {
          if (await handler()) return
        } finally {
          answering--
        }
        await ring.moveToWait(token)
        throw new WaitingError()
      }
      const worker = backing.createWorker(queueName(kind), process, {
        concurrency,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        // Delay after an error of the queue's database; BullMQ's default is 15 s.
        runRetryDelay: 1_000,
      })
      worker.on('error', (error) => logger.warn({ err: error, kind }, 'received an error from the wake-up queue'))
      workers.push(worker)
      if (!(await withTimeout(patienceMs, worker.waitUntilReady())))
        logger.warn({ kind }, 'waiting for the wake-up queue')
    },
    async pause() {
      await Promise.all(workers.map((worker) => worker.pause(true)))
    },
    async [Symbol.asyncDispose]() {
      if (isClosing) return
      isClosing = true
      // A worker does not close while its handler runs: then it is closed without waiting.
      const closing = [
        ...workers.map((worker) => worker.close(answering > 0)),
        ...[...queues.values()].map((queue) => queue.close()),
      ].map((task) => task.catch((error: unknown) => logger.warn({ err: error }, 'failed to close the wake-up queue')))
      const closed = Promise.all(closing).then(() => backing[Symbol.asyncDispose]())
      if (!(await withTimeout(closePatienceMs, closed))) logger.warn('failed to close the wake-up queue in time')
    },
  }
}

async function createPostgresBacking(database: Database, kinds: number): Promise<Backing> {
  // BullMQ checks a connection out of the pool for each listening worker and needs some for its
  // statements.
  const pool = database.openPool({
    applicationName: 'tidings queue',
    maxConnections: kinds + 4,
    options: `-c search_path=${DEFAULT_SCHEMA}`,
    // BullMQ listens.
    isDirect: true,
  })
  // Every queue and worker adds listeners to the pool.
  pool.setMaxListeners(0)
  if (!(await isMigrated(pool))) await migrateQueue(database)
  // bullmq declares its own types for the part of pg it uses, which differ slightly from pg's.
  const connection = pool as unknown as PgPool
  return {
    createQueue: (name) => new Queue(name, { connection }, createPostgresBackend),
    createWorker: (name, process, settings) =>
      new Worker(name, process, { connection, ...settings }, createPostgresBackend),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/** Whether BullMQ's tables exist and are up to date. */
async function isMigrated(pool: pg.Pool): Promise<boolean> {
  try {
    return (
      (await assertSchemaCompatibility(pool as unknown as Parameters<typeof assertSchemaCompatibility>[0])) >=
      LATEST_SCHEMA_VERSION
    )
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return false
    throw error
  }
}

/**
 * Creates or alters BullMQ's tables. May take longer than other statements, also because another
 * process may be doing the same.
 */
async function migrateQueue(database: Database): Promise<void> {
  const pool = database.openPool({
    applicationName: 'tidings queue',
    maxConnections: 1,
    statementMs: migrationMs,
    isDirect: true,
  })
  try {
    const client = await pool.connect()
    try {
      await runMigrations(client, DEFAULT_SCHEMA)
    } finally {
      client.release()
    }
  } finally {
    await pool.end()
  }
}

/** Maximum duration of the blocking read of a worker that waits for jobs, in seconds. */
const drainDelay = 2
/**
 * A connection to Redis that is silent for longer is replaced. Must exceed {@link drainDelay}, the
 * longest legitimate silence.
 */
const redisSilenceMs = 4_000

/**
 * BullMQ opens a further connection for each worker, which waits for jobs: from options, or as a duplicate of a cluster.
 */
function createRedisBacking(address: RedisAddress, givenPrefix: string | undefined): Backing {
  const connections = createRedisConnections(address)
  // All keys of a queue have to be in one slot of a cluster.
  const prefix = givenPrefix ?? (address.kind === 'cluster' ? '{bull}' : 'bull')
  const base: ConnectionOptions = { silenceMs: redisSilenceMs, maxRetriesPerRequest: null, maxRedirections: 32 }
  /** One for all queues, and one for all workers: BullMQ does not close connections that it was given. */
  const openConnections = new Map<boolean, RedisConnection>()
  const connect = (options: ConnectionOptions): QueueConnection => {
    const single = connections.optionsOf(options)
    // bullmq declares its own types for the options of ioredis.
    if (single !== null) return single as QueueConnection
    const { enableOfflineQueue = true } = options
    const cluster = openConnections.get(enableOfflineQueue) ?? connections.open(options)
    openConnections.set(enableOfflineQueue, cluster)
    return cluster as unknown as QueueConnection
  }
  return {
    createQueue: (name) => new Queue(name, { connection: connect({ ...base, enableOfflineQueue: false }), prefix }),
    createWorker: (name, process, settings) =>
      new Worker(name, process, { connection: connect(base), prefix, drainDelay, ...settings }),
    [Symbol.asyncDispose]: async () => {
      for (const connection of openConnections.values()) connection.disconnect()
      connections[Symbol.dispose]()
    },
  }
}
