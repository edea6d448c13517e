import { z } from 'zod'
import { createKeyedQueue } from '../../async/keyed-queue.ts'
import { withTimeout } from '../../async/timeout.ts'
import type { Bus } from '../../bus/bus.ts'
import { noTracing, type Tracing } from '../../tracing/tracing.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import type { Estimates } from '../queue/estimate.ts'
import { wakeNextOfOwner } from '../queue/owner-wake-ups.ts'
import type { QueuePositions } from '../queue/positions.ts'
import { findLimited } from '../queue/rate-limit.ts'
import { controlChannel, type TaskParts } from '../start/service.ts'
import { type Claim, claimNext } from './claim.ts'
import { createCommittedStarts } from './committed-starts.ts'
import { createLeases } from './lease.ts'
import { type AttemptResult, runAttempt } from './runner.ts'
import { createSweeper } from './sweeper.ts'
import { createTaskMetrics, type TaskMetrics } from './task-metrics.ts'

/** The task worker of a process: handles wake-ups, runs attempts, renews their leases, sweeps. */
export interface TaskWorker extends AsyncDisposable {
  /** The worker id in the leases of this process. */
  readonly id: string
  /** Number of running attempts. */
  readonly running: number
  /** Outcomes of attempts, expired leases reclaimed and wake-ups repeated, since the start. */
  readonly counters: Readonly<Record<AttemptResult | 'reclaimed' | 'repeatedWakeUps', number>>
  /** The maximum number of attempts of each kind that this process runs at once. */
  readonly slots: Readonly<Record<string, number>>
  readonly measures: TaskMetrics
  /**
   * Looks for expired leases and for waiting tasks now, as it does regularly: after the times in the database were changed. Does not
   * wait for the attempts that it starts.
   */
  lookForWork(): Promise<void>
  /**
   * Stops claiming tasks and immediately hands all running tasks over to other workers. Called by
   * dispose.
   *
   * A task gets no time to finish: its remaining time is unknown, and its subscribers would wait
   * first for it and then for its next attempt.
   */
  drain(): Promise<void>
}

/** Added to the wait for a rate limit, because the queue may measure time differently than the database: a wake-up that is early is lost. */
const limitMarginMs = 10

const controlMessage = z.object({ stop: z.string() })
/** Maximum time for an attempt to end after it was stopped, before it is abandoned. */
const stopTimeoutMs = 3_000

/** Starts the worker of this process. */
export async function startWorker(
  options: TaskParts & {
    readonly bus: Bus
    readonly queuePositions: QueuePositions
    readonly estimates: Estimates
    readonly leaseMs: number
    readonly coalesceMs: number
    readonly sweepMs: number
    readonly tracing?: Tracing
  },
): Promise<TaskWorker> {
  const {
    database,
    bus,
    wakeUps,
    queuePositions,
    estimates,
    definitions,
    logger,
    leaseMs,
    tracing = noTracing,
  } = options
  const id = `w_${crypto.randomUUID().slice(0, 13)}`
  const attemptParts = { ...options, worker: id }
  const outcomes: Record<AttemptResult, number> = { completed: 0, failed: 0, retrying: 0, 'handed on': 0, stopped: 0 }
  const underWay = new Set<Promise<boolean>>()
  /** Attempts in progress by kind, counted from before their claim. */
  const busy = new Map<string, number>()
  /** Resolvers of the wake-ups that wait for a free slot, by kind; at most its slots. */
  const heldWakeUps = new Map<string, (() => void)[]>()
  const inTurn = createKeyedQueue()
  const measures = createTaskMetrics()
  let isDraining = false

  // Excludes kinds that this process does not run.
  const definitionsToRun = [...definitions.values()].filter(({ concurrency }) => concurrency > 0)
  const slots = Object.fromEntries(definitionsToRun.map(({ kind, concurrency }) => [kind, concurrency]))
  const leases = createLeases({ database, logger, worker: id, leaseMs, slots })
  const control = bus.subscribe(controlChannel, (message) => {
    const parsed = controlMessage.safeParse(message)
    if (parsed.success) leases.stop(parsed.data.stop, 'canceled')
  })
  const sweeper = createSweeper({
    ...options,
    onReclaimed: ({ kind }) => queuePositions.moved(kind),
    onWaiting: (kind) => pickUp(kind),
  })
  const committedStarts = createCommittedStarts({
    ...options,
    pollMs: options.sweepMs,
    onStarted: (kind) => queuePositions.moved(kind),
  })

  /**
   * Runs an attempt in the trace in which the task was started, in whichever process, or in a new
   * trace.
   */
  const runTraced = ({ task, attempt, waitedMs }: Claim, run: () => Promise<AttemptResult>): Promise<AttemptResult> =>
    tracing.within(`attempt ${task.kind}`, { role: 'consumer', parent: task.trace }, async (facts) => {
      const outcome = await run()
      facts['tidings.task'] = task.id
      facts['tidings.attempt'] = attempt
      facts['tidings.outcome'] = outcome
      if (waitedMs !== null) facts['tidings.waited_ms'] = waitedMs
      if (outcome === 'failed' || outcome === 'retrying') facts['error.type'] = outcome
      return outcome
    })

  /** Runs the next attempt of a kind to its end. @returns false when there was none to claim */
  const runNext = async (definition: TaskDefinition): Promise<boolean> => {
    // One claim per kind at a time: of several that want the first task in the queue, all but one
    // would have to look again.
    const claim = await inTurn(definition.kind, () => claimNext(attemptParts, definition))
    await passWakeUpOn(definition, claim)
    if (claim === null) return false
    queuePositions.moved(definition.kind)
    const lease = leases.hold(claim.task.id, claim.attempt)
    if (isDraining) lease.stop('shutdown')
    // So that the first event already has an estimate.
    estimates.recall(definition.kind)
    if (claim.waitedMs !== null) measures.waited(definition.kind, claim.waitedMs)
    const startedAt = performance.now()
    measures.began(definition.kind)
    try {
      const outcome = await runTraced(claim, () => runAttempt(attemptParts, definition, claim, lease.signal))
      measures.ended(definition.kind, outcome, performance.now() - startedAt)
      outcomes[outcome]++
      // Work that the attempt started must not outlive it.
      if (outcome === 'stopped') lease.stop('lease lost')
      logger.debug({ taskId: claim.task.id, kind: definition.kind, attempt: claim.attempt, outcome }, 'ended attempt')
      if (outcome === 'retrying' || outcome === 'handed on') await wakeForRetry(claim.task.id)
      await wakeNextOfOwner(options, claim.task)
      queuePositions.moved(definition.kind)
      return true
    } finally {
      lease.release()
    }
  }

  /**
   * Sends the next wake-up of a kind with a rate limit. Those of its tasks have no effect while the limit is reached; so the claim that
   * finds it reached sends one for the time when a start is allowed, and a claim that succeeds sends one for the next task, to
   * whichever worker has a free slot.
   */
  const passWakeUpOn = async ({ kind, rateLimit }: TaskDefinition, claim: Claim | null): Promise<void> => {
    if (rateLimit === undefined) return
    if (claim !== null) {
      // Not awaited: the attempt begins.
      void wakeUps.add(kind, claim.task.id, claim.attempt, { after: 'claim' })
      return
    }
    const limited = await findLimited(database, kind, rateLimit)
    if (limited === null) return
    const { id: taskId, attempt, freeAt, waitMs } = limited
    await wakeUps.add(kind, taskId, attempt + 1, {
      delayMs: Math.ceil(waitMs) + limitMarginMs,
      after: `limit-${freeAt}`,
    })
  }

  const wakeForRetry = async (taskId: string): Promise<void> => {
    // By the database's clock, which decides whether the attempt is due.
    const { rows } = await database.pool.query<{ kind: string; attempt: number; delayMs: number }>(
      `select kind, attempt, greatest(0, ceil(extract(epoch from next_attempt_at - clock_timestamp()) * 1000))::int as "delayMs"
       from tidings.task where id = $1 and status = 'RETRYING'`,
      [taskId],
    )
    for (const { kind, attempt, delayMs } of rows) await wakeUps.add(kind, taskId, attempt + 1, { delayMs })
  }

  const isFull = ({ kind, concurrency }: TaskDefinition): boolean => (busy.get(kind) ?? 0) >= concurrency

  /** Returns a promise that resolves when an attempt of the kind ends, or with the drain. */
  const waitForSlot = (kind: string): Promise<void> =>
    new Promise((resolve) => {
      const resolvers = heldWakeUps.get(kind)
      if (resolvers === undefined) heldWakeUps.set(kind, [resolve])
      else resolvers.push(resolve)
    })

  /** Runs {@link runNext} within this process's limit for the kind. Never rejects. */
  const runCounted = async (definition: TaskDefinition): Promise<boolean> => {
    const { kind } = definition
    busy.set(kind, (busy.get(kind) ?? 0) + 1)
    const run = runNext(definition).catch((error: unknown) => {
      logger.error({ err: error, kind }, 'failed to claim a task or to pass its outcome on; leaving it to the sweeper')
      return false
    })
    underWay.add(run)
    const isClaimed = await run
    underWay.delete(run)
    busy.set(kind, (busy.get(kind) ?? 1) - 1)
    heldWakeUps.get(kind)?.shift()?.()
    return isClaimed
  }

  const answer = async (definition: TaskDefinition): Promise<boolean> => {
    // Attempts started without a wake-up may have filled this worker. The wake-up is held, so that
    // it stays in the queue until it is used, and this worker takes no more of them than it has slots.
    while (isFull(definition) && !isDraining) await waitForSlot(definition.kind)
    // Another worker handles it; one may also arrive while the queue pauses.
    if (isDraining) return false
    await runCounted(definition)
    return true
  }

  /**
   * Runs waiting tasks of a kind without a wake-up while a slot is free: wake-ups may not arrive, or
   * only after the queue has recovered.
   */
  const pickUp = (kind: string): void => {
    const definition = definitions.get(kind)
    if (definition === undefined || isDraining || isFull(definition)) return
    void runCounted(definition).then((isClaimed) => {
      if (isClaimed) pickUp(kind)
    })
  }
  await Promise.all(
    definitionsToRun.map((definition) =>
      wakeUps.answer(definition.kind, definition.concurrency, () => answer(definition)),
    ),
  )
  logger.debug({ worker: id, slots }, 'started worker')

  let draining: Promise<void> | undefined
  const drain = (): Promise<void> => {
    draining ??= (async () => {
      isDraining = true
      const pause = wakeUps.pause()
      leases.stopAll('shutdown')
      for (const resolve of [...heldWakeUps.values()].flat()) resolve()
      await pause
      if (!(await withTimeout(stopTimeoutMs, Promise.allSettled(underWay))))
        logger.warn({ running: underWay.size }, 'failed to stop some attempts; their leases will expire')
    })()
    return draining
  }

  return {
    id,
    get running() {
      return leases.size
    },
    get counters() {
      return { ...outcomes, ...sweeper.counters }
    },
    slots,
    measures,
    async lookForWork() {
      await sweeper.sweep()
      for (const { kind } of definitionsToRun) pickUp(kind)
    },
    drain,
    async [Symbol.asyncDispose]() {
      await drain()
      await committedStarts[Symbol.asyncDispose]()
      await sweeper[Symbol.asyncDispose]()
      // Not awaited: an unavailable bus confirms nothing, and the bus itself is being closed.
      control.close().catch((error: unknown) => logger.warn({ err: error }, 'failed to unsubscribe from the bus'))
      await leases[Symbol.asyncDispose]()
    },
  }
}
