import {
  type ConnectionOptions,
  createPostgresBackend,
  DEFAULT_SCHEMA,
  type PgPool,
  Queue,
  runMigrations,
  Worker,
} from 'bullmq'
import pg from 'pg'
import type { Config } from '../config.ts'
import type { Database } from '../db/connect.ts'
import type { Logger } from '../logger.ts'

/**
 * The doorbell: wakes a worker that has a free hand for a kind of task. It may ring twice or never; who answers asks the
 * record what there is to do, and the sweeper rings again for tasks that nobody was rung for.
 */
export interface Doorbell extends AsyncDisposable {
  /** Rings for a task that waits for its attempt. The same task and attempt ring once at a time. Never throws. */
  ring(kind: string, taskId: string, attempt: number, delayMs?: number): Promise<void>
  /** Answers for a kind, at most `concurrency` at once. */
  answer(kind: string, concurrency: number, handler: () => Promise<void>): Promise<void>
  /** No further answers begin; those under way go on. */
  pause(): Promise<void>
}

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
interface WorkerLike {
  on(event: 'error', listener: (error: Error) => void): unknown
  waitUntilReady(): Promise<unknown>
  pause(doNotWaitActive: boolean): Promise<void>
  close(): Promise<void>
}

/** What {@link createDoorbell} is built over: BullMQ on Postgres or on Redis. */
interface Backing extends AsyncDisposable {
  createQueue(name: string): QueueLike
  createWorker(name: string, concurrency: number, process: () => Promise<void>): WorkerLike
}

/**
 * Creates the doorbell on BullMQ, which other languages can ring and answer with BullMQ's own clients: the queue of a kind
 * is `tidings-<kind>`, a job's data `{ taskId }`.
 *
 * @param options.kinds - how many kinds this process answers for; each holds one connection that listens
 */
export async function createDoorbell(options: {
  readonly config: Pick<Config, 'QUEUE_BACKEND' | 'REDIS_URL'>
  readonly database: Database
  readonly logger: Logger
  readonly kinds: number
}): Promise<Doorbell> {
  const { config, database, logger, kinds } = options
  const url = config.REDIS_URL?.[0]
  const backing =
    config.QUEUE_BACKEND === 'redis' && url !== undefined
      ? createRedisBacking(url)
      : await createPostgresBacking(database, kinds)
  const queues = new Map<string, QueueLike>()
  const workers: WorkerLike[] = []
  let isClosing = false

  const queueOf = (kind: string): QueueLike => {
    const existing = queues.get(kind)
    if (existing !== undefined) return existing
    const queue = backing.createQueue(queueName(kind))
    queue.on('error', (error) => logger.warn({ err: error, kind }, 'the doorbell reports an error'))
    queues.set(kind, queue)
    return queue
  }

  return {
    async ring(kind, taskId, attempt, delayMs = 0) {
      if (isClosing) return
      try {
        await queueOf(kind).add(
          'ring',
          { taskId },
          { jobId: `${taskId}-${attempt}`, delay: delayMs, removeOnComplete: true, removeOnFail: true },
        )
      } catch (error) {
        // Nobody hears it now; the sweeper rings again.
        logger.warn({ err: error, taskId, kind }, 'the doorbell could not be rung')
      }
    },
    async answer(kind, concurrency, handler) {
      const worker = backing.createWorker(queueName(kind), concurrency, handler)
      worker.on('error', (error) => logger.warn({ err: error, kind }, 'the doorbell reports an error'))
      workers.push(worker)
      await worker.waitUntilReady()
    },
    async pause() {
      await Promise.all(workers.map((worker) => worker.pause(true)))
    },
    async [Symbol.asyncDispose]() {
      if (isClosing) return
      isClosing = true
      const closing = [...workers, ...queues.values()].map((one) => one.close())
      const outcomes = await Promise.allSettled(closing)
      for (const outcome of outcomes)
        if (outcome.status === 'rejected')
          logger.warn({ err: outcome.reason as unknown }, 'the doorbell did not close cleanly')
      await backing[Symbol.asyncDispose]()
    },
  }
}

async function createPostgresBacking(database: Database, kinds: number): Promise<Backing> {
  const client = await database.pool.connect()
  try {
    await runMigrations(client, DEFAULT_SCHEMA)
  } finally {
    client.release()
  }
  // BullMQ checks a connection out of the pool for each worker that listens, and needs some for its statements.
  const pool = new pg.Pool({
    ...database.pool.options,
    max: kinds + 4,
    application_name: 'tidings queue',
    options: `-c search_path=${DEFAULT_SCHEMA}`,
  })
  pool.on('error', () => undefined)
  // bullmq declares the part of pg that it uses by itself, slightly differently from pg's own types.
  const connection = pool as unknown as PgPool
  return {
    createQueue: (name) => new Queue(name, { connection }, createPostgresBackend),
    createWorker: (name, concurrency, process) =>
      new Worker(name, process, { connection, concurrency }, createPostgresBackend),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

function createRedisBacking(url: string): Backing {
  const connection: ConnectionOptions = { url, maxRetriesPerRequest: null }
  return {
    createQueue: (name) => new Queue(name, { connection: { ...connection, enableOfflineQueue: false } }),
    createWorker: (name, concurrency, process) => new Worker(name, process, { connection, concurrency }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
