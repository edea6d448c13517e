import { createSingleFlight } from '../../async/single-flight.ts'
import type { AppendRequest, AppendResult } from '../../log/append-request.ts'
import { appendWith } from '../model/append-with.ts'
import { isTransient } from '../model/failure.ts'
import type { Commit } from '../model/report.ts'
import { countAttempts, type FailureState, maxLosses, type Task, taskTopic } from '../model/task.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import { wakeNextOfOwner } from '../queue/owner-wake-ups.ts'
import type { TaskParts } from '../start/service.ts'

/** Recovers tasks from dead workers and lost wake-ups. */
interface Sweeper extends AsyncDisposable {
  /** Checks once, now, for both expired leases and forgotten tasks. */
  sweep(): Promise<void>
  /** Expired leases that were reclaimed, and wake-ups that were repeated, since the start. */
  readonly counters: { reclaimed: number; repeatedWakeUps: number }
}

/**
 * Creates the sweeper of a worker process. Several may sweep at once: every decision is a guarded
 * append, so one wins.
 *
 * @param options.sweepMs - interval of the checks for forgotten tasks; also the age at which a
 *   waiting task counts as forgotten
 * @param options.leaseMs - expired leases are checked for ten times within it, unless `sweepMs` is
 *   shorter
 * @param options.onReclaimed - called with each task that had an expired lease
 * @param options.onWaiting - called with the kind of each task that waits although possibly no
 *   wake-up is pending
 */
export function createSweeper(
  options: TaskParts & {
    readonly sweepMs: number
    readonly leaseMs: number
    readonly onReclaimed: (task: Task) => void
    readonly onWaiting: (kind: string) => void
  },
): Sweeper {
  const { database, store, appender, wakeUps, definitions, completionHooks, logger, sweepMs, leaseMs } = options
  const { onReclaimed, onWaiting } = options
  const counters = { reclaimed: 0, repeatedWakeUps: 0 }
  const kinds = [...definitions.keys()]
  const isLimited = ({ rateLimit }: TaskDefinition): boolean => rateLimit !== undefined
  const unlimited = [...definitions.values()].filter((definition) => !isLimited(definition))
  const limits = unlimited.map(({ perUser }) => perUser ?? null)

  const reclaimTask = async (task: Task): Promise<void> => {
    const guard = {
      id: task.id,
      expect: ['RUNNING'] as const,
      attempt: task.attempt,
      ...(task.worker === null ? {} : { worker: task.worker }),
    }
    const mayRetry = countAttempts(task, 'WORKER_LOST') + 1 < maxLosses
    const error: FailureState = {
      code: 'WORKER_LOST',
      message: 'The worker that ran this task stopped answering.',
      retryable: mayRetry,
      advice: mayRetry
        ? 'Nothing to do: the task is taken up again.'
        : 'Retry it; if it is lost again, it may be what brings the worker down.',
    }
    const attemptEnd = { outcome: 'WORKER_LOST' as const, error: { ...error } }
    logger.warn(
      { taskId: task.id, attempt: task.attempt, worker: task.worker, mayRetry },
      'reclaimed a task after its lease expired',
    )
    if (mayRetry) {
      const result = await appender.append({
        topic: taskTopic(task.id),
        events: [
          {
            type: 'TaskRetrying',
            payload: { status: 'RETRYING', error, attempt: task.attempt + 1, nextAttemptAt: new Date().toISOString() },
          },
        ],
        task: {
          ...guard,
          set: { status: 'RETRYING', error: { ...error }, attemptEnd, worker: null, nextAttemptInMs: 0 },
        },
      })
      if (!result.accepted) return
      counters.reclaimed++
      onReclaimed(task)
      onWaiting(task.kind)
      await wakeUps.add(task.kind, task.id, task.attempt + 1)
      return
    }
    const { commit: commitAll, unsettled } = await completionHooks.of(task, { status: 'FAILED', error, result: null })
    const request: AppendRequest = {
      topic: taskTopic(task.id),
      close: true,
      events: [{ type: 'TaskFailed', payload: { status: 'FAILED', error } }],
      task: { ...guard, set: { status: 'FAILED', error: { ...error }, attemptEnd, worker: null } },
    }
    const fail = (commit: Commit | undefined): Promise<AppendResult> =>
      appendWith({ database, appender }, request, commit).catch((reason: unknown) => {
        if (commit === unsettled || isTransient(reason)) throw reason
        // The application's completion hook fails; that must not keep the task from ending for its
        // subscribers.
        logger.error(
          { err: reason, taskId: task.id },
          'failed to run the completion hook of a lost task; ending it without',
        )
        return fail(unsettled)
      })
    const result = await fail(commitAll)
    // Another sweeper was first, or the task ended otherwise.
    if (!result.accepted) return
    counters.reclaimed++
    onReclaimed(task)
    await wakeNextOfOwner(options, task)
  }

  const takeBackLost = async (): Promise<void> => {
    const lostTasks = await database.pool.query<{ id: string }>(
      `select id from tidings.task where status = 'RUNNING' and kind = any($1::text[]) and lease_until < now() order by id limit 100`,
      [kinds],
    )
    const tasks = await store.getMany(lostTasks.rows.map(({ id }) => id))
    // Concurrently: an unresponsive queue must not delay the other tasks.
    await Promise.all(
      tasks.map(async (task) => {
        if (task?.status !== 'RUNNING') return
        await reclaimTask(task).catch((error: unknown) =>
          logger.error({ err: error, taskId: task.id }, 'failed to reclaim a lost task'),
        )
      }),
    )
  }

  const ringForForgotten = async (): Promise<void> => {
    // Workers that were killed did not delete their row.
    await database.pool.query(`delete from tidings.worker where seen_at < now() - interval '1 hour'`)
    // Tasks that may not run now get no wake-up: as the first fifty in the queue they could keep
    // all others from getting one.
    const expired = await database.pool.query<{ id: string; kind: string; attempt: number }>(
      `with busy as materialized (
         select r.kind, r.owner from tidings.task r join unnest($1::text[], $3::int[]) as l(kind, per_user) on l.kind = r.kind
         where r.status = 'RUNNING' group by r.kind, r.owner, l.per_user having count(*) >= l.per_user
       )
       (select id, kind, attempt from tidings.task where status = 'RETRYING' and kind = any($1::text[])
          and next_attempt_at < now() - $2 * interval '1 ms' and (kind, owner) not in (select kind, owner from busy)
          order by next_attempt_at limit 50)
       union all
       (select id, kind, attempt from tidings.task where status = 'QUEUED' and kind = any($1::text[])
          and created_at < now() - $2 * interval '1 ms' and (kind, owner) not in (select kind, owner from busy)
          order by queue_key, id limit 50)`,
      [unlimited.map(({ kind }) => kind), sweepMs, limits],
    )
    // Of kinds with a rate limit, many may wait for longer: the worker looks for those that may start.
    for (const definition of definitions.values()) if (isLimited(definition)) onWaiting(definition.kind)
    counters.repeatedWakeUps += expired.rows.length
    for (const { kind } of expired.rows) onWaiting(kind)
    // A pending wake-up has the same job id and is not added again.
    await Promise.all(expired.rows.map(({ id, kind, attempt }) => wakeUps.add(kind, id, attempt + 1)))
  }

  const retryLater = (error: unknown): void => logger.warn({ err: error }, 'failed to sweep; retrying')
  const takeBackOnce = createSingleFlight(() => takeBackLost().catch(retryLater))
  const ringOnce = createSingleFlight(() => ringForForgotten().catch(retryLater))
  const timers = [
    setInterval(() => void takeBackOnce(), Math.min(sweepMs, leaseMs / 10)).unref(),
    setInterval(() => void ringOnce(), sweepMs).unref(),
  ]

  return {
    counters,
    async sweep() {
      await takeBackOnce()
      await ringOnce()
    },
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all([takeBackOnce.pending(), ringOnce.pending()])
    },
  }
}
