import type pg from 'pg'
import type { Database } from '../db/connect.ts'
import { classifyDatabaseError } from '../db/failure.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from '../tracing.ts'
import { appendConnectionOptions, recallAppend, runAppend } from './append-statement.ts'
import type { Appended, AppendUnit } from './append-unit.ts'
import type { LogEvent } from './event.ts'
import { classifyFailure, toAppendError } from './failure.ts'
import { traceAppend } from './trace.ts'

/** The only way into the log. */
export interface Appender extends AsyncDisposable {
  /**
   * Appends one unit; many under way at once share a round trip (group commit). Units of one topic keep their order.
   * @throws TidingsError `UNAVAILABLE` when the database did not answer and the unit may or may not have been written;
   * `BAD_INPUT` when it holds text that the database cannot, such as U+0000
   */
  append(unit: AppendUnit): Promise<Appended>
  /** Appends within the caller's transaction. The caller publishes with {@link publish} after its commit. */
  appendIn(client: pg.PoolClient, unit: AppendUnit): Promise<Appended>
  /** The same for many units, no two of them of one topic or task, in one statement. */
  appendManyIn(client: pg.PoolClient, units: readonly AppendUnit[]): Promise<readonly Appended[]>
  /** Hands accepted events to the bus; never throws. */
  publish(events: readonly LogEvent[]): void
  /** What went through, since the start, and what waits now. */
  readonly counters: AppendCounters
  /** The connections that appends are made on. */
  readonly pool: Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'> & {
    readonly options: { readonly max: number }
  }
}

/** What an appender has done. */
export interface AppendCounters {
  /** Events that were committed, by way of a transaction of somebody else as well. */
  events: number
  /** Units that the guard refused. */
  refused: number
  /** Units that had to be repeated, as the database was away. */
  repeated: number
  /** Statements, each of one or more units. */
  statements: number
  /** Time that the statements took, all together. */
  statementMs: number
  /** Units that wait for a statement. */
  readonly waiting: number
}

const repeatDelayMs = 100
const smallGroup = 25

/**
 * Creates the way into the log.
 *
 * @param options.maxGroup - most units in one statement; default 100, beyond which nothing is gained
 * @param options.connections - statements under way at once; default 2
 * @param options.retryMs - how long a unit is repeated while the database is away; one without `base` only as long as it
 * certainly was not written; default 8,000
 * @param options.publish - called with the accepted events after their commit, in the order of the topic
 */
export function createAppender(options: {
  readonly database: Database
  readonly publish: (topic: string, events: readonly LogEvent[]) => void
  readonly logger: Logger
  readonly maxGroup?: number
  readonly connections?: number
  readonly retryMs?: number
  readonly tracing?: Tracing
}): Appender {
  const { database, logger, maxGroup = 100, connections = 2, retryMs = 8_000, tracing = noTracing } = options
  const pool = database.openPool({
    applicationName: 'tidings append',
    maxConnections: connections,
    options: appendConnectionOptions,
  })

  interface Waiting {
    readonly unit: AppendUnit
    readonly since: number
    readonly resolve: (appended: Appended) => void
    readonly reject: (error: unknown) => void
    /** A connection broke while it was on its way. */
    mayBeWritten: boolean
  }
  let waiting: Waiting[] = []
  /** Topics and tasks of the statements under way. */
  const busy = new Set<string>()
  let underWay = 0
  const idle = Promise.withResolvers<void>()
  let isClosing = false

  const counters = {
    events: 0,
    refused: 0,
    repeated: 0,
    statements: 0,
    statementMs: 0,
    get waiting() {
      return waiting.length
    },
  }

  const publish = (events: readonly LogEvent[]): void => {
    const topic = events[0]?.topic
    if (topic === undefined) return
    // Whoever appends in a transaction of its own comes here after the commit: the one place where all pass.
    counters.events += events.length
    try {
      options.publish(topic, events)
    } catch (error) {
      // The bus is a hint; the log has the events and the feeds will find them.
      logger.warn({ err: error, topic }, 'failed to publish events')
    }
  }

  // A topic is in one group at a time, once, and so is a task: what is left keeps its order and goes with the next.
  const takeGroup = (): Waiting[] => {
    // Shared among the connections that are free, unless that would make groups too small to be worth it.
    const size = Math.min(maxGroup, Math.max(smallGroup, Math.ceil(waiting.length / (connections - underWay))))
    const group: Waiting[] = []
    const rest: Waiting[] = []
    const passed = new Set<string>()
    let looked = 0
    for (const entry of waiting) {
      if (group.length === size) break
      looked++
      const keys = keysOf(entry.unit)
      if (keys.some((key) => busy.has(key) || passed.has(key))) {
        rest.push(entry)
        for (const key of keys) passed.add(key)
      } else {
        group.push(entry)
        for (const key of keys) busy.add(key)
      }
    }
    waiting = rest.concat(waiting.slice(looked))
    return group
  }

  const accept = (entry: Waiting, appended: Appended): void => {
    if (appended.accepted) publish(appended.events)
    else counters.refused++
    entry.resolve(appended)
  }

  /** Writes what it can and settles it; returns what is to be tried again. */
  const write = async (entries: readonly Waiting[]): Promise<readonly Waiting[]> => {
    let client: pg.PoolClient | undefined
    let failure: unknown
    const open = new Set(entries)
    try {
      client = await pool.connect()
      const startedAt = performance.now()
      counters.statements++
      const outcomes = await runAppend(
        client,
        entries.map((entry) => entry.unit),
        { isPrepared: true },
      )
      counters.statementMs += performance.now() - startedAt
      for (const [index, entry] of entries.entries()) {
        const outcome = outcomes[index]
        if (outcome === undefined || (!outcome.accepted && entry.mayBeWritten)) continue
        open.delete(entry)
        accept(entry, outcome)
      }
      for (const entry of open) {
        const outcome = (await recallAppend(client, entry.unit)) ?? outcomes[entries.indexOf(entry)]
        if (outcome === undefined) continue
        open.delete(entry)
        accept(entry, outcome)
      }
      return []
    } catch (error) {
      failure = error
    } finally {
      client?.release(classifyDatabaseError(failure)?.isConnectionLost === true)
    }
    const kind = classifyFailure(failure, client !== undefined)
    const left = [...open]
    if (kind !== 'refused')
      logger.warn(
        { cause: classifyDatabaseError(failure)?.cause, err: failure, count: left.length },
        'failed to append events',
      )
    if ((kind === 'refused' || kind === 'blocked') && left.length > 1) {
      // One bad unit must not fail its neighbours, and one blocked topic not hold them up: halved until it is alone.
      const middle = Math.ceil(left.length / 2)
      return [...(await write(left.slice(0, middle))), ...(await write(left.slice(middle)))]
    }
    return left.filter((entry) => {
      const canRepeat = kind === 'undone' || kind === 'blocked' || (kind === 'unknown' && entry.unit.base !== undefined)
      if (canRepeat && !isClosing && Date.now() - entry.since < retryMs) {
        entry.mayBeWritten ||= kind === 'unknown'
        return true
      }
      entry.reject(toAppendError(entry.unit.topic, failure))
      return false
    })
  }

  const runGroup = async (group: readonly Waiting[]): Promise<void> => {
    underWay++
    const repeat = await write(group)
    counters.repeated += repeat.length
    if (repeat.length > 0) await new Promise((resolve) => setTimeout(resolve, repeatDelayMs))
    for (const entry of group) for (const key of keysOf(entry.unit)) busy.delete(key)
    waiting = [...repeat, ...waiting]
    underWay--
    pump()
  }

  let isScheduled = false
  const pump = (): void => {
    if (isClosing && waiting.length === 0 && underWay === 0) idle.resolve()
    if (isScheduled || waiting.length === 0 || underWay >= connections) return
    isScheduled = true
    // Whatever is appended in the same turn of the event loop goes together.
    setImmediate(() => {
      isScheduled = false
      while (underWay < connections) {
        const group = takeGroup()
        if (group.length === 0) return
        void runGroup(group)
      }
    })
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    isClosing = true
    pump()
    await idle.promise
    await pool.end()
  }

  const append = (unit: AppendUnit): Promise<Appended> => {
    if (isClosing) return Promise.reject(new TidingsError('SHUTTING_DOWN', 'This process no longer appends'))
    return new Promise<Appended>((resolve, reject) => {
      waiting.push({ unit, since: Date.now(), resolve, reject, mayBeWritten: false })
      pump()
    })
  }
  const appendIn = async (client: pg.PoolClient, unit: AppendUnit): Promise<Appended> => {
    const [outcome] = await runAppend(client, [unit], { isPrepared: false })
    if (outcome === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${unit.topic}" was not answered`)
    return outcome
  }

  return {
    append: (unit) => traceAppend(tracing, unit, append),
    appendIn: (client, unit) => traceAppend(tracing, unit, (traced) => appendIn(client, traced)),
    appendManyIn: (client, units) => runAppend(client, units, { isPrepared: false }),
    publish,
    counters,
    pool,
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}

function keysOf({ topic, task }: AppendUnit): readonly string[] {
  return task === undefined ? [topic] : [topic, `task ${task.id}`]
}
