import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../db/connect.ts'
import { isTidingsError, taskErrorCatalogue } from '../../errors.ts'
import type { Appender } from '../../log/append.ts'
import type { Logger } from '../../logger.ts'
import type { CompletionHooks } from '../model/completion-hooks.ts'
import {
  type Backoff,
  describeFailure,
  FinalError,
  isTransient,
  nextDelayMs,
  RetryableError,
} from '../model/failure.ts'
import { storableFailure, storableJson } from '../model/storable.ts'
import { type AttemptOutcome, countAttempts, type FailureState, maxLosses, type Task } from '../model/task.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import { type Estimates, estimateRemainingMs } from '../queue/estimate.ts'
import type { Claim } from './claim.ts'
import { createJournal, type Journal } from './journal.ts'

/** The reason to stop an attempt; the `reason` of its signal. */
export type StopReason = 'canceled' | 'lease lost' | 'shutdown'

/** The outcome of an attempt; for logs and metrics. */
export type AttemptResult = 'completed' | 'failed' | 'retrying' | 'handed on' | 'stopped'

/**
 * Delays between attempts that failed because the database was unreachable: short, as it has
 * usually recovered by then or will soon.
 */
const lossBackoff: Backoff = { initialDelayMs: 500, maxDelayMs: 4_000 }
/** Interval between tries to write the end of an attempt. */
const endAgainMs = 250

/** The dependencies of running attempts. */
interface RunnerOptions {
  readonly database: Database
  readonly appender: Appender
  readonly estimates: Estimates
  readonly completionHooks: CompletionHooks
  readonly logger: Logger
  readonly worker: string
  readonly leaseMs: number
  readonly coalesceMs: number
}

/**
 * Runs one attempt of a claimed task to its end: every report goes to the journal, and the end is
 * written whatever the outcome. Never throws.
 *
 * @param signal - aborted with a {@link StopReason}; the definition's generator receives a signal that
 *   also aborts when the attempt takes too long
 */
export async function runAttempt(
  options: RunnerOptions,
  definition: TaskDefinition,
  claim: Claim,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const { database, estimates, completionHooks, worker, leaseMs, coalesceMs, appender } = options
  const { task, attempt } = claim
  const logger = options.logger.child({ taskId: task.id, kind: task.kind, attempt })
  const start = { atMs: Date.now(), percent: claim.state.progress.percent }
  const { variant, size } = task
  let stageDurations: Readonly<Record<string, number>> | undefined
  /** The shares of the stages: measured as soon as durations are known, and unchanged from then on. */
  const stages = (): Readonly<Record<string, number>> | undefined => {
    const declaredStages = definition.stages
    if (declaredStages === undefined) return undefined
    const items = claim.state.progress.totalItems
    stageDurations ??= estimates.recall(task.kind)?.stages({ variant, size, items }, declaredStages)
    return stageDurations ?? declaredStages
  }
  const journal = createJournal({
    taskId: task.id,
    attempt,
    worker,
    seq: claim.seq,
    state: claim.state,
    stages,
    database,
    appender,
    leaseMs,
    coalesceMs,
    estimate(progress) {
      const expected = estimates.recall(task.kind)?.expect({ variant, size, items: progress.totalItems }) ?? null
      return estimateRemainingMs(progress, expected, Date.now(), start)
    },
  })
  const deadline = createDeadline(definition, signal)
  try {
    const input = readInput(definition, task)
    const reports = definition.run({
      taskId: task.id,
      owner: task.owner,
      input,
      attempt,
      items: [...claim.state.items.values()],
      signal: deadline.signal,
      database,
      appender,
      logger,
    })
    // An attempt stopped after its last report has still ended: the database decides whether that
    // counts.
    const result = storableJson(await drive(reports, journal, deadline.signal))
    const { commit } = await completionHooks.of(task, { status: 'COMPLETED', error: null, result })
    await journal.end({
      type: 'TaskCompleted',
      status: 'COMPLETED',
      payload: { result },
      set: { result },
      close: true,
      commit,
    })
    return 'completed'
  } catch (error) {
    return await conclude(error)
  } finally {
    deadline[Symbol.dispose]()
    await journal.close()
  }

  async function conclude(error: unknown): Promise<AttemptResult> {
    try {
      if (signal.aborted && signal.reason !== 'shutdown') return 'stopped'
      if (isTidingsError(error, 'LEASE_LOST', 'SHUTTING_DOWN')) return 'stopped'
      if (signal.aborted) {
        await endInTime(handOver(task))
        return 'handed on'
      }
      const failure = storableFailure(describeFailure(error, task.id))
      // Not a failure of the handler: a worker without its database is as good as lost.
      const outcome = failure.code === 'UNAVAILABLE' && !(error instanceof RetryableError) ? 'WORKER_LOST' : 'FAILED'
      const count = countAttempts(task, outcome) + 1
      if (failure.retryable && count < (outcome === 'FAILED' ? task.maxAttempts : maxLosses)) {
        const delayMs = nextDelayMs(
          outcome === 'FAILED' ? definition.backoff : lossBackoff,
          count,
          error instanceof RetryableError ? error.retryAfterMs : undefined,
        )
        await endInTime({
          type: 'TaskRetrying',
          status: 'RETRYING',
          outcome,
          payload: {
            error: failure,
            attempt: attempt + 1,
            nextAttemptAt: new Date(Date.now() + delayMs).toISOString(),
          },
          set: { error: { ...failure }, nextAttemptInMs: delayMs },
        })
        return 'retrying'
      }
      if (failure.code === 'INTERNAL') logger.error({ err: error }, 'failed to execute a task: unexpected error')
      await fail({ ...failure, retryable: false }, outcome)
      return 'failed'
    } catch (failure) {
      // The end could not be written: the lease expires and a sweeper decides.
      if (!isTidingsError(failure, 'LEASE_LOST'))
        logger.error({ err: failure, cause: error }, 'failed to write the end of an attempt')
      return 'stopped'
    }
  }

  /**
   * Writes the end, retrying while the database cannot accept it and this worker holds the lease: a
   * task that is left RUNNING waits for its lease to expire.
   */
  async function endInTime(ending: Parameters<Journal['end']>[0]): Promise<void> {
    for (;;) {
      try {
        return await journal.end(ending)
      } catch (reason) {
        const isOurs = !signal.aborted || signal.reason === ('shutdown' satisfies StopReason)
        if (!isOurs || !isTransient(reason) || isTidingsError(reason, 'LEASE_LOST', 'SHUTTING_DOWN')) throw reason
        options.logger.warn(
          { err: reason, taskId: task.id, attempt },
          'failed to write the end of an attempt; retrying',
        )
      }
      await delay(endAgainMs, undefined, { ref: false })
    }
  }

  async function fail(error: FailureState, outcome: AttemptOutcome): Promise<void> {
    const { commit, unsettled } = await completionHooks.of(task, { status: 'FAILED', error, result: null })
    const end = (withCommit: typeof commit): Promise<void> =>
      endInTime({
        type: 'TaskFailed',
        status: 'FAILED',
        outcome,
        payload: { error },
        set: { error: { ...error } },
        close: true,
        commit: withCommit,
      })
    try {
      await end(commit)
    } catch (reason) {
      if (commit === unsettled || isTidingsError(reason, 'LEASE_LOST') || isTransient(reason)) throw reason
      // The application's completion hook fails; that must not keep the task from ending for its
      // subscribers.
      logger.error({ err: reason }, 'failed to run the completion hook of a failed task; ending it without')
      await end(unsettled)
    }
  }
}

/** Returns the input of a task as its kind reads it. @throws FinalError when the kind has changed since the task was started */
function readInput({ kind, input: schema }: TaskDefinition, { input }: Task): unknown {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => [...path.map(String), message].join(': '))
  throw new FinalError('INVALID_INPUT', `The input does not fit the kind ${kind}: ${problems.join('; ')}`, {
    advice: taskErrorCatalogue.INVALID_INPUT.advice,
    cause: parsed.error,
  })
}

/** Creates the signal of an attempt: aborts with the signal, and with a retryable error when the attempt takes too long. */
function createDeadline(
  { kind, timeoutMs }: Pick<TaskDefinition, 'kind' | 'timeoutMs'>,
  signal: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  if (timeoutMs === undefined) return { signal, [Symbol.dispose]: () => undefined }
  const deadline = new AbortController()
  const error = new RetryableError('TIMEOUT', `The attempt took longer than ${timeoutMs} ms, the limit of ${kind}.`)
  const timer = setTimeout(() => deadline.abort(error), timeoutMs).unref()
  return { signal: AbortSignal.any([signal, deadline.signal]), [Symbol.dispose]: () => clearTimeout(timer) }
}

/**
 * Ends the attempt of a worker that shuts down: another attempt follows immediately, and neither a
 * failure nor a loss is counted.
 */
function handOver({ attempt }: Task): Parameters<Journal['end']>[0] {
  const error = {
    code: 'WORKER_SHUT_DOWN',
    message: 'The server that worked on this task was shut down.',
    retryable: true,
    advice: 'Nothing to do: the task is taken up again.',
  }
  return {
    type: 'TaskRetrying',
    status: 'RETRYING',
    outcome: 'HANDED_OVER',
    payload: { error, attempt: attempt + 1, nextAttemptAt: new Date().toISOString() },
    set: { error, nextAttemptInMs: 0 },
  }
}

/**
 * Consumes the generator's reports until it returns; when the signal aborts, the generator is asked
 * to return but not awaited.
 */
async function drive<R>(
  reports: AsyncGenerator<Parameters<Journal['report']>[0], R, void>,
  journal: Journal,
  signal: AbortSignal,
): Promise<R> {
  // Not a `Promise.race` against one promise that lives as long as the attempt: that would
  // accumulate a reaction for every report.
  let giveUp: (reason: unknown) => void = () => undefined
  const orAbort = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      giveUp = reject
      promise.then(resolve, reject)
    })
  const abort = (): void => giveUp(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await orAbort(reports.next())
      if (done === true) return value
      await orAbort(journal.report(value))
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // Runs the generator's own finally blocks once it reaches them.
    reports.return(undefined as R).catch(() => undefined)
  }
}
