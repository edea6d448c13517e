import {
  assertSchemaCompatibility,
  type ConnectionOptions,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  Queue,
  runMigrations,
  SchemaMigrationRequiredError,
  WaitingError,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import type pg from 'pg'
import type { Config } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { migrationMs } from '../db/migrate.ts'
import type { Logger } from '../logger.ts'

/**
 * The doorbell: wakes a worker that has a free hand for a kind of task. It may ring twice or never; who answers asks the
 * record what there is to do, and the sweeper rings again for tasks that nobody was rung for.
 */
export interface Doorbell extends AsyncDisposable {
  /** Rings for a task that waits for its attempt. The same task and attempt ring once at a time. Never throws. */
  ring(kind: string, taskId: string, attempt: number, delayMs?: number): Promise<void>
  /**
   * Answers for a kind, at most `concurrency` at once.
   * @param handler - false when it cannot answer now: the ring is left to somebody else
   */
  answer(kind: string, concurrency: number, handler: () => Promise<boolean>): Promise<void>
  /** No further answers begin; those under way go on. */
  pause(): Promise<void>
}

/** Longest wait for the queue: without it, the sweeper rings, and a server that cannot reach it still starts and stops. */
const patienceMs = 1_000
const closePatienceMs = 3_000

const queueName = (kind: string): string => `tidings-${kind.toLowerCase()}`

/** As much of BullMQ's classes as the doorbell uses; their full types differ between the backends. */
interface QueueLike {
  add(
    name: string,
    data: { readonly taskId: string },
    options: { jobId: string; delay: number; removeOnComplete: boolean; removeOnFail: boolean },
  ): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
}
/** The ring that a handler answers. */
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

/** What {@link createDoorbell} is built over: BullMQ on Postgres or on Redis. */
interface Backing extends AsyncDisposable {
  createQueue(name: string): QueueLike
  createWorker(name: string, process: Process, options: WorkerSettings): WorkerLike
}

/**
 * Creates the doorbell on BullMQ, which other languages can ring and answer with BullMQ's own clients: the queue of a kind
 * is `tidings-<kind>`, a job's data `{ taskId }`.
 *
 * @param options.kinds - how many kinds this process answers for; each holds one connection that listens
 */
export async function createDoorbell(options: {
  readonly config: Pick<Config, 'QUEUE_BACKEND' | 'REDIS_URL' | 'LEASE_MS'>
  readonly database: Database
  readonly logger: Logger
  readonly kinds: number
}): Promise<Doorbell> {
  const { config, database, logger, kinds } = options
  // A ring that a dead worker had taken is free again when its task is; the defaults are twice as long and more.
  const lockMs = Math.max(config.LEASE_MS, 1_000)
  const url = config.REDIS_URL?.[0]
  const backing =
    config.QUEUE_BACKEND === 'redis' && url !== undefined
      ? createRedisBacking(url)
      : await createPostgresBacking(database, kinds)
  const queues = new Map<string, QueueLike>()
  const workers: WorkerLike[] = []
  let isClosing = false
  let answering = 0

  /** Whether something came to its end in time. */
  const inTime = async (promise: Promise<unknown>, ms = patienceMs): Promise<boolean> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), ms)
    })
    const isInTime = await Promise.race([promise.then(() => true), late])
    clearTimeout(timer)
    return isInTime
  }

  const queueOf = (kind: string): QueueLike => {
    const existing = queues.get(kind)
    if (existing !== undefined) return existing
    const queue = backing.createQueue(queueName(kind))
    queue.on('error', (error) => logger.warn({ err: error, kind }, 'received an error from the wake-up queue'))
    queues.set(kind, queue)
    return queue
  }

  return {
    async ring(kind, taskId, attempt, delayMs = 0) {
      if (isClosing) return
      try {
        const added = queueOf(kind).add(
          'ring',
          { taskId },
          { jobId: `${taskId}-${attempt}`, delay: delayMs, removeOnComplete: true, removeOnFail: true },
        )
        if (!(await inTime(added)))
          logger.warn({ taskId, kind }, 'failed to send a wake-up in time; the sweeper sends it again')
      } catch (error) {
        // Nobody hears it now; the sweeper rings again.
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
        // After an error of the queue's database: 15 s if left alone.
        runRetryDelay: 1_000,
      })
      worker.on('error', (error) => logger.warn({ err: error, kind }, 'received an error from the wake-up queue'))
      workers.push(worker)
      if (!(await inTime(worker.waitUntilReady()))) logger.warn({ kind }, 'waiting for the wake-up queue')
    },
    async pause() {
      await Promise.all(workers.map((worker) => worker.pause(true)))
    },
    async [Symbol.asyncDispose]() {
      if (isClosing) return
      isClosing = true
      // Who still answers does not let go: not waited for.
      const closing = [
        ...workers.map((worker) => worker.close(answering > 0)),
        ...[...queues.values()].map((queue) => queue.close()),
      ].map((closed) =>
        closed.catch((error: unknown) => logger.warn({ err: error }, 'failed to close the wake-up queue')),
      )
      const closed = Promise.all(closing).then(() => backing[Symbol.asyncDispose]())
      if (!(await inTime(closed, closePatienceMs))) logger.warn('failed to close the wake-up queue in time')
    },
  }
}

async function createPostgresBacking(database: Database, kinds: number): Promise<Backing> {
  // BullMQ checks a connection out of the pool for each worker that listens, and needs some for its statements.
  const pool = database.openPool({
    applicationName: 'tidings queue',
    maxConnections: kinds + 4,
    options: `-c search_path=${DEFAULT_SCHEMA}`,
  })
  // Each queue and worker listens to the pool.
  pool.setMaxListeners(0)
  if (!(await isMigrated(pool))) await migrateQueue(database)
  // bullmq declares the part of pg that it uses by itself, slightly differently from pg's own types.
  const connection = pool as unknown as PgPool
  return {
    createQueue: (name) => new Queue(name, { connection }, createPostgresBackend),
    createWorker: (name, process, settings) =>
      new Worker(name, process, { connection, ...settings }, createPostgresBackend),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/** Whether BullMQ's tables are there and up to date. */
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

/** Creates or alters BullMQ's tables, which may take longer than other statements, also as another process may be doing it. */
async function migrateQueue(database: Database): Promise<void> {
  const pool = database.openPool({ applicationName: 'tidings queue', maxConnections: 1, statementMs: migrationMs })
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

/** Longest blocking read of a worker that waits for jobs, in seconds. */
const drainDelay = 2
/** A connection to Redis that does not answer for longer is replaced. Above {@link drainDelay}, the longest lawful silence. */
const redisSilenceMs = 4_000
const redisConnectMs = 3_000

function createRedisBacking(url: string): Backing {
  const connection: ConnectionOptions = {
    url,
    maxRetriesPerRequest: null,
    socketTimeout: redisSilenceMs,
    connectTimeout: redisConnectMs,
  }
  return {
    createQueue: (name) => new Queue(name, { connection: { ...connection, enableOfflineQueue: false } }),
    createWorker: (name, process, settings) => new Worker(name, process, { connection, drainDelay, ...settings }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
