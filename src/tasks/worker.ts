import { z } from 'zod'
import type { Database } from '../db/connect.ts'
import type { Appender } from '../log/append.ts'
import type { Bus } from '../log/bus.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from '../tracing.ts'
import { type Claim, claimNext } from './claim.ts'
import type { TaskDefinition } from './define-task.ts'
import type { Estimates } from './estimate.ts'
import { createLeases } from './lease.ts'
import { createTaskMeasures, type TaskMeasures } from './measures.ts'
import type { Places } from './place.ts'
import type { Doorbell } from './queue.ts'
import { type Outcome, runAttempt } from './runner.ts'
import { controlChannel } from './service.ts'
import type { Closings } from './settle.ts'
import type { TaskStore } from './store.ts'
import { createSweeper } from './sweeper.ts'
import type { Task } from './task.ts'
import { createTurns } from './turns.ts'

/** A process's share of the work: answers the doorbell, runs attempts, keeps their leases, sweeps. */
export interface TaskWorker extends AsyncDisposable {
  /** The id that leases of this process carry. */
  readonly id: string
  /** Attempts under way. */
  readonly running: number
  /** How attempts ended, leases taken back and rings repeated, since the start. */
  readonly counters: Readonly<Record<Outcome | 'takenBack' | 'rungAgain', number>>
  /** How many attempts of each kind this process runs at once, at most. */
  readonly slots: Readonly<Record<string, number>>
  readonly measures: TaskMeasures
  /**
   * Takes nothing new and hands all running tasks over to other workers, at once. Called by dispose.
   *
   * A task is not given time to finish: nobody knows how much it needs, and those who watch would wait for it first and for its
   * next attempt afterwards.
   */
  drain(): Promise<void>
}

const controlMessage = z.object({ stop: z.string() })
/** How long an attempt that was told to stop may take to let go before it is left behind. */
const letGoMs = 3_000

/** Starts the worker of this process. */
export async function startWorker(options: {
  readonly database: Database
  readonly store: TaskStore
  readonly appender: Appender
  readonly bus: Bus
  readonly doorbell: Doorbell
  readonly places: Places
  readonly estimates: Estimates
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly closings: Closings
  readonly logger: Logger
  readonly leaseMs: number
  readonly coalesceMs: number
  readonly sweepMs: number
  readonly tracing?: Tracing
}): Promise<TaskWorker> {
  const {
    database,
    store,
    appender,
    bus,
    doorbell,
    places,
    estimates,
    definitions,
    closings,
    logger,
    leaseMs,
    coalesceMs,
    sweepMs,
    tracing = noTracing,
  } = options
  const id = `w_${crypto.randomUUID().slice(0, 13)}`
  const outcomes: Record<Outcome, number> = { completed: 0, failed: 0, retrying: 0, 'handed on': 0, stopped: 0 }
  const underWay = new Set<Promise<boolean>>()
  /** Attempts under way by kind, from before their claim. */
  const busy = new Map<string, number>()
  const inTurn = createTurns()
  const measures = createTaskMeasures()
  let isDraining = false

  // A kind that this process leaves to others is not among them.
  const answered = [...definitions.values()].filter(({ concurrency }) => concurrency > 0)
  const slots = Object.fromEntries(answered.map(({ kind, concurrency }) => [kind, concurrency]))
  const leases = createLeases({ database, logger, worker: id, leaseMs, slots })
  const control = bus.subscribe(controlChannel, (message) => {
    const parsed = controlMessage.safeParse(message)
    if (parsed.success) leases.stop(parsed.data.stop, 'canceled')
  })
  const sweeper = createSweeper({
    database,
    store,
    appender,
    doorbell,
    definitions,
    closings,
    logger,
    sweepMs,
    leaseMs,
    onTakenBack: ({ kind }) => places.moved(kind),
    onWaiting: (kind) => pickUp(kind),
  })

  /** In the trace that the task was started in, whichever process that was, or in one of its own. */
  const traced = ({ task, attempt, waitedMs }: Claim, run: () => Promise<Outcome>): Promise<Outcome> =>
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
    // One claim of a kind at a time: of several that want the first in line, all but one would have to look again.
    const claim = await inTurn(definition.kind, () =>
      claimNext({ database, store, appender, worker: id, leaseMs }, definition),
    )
    if (claim === null) return false
    places.moved(definition.kind)
    const lease = leases.hold(claim.task.id, claim.attempt)
    if (isDraining) lease.stop('shutdown')
    // So that the first event already has an estimate.
    estimates.recall(definition.kind)
    if (claim.waitedMs !== null) measures.waited(definition.kind, claim.waitedMs)
    const startedAt = performance.now()
    measures.began(definition.kind)
    try {
      const outcome = await traced(claim, () =>
        runAttempt(
          { database, appender, estimates, closings, logger, worker: id, leaseMs, coalesceMs },
          definition,
          claim,
          lease.signal,
        ),
      )
      measures.ended(definition.kind, outcome, performance.now() - startedAt)
      outcomes[outcome]++
      // What the attempt has set going must not outlive it.
      if (outcome === 'stopped') lease.stop('lease lost')
      logger.debug({ taskId: claim.task.id, kind: definition.kind, attempt: claim.attempt, outcome }, 'ended attempt')
      if (outcome === 'retrying' || outcome === 'handed on') await ringForRetry(claim.task.id)
      if (typeof definition.perUser === 'number') await ringForOwner(claim.task)
      places.moved(definition.kind)
      return true
    } finally {
      lease.release()
    }
  }

  const ringForRetry = async (taskId: string): Promise<void> => {
    // By the database's clock, which decides whether the attempt is due.
    const { rows } = await database.pool.query<{ kind: string; attempt: number; delayMs: number }>(
      `select kind, attempt, greatest(0, ceil(extract(epoch from next_attempt_at - clock_timestamp()) * 1000))::int as "delayMs"
       from task where id = $1 and status = 'RETRYING'`,
      [taskId],
    )
    for (const { kind, attempt, delayMs } of rows) await doorbell.ring(kind, taskId, attempt + 1, delayMs)
  }

  /** Its ring may have been answered in vain while the owner had as many running as allowed: one more may run now. */
  const ringForOwner = async ({ kind, owner }: Task): Promise<void> => {
    const { rows } = await database.pool.query<{ id: string; attempt: number }>(
      `select id, attempt from task
       where kind = $1 and owner = $2 and (status = 'QUEUED' or (status = 'RETRYING' and next_attempt_at <= now()))
       order by status = 'QUEUED', queue_key, id limit 1`,
      [kind, owner],
    )
    for (const next of rows) await doorbell.ring(kind, next.id, next.attempt + 1)
  }

  const isFull = ({ kind, concurrency }: TaskDefinition): boolean => (busy.get(kind) ?? 0) >= concurrency

  /** {@link runNext} within this process's share of the kind. Never rejects. */
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
    return isClaimed
  }

  const answer = async (definition: TaskDefinition): Promise<boolean> => {
    // A ring may still arrive while the doorbell pauses: somebody else answers it.
    if (isDraining) return false
    // Attempts that no ring began may have filled this worker. What waits is then picked up by whoever looks for it first.
    if (!isFull(definition)) await runCounted(definition)
    return true
  }

  /** Works on what waits of a kind without being rung for: the doorbell may be deaf, or as late as its own recovery. */
  const pickUp = (kind: string): void => {
    const definition = definitions.get(kind)
    if (definition === undefined || isDraining || isFull(definition)) return
    void (async () => {
      while ((await runCounted(definition)) && !isDraining && !isFull(definition));
    })()
  }
  await Promise.all(
    answered.map((definition) => doorbell.answer(definition.kind, definition.concurrency, () => answer(definition))),
  )
  logger.debug({ worker: id, slots }, 'started worker')

  const settled = async (ms: number): Promise<boolean> => {
    const all = Promise.allSettled(underWay).then(() => true)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms)
    })
    const isSettled = await Promise.race([all, late])
    clearTimeout(timer)
    return isSettled
  }

  let draining: Promise<void> | undefined
  const drain = (): Promise<void> => {
    draining ??= (async () => {
      isDraining = true
      const paused = doorbell.pause()
      leases.stopAll('shutdown')
      await paused
      if (!(await settled(letGoMs)))
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
    drain,
    async [Symbol.asyncDispose]() {
      await drain()
      await sweeper[Symbol.asyncDispose]()
      // Not waited for: a bus that is away confirms nothing, and it is closed itself.
      control.close().catch((error: unknown) => logger.warn({ err: error }, 'failed to unsubscribe from the bus'))
      await leases[Symbol.asyncDispose]()
    },
  }
}
