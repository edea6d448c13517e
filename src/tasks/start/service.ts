import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import { createKeyedQueue } from '../../async/keyed-queue.ts'
import { afterCommit, type Database, withTransaction } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import type { Appender } from '../../log/append.ts'
import { appendInTransaction } from '../../log/append-in-transaction.ts'
import { type LogEvent, toInstant } from '../../log/event.ts'
import type { Logger } from '../../logger.ts'
import { noTracing, type Tracing } from '../../tracing/tracing.ts'
import type { CompletionHooks } from '../model/completion-hooks.ts'
import { itemPageSize } from '../model/item-table.ts'
import { checkItemCount } from '../model/progress.ts'
import { getTask, type TaskStore } from '../model/store.ts'
import { emptyProgress, type Task, type TaskItem, taskTopic } from '../model/task.ts'
import type { Beginning, TaskDefinition } from '../model/task-definition.ts'
import type { QueuePositions } from '../queue/positions.ts'
import { priorityMs } from '../queue/priority-boost.ts'
import type { WakeUps } from '../queue/wake-ups.ts'
import { createCancel } from './cancel.ts'
import { checkStartRequest } from './check-request.ts'
import { deleteTasks, eraseTasks } from './erase.ts'
import { checkIdempotencyKey, digestOf, findTaskOfKey } from './idempotency-key.ts'
import { queueTask } from './queue-task.ts'
import { checkStartRate, lockStarts } from './start-rate.ts'
import type { StartRequest } from './start-request.ts'

/** Starts and ends tasks on behalf of users. */
export interface TaskService {
  /**
   * Queues a task.
   * @returns the task and whether it is new; it is not new when the idempotency key was known
   * @throws TidingsError `RATE_LIMITED` (details `retryAfterMs`), `IDEMPOTENCY_KEY_REUSED`,
   *   `BAD_INPUT`, and any error of the kind's `begin`
   */
  start(request: StartRequest): Promise<{ readonly task: Task; readonly isNew: boolean }>
  /**
   * Ends a task that is not final; it is canceled for all subscribers immediately, and the worker
   * that runs it is notified to stop. Canceling a canceled task succeeds.
   * @throws TidingsError `NOT_FOUND`, or `CONFLICT` when it has completed or failed
   */
  cancel(id: string, reason?: string): Promise<Task>
  /**
   * Deletes the stored data of tasks about a deleted subject, and cancels active ones; see
   * {@link eraseTasks}.
   * @returns the ids of the canceled tasks
   */
  erase(ids: readonly string[], reason: string): Promise<readonly string[]>
  /**
   * Permanently deletes tasks, after canceling those that are not final; see {@link deleteTasks}.
   * @returns the ids of the canceled tasks
   */
  delete(ids: readonly string[], reason: string): Promise<readonly string[]>
  /**
   * Retries a failed or canceled task as a new task.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT` and the errors of `start`
   */
  retry(
    id: string,
    options: { readonly idempotencyKey?: string | undefined; readonly headStartMs?: number },
  ): Promise<{ readonly task: Task; readonly isNew: boolean }>
}

/**
 * The channel on which workers are notified to stop a task: `{ stop: taskId }`. A hint; the
 * heartbeat notices as well.
 */
export const controlChannel = 'tasks:control'

/** The parts of an engine that start, run and recover tasks. */
export interface TaskParts {
  readonly database: Database
  readonly store: TaskStore
  readonly appender: Appender
  readonly wakeUps: WakeUps
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly completionHooks: CompletionHooks
  readonly logger: Logger
}

/** Creates the service. */
export function createTaskService(
  options: TaskParts & {
    readonly queuePositions: QueuePositions
    readonly notifyWorkers: (taskId: string) => void
    readonly maxStartsPerMinute: number
    readonly idempotencyHours: number
    readonly tracing?: Tracing
  },
): TaskService {
  const {
    database,
    store,
    appender,
    wakeUps,
    queuePositions,
    definitions,
    maxStartsPerMinute,
    idempotencyHours,
    tracing = noTracing,
  } = options
  const inTurn = createKeyedQueue()

  const insert = async (
    client: PoolClient,
    request: StartRequest,
    beginning: Beginning,
    attempts: number,
    id: string,
    headStartMs: number,
  ): Promise<void> => {
    const { kind, input, owner, idempotencyKey, retryOf } = request
    const { items = [], subject, size, variant } = beginning
    checkItemCount(0, items.length)
    const queued = await queueTask(client, database.schema, {
      id,
      kind,
      input,
      owner,
      idempotencyKey,
      digest: digestOf(request),
      keptHours: idempotencyHours,
      maxAttempts: attempts,
      retryOf,
      subject,
      size,
      variant,
      totalItems: items.length,
      headStartMs,
      trace: tracing.current(),
    })
    // The key was looked up under its lock.
    if (queued.outcome !== 'NEW') throw new Error(`The start of ${id} was answered with ${queued.outcome}`)
    const topic = taskTopic(id)
    const event: LogEvent = {
      topic,
      seq: 1,
      type: 'TaskQueued',
      at: toInstant(new Date(queued.at)),
      payload: { status: 'QUEUED', progress: emptyProgress },
    }
    afterCommit(client, () => appender.publish([event], queued.epoch))
    const parts = items.map(
      ({ key, label }, position): TaskItem => ({ key, label, position, status: 'PENDING', percent: 0, error: null }),
    )
    // Items known before the start are events too, so that subscribers that replay the history
    // receive them.
    for (let from = 0; from < parts.length; from += itemPageSize) {
      const page = parts.slice(from, from + itemPageSize)
      const payload = {
        status: 'QUEUED',
        progress: { ...emptyProgress, totalItems: from + page.length },
        items: page,
      }
      await appendInTransaction(appender, client, {
        topic,
        events: [{ type: 'TaskItemsAdded', payload }],
        task: { id, expect: ['QUEUED'], items: page },
      })
    }
  }

  const startInTransaction = (
    request: StartRequest,
    definition: TaskDefinition,
    input: unknown,
  ): Promise<{ readonly known: string } | { readonly id: string }> =>
    withTransaction(database, async (client) => {
      const { owner, retriedSubject = null } = request
      await lockStarts(client, request)
      const existingId = await findTaskOfKey(client, request, idempotencyHours)
      if (existingId !== null) return { known: existingId }
      await checkStartRate(client, owner, maxStartsPerMinute)
      const id = typeid('task').toString()
      // The application's rows are locked before the engine's, here as in every other transaction.
      const beginning = (await definition.begin?.(client, input, { taskId: id, owner, retriedSubject })) ?? {}
      const headStartMs = (request.headStartMs ?? 0) + priorityMs(definition, input)
      await insert(client, request, beginning, definition.attempts, id, headStartMs)
      return { id }
    })

  const start: TaskService['start'] = (request) =>
    tracing.within(`enqueue ${request.kind}`, { role: 'producer' }, async (facts) => {
      const started = await startOne(request)
      facts['tidings.task'] = started.task.id
      facts['tidings.new'] = started.isNew
      return started
    })

  const startOne: TaskService['start'] = async (request) => {
    const definition = definitions.get(request.kind)
    if (definition === undefined) throw new TidingsError('BAD_INPUT', `There is no kind of task "${request.kind}"`)
    const input = checkStartRequest(definition, request)
    const existingId = await findTaskOfKey(database.pool, request, idempotencyHours)
    if (existingId !== null) return { task: await getTask(store, existingId), isNew: false }
    // One start per owner at a time in this process, so that starts waiting for each other take one
    // connection and not the whole pool.
    const start = await inTurn(request.owner, () => startInTransaction(request, definition, input))
    if ('known' in start) return { task: await getTask(store, start.known), isNew: false }
    const { id } = start
    queuePositions.moved(request.kind)
    await wakeUps.add(request.kind, id, 1)
    return { task: await getTask(store, id), isNew: true }
  }

  const cancel = createCancel(options)

  return {
    start,
    cancel,
    erase: (ids, reason) => eraseTasks({ database, cancel }, ids, reason),
    delete: (ids, reason) => deleteTasks({ database, cancel }, ids, reason),
    async retry(id, { idempotencyKey, headStartMs }) {
      const task = await getTask(store, id)
      const request = {
        kind: task.kind,
        input: task.input,
        owner: task.owner,
        idempotencyKey,
        ...(headStartMs === undefined ? {} : { headStartMs }),
        retryOf: id,
        retriedSubject: task.subject,
      }
      // Checked before the task's state: a key that was used for another request is rejected as
      // such, whatever the state of this task.
      checkIdempotencyKey(idempotencyKey)
      await findTaskOfKey(database.pool, request, idempotencyHours)
      if (task.status !== 'FAILED' && task.status !== 'CANCELED')
        throw new TidingsError(
          'CONFLICT',
          `Task "${id}" is ${task.status.toLowerCase()}; only a failed or canceled one can be retried`,
          { taskId: id },
        )
      return start(request)
    },
  }
}
