import type pg from 'pg'
import type { Database } from '../db/connect.ts'
import { classifyDatabaseError } from '../db/failure.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { noTracing, type Tracing } from '../tracing/tracing.ts'
import { classifyFailure, toAppendError } from './append-failure.ts'
import type { AppendRequest, AppendResult } from './append-request.ts'
import { appendConnectionOptions, recallAppend, runAppend } from './append-statement.ts'
import type { LogEvent } from './event.ts'

/** The only way to write to the log. */
export interface Appender extends AsyncDisposable {
  /**
   * Appends one request; concurrent requests share a round trip (group commit). Requests of one
   * topic keep their order.
   *
   * @throws TidingsError `UNAVAILABLE` if the database did not answer and the request may or may
   * not have been written; `BAD_INPUT` if the request contains text that the database cannot store,
   * such as U+0000; `SHUTTING_DOWN` after disposal
   */
  append(request: AppendRequest): Promise<AppendResult>
  /**
   * Appends within the caller's transaction. The caller must call {@link publish} after the commit.
   */
  appendIn(client: pg.PoolClient, request: AppendRequest): Promise<AppendResult>
  /**
   * Like {@link appendIn} for many requests in one statement. No two requests may share a topic or
   * task.
   */
  appendManyIn(client: pg.PoolClient, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]>
  /**
   * Publishes accepted events of one topic on the bus; never throws.
   *
   * @param epoch - the epoch that they were appended in
   */
  publish(events: readonly LogEvent[], epoch: string): void
  /** Statistics since the start, and the current queue length. */
  readonly counters: AppendCounters
  /** The connection pool used for appends. */
  readonly pool: Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'> & {
    readonly options: { readonly max: number }
  }
}

/** Counters of an appender. */
interface AppendCounters {
  /** Committed events, including those appended in a caller's transaction. */
  events: number
  /** Requests rejected by the guard. */
  refused: number
  /** Requests retried because the database was unavailable. */
  repeated: number
  /** Statements executed, each with one or more requests. */
  statements: number
  /** Total execution time of the statements. */
  statementMs: number
  /** Requests waiting for a statement. */
  readonly waiting: number
}

const repeatDelayMs = 100
const smallGroup = 25

/**
 * Creates an appender.
 *
 * @param options.maxGroup - maximum number of requests in one statement; default 100, more gains
 * nothing
 * @param options.connections - maximum number of concurrent statements; default 2
 * @param options.retryMs - how long to retry a request while the database is unavailable; a request
 * without `base` is retried only while it certainly was not written; default 8,000
 * @param options.publish - called with the accepted events after their commit, in the order of the
 * topic
 */
export function createAppender(options: {
  readonly database: Database
  readonly publish: (topic: string, events: readonly LogEvent[], epoch: string) => void
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
    readonly request: AppendRequest
    readonly since: number
    readonly resolve: (result: AppendResult) => void
    readonly reject: (error: unknown) => void
    /** Whether a connection broke while the request was in transit. */
    mayBeWritten: boolean
  }
  let waiting: Waiting[] = []
  /** The topics and tasks of the statements in progress. */
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

  const publish: Appender['publish'] = (events, epoch) => {
    const topic = events[0]?.topic
    if (topic === undefined) return
    // Callers with their own transaction also publish after the commit, so all committed events
    // pass through here.
    counters.events += events.length
    try {
      options.publish(topic, events, epoch)
    } catch (error) {
      // The bus is only a hint: the log has the events, and the feeds will find them.
      logger.warn({ err: error, topic }, 'failed to publish events')
    }
  }

  // A topic or task is in at most one group at a time, and once: the remaining requests keep their
  // order for the next group.
  const takeGroup = (): Waiting[] => {
    // Divided among the free connections, unless that would make the groups too small to be
    // worthwhile.
    const size = Math.min(maxGroup, Math.max(smallGroup, Math.ceil(waiting.length / (connections - underWay))))
    const group: Waiting[] = []
    const rest: Waiting[] = []
    const passedKeys = new Set<string>()
    let entryCount = 0
    for (const entry of waiting) {
      if (group.length === size) break
      entryCount++
      const keys = keysOf(entry.request)
      if (keys.some((key) => busy.has(key) || passedKeys.has(key))) {
        rest.push(entry)
        for (const key of keys) passedKeys.add(key)
      } else {
        group.push(entry)
        for (const key of keys) busy.add(key)
      }
    }
    waiting = rest.concat(waiting.slice(entryCount))
    return group
  }

  const accept = (entry: Waiting, result: AppendResult): void => {
    if (result.accepted) publish(result.events, result.epoch)
    else counters.refused++
    entry.resolve(result)
  }

  /** Writes as many requests as possible and settles them; returns the requests to retry. */
  const write = async (entries: readonly Waiting[]): Promise<readonly Waiting[]> => {
    let client: pg.PoolClient | undefined
    let failure: unknown
    const open = new Set(entries)
    try {
      client = await pool.connect()
      const startedAt = performance.now()
      counters.statements++
      const results = await runAppend(
        client,
        entries.map((entry) => entry.request),
        { isPrepared: true },
      )
      counters.statementMs += performance.now() - startedAt
      for (const [index, entry] of entries.entries()) {
        const result = results[index]
        if (result === undefined || (!result.accepted && entry.mayBeWritten)) continue
        open.delete(entry)
        accept(entry, result)
      }
      for (const entry of open) {
        const result = (await recallAppend(client, entry.request)) ?? results[entries.indexOf(entry)]
        if (result === undefined) continue
        open.delete(entry)
        accept(entry, result)
      }
      return []
    } catch (error) {
      failure = error
    } finally {
      client?.release(classifyDatabaseError(failure)?.isConnectionLost === true)
    }
    const kind = classifyFailure(failure, client !== undefined)
    const remainingEntries = [...open]
    if (kind !== 'refused')
      logger.warn(
        { cause: classifyDatabaseError(failure)?.cause, err: failure, count: remainingEntries.length },
        'failed to append events',
      )
    if ((kind === 'refused' || kind === 'blocked') && remainingEntries.length > 1) {
      // An invalid request must not fail the others, nor a blocked topic delay them: the group is
      // halved until the request is alone.
      const middle = Math.ceil(remainingEntries.length / 2)
      return [...(await write(remainingEntries.slice(0, middle))), ...(await write(remainingEntries.slice(middle)))]
    }
    return remainingEntries.filter((entry) => {
      const canRepeat =
        kind === 'undone' || kind === 'blocked' || (kind === 'unknown' && entry.request.base !== undefined)
      if (canRepeat && !isClosing && Date.now() - entry.since < retryMs) {
        entry.mayBeWritten ||= kind === 'unknown'
        return true
      }
      entry.reject(toAppendError(entry.request.topic, failure))
      return false
    })
  }

  const runGroup = async (group: readonly Waiting[]): Promise<void> => {
    underWay++
    const repeat = await write(group)
    counters.repeated += repeat.length
    if (repeat.length > 0) await new Promise((resolve) => setTimeout(resolve, repeatDelayMs))
    for (const entry of group) for (const key of keysOf(entry.request)) busy.delete(key)
    waiting = [...repeat, ...waiting]
    underWay--
    pump()
  }

  let isScheduled = false
  const pump = (): void => {
    if (isClosing && waiting.length === 0 && underWay === 0) idle.resolve()
    if (isScheduled || waiting.length === 0 || underWay >= connections) return
    isScheduled = true
    // Requests appended in the same turn of the event loop share a statement.
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

  const append = (request: AppendRequest): Promise<AppendResult> => {
    if (isClosing) return Promise.reject(new TidingsError('SHUTTING_DOWN', 'This process no longer appends'))
    return new Promise<AppendResult>((resolve, reject) => {
      waiting.push({ request: request, since: Date.now(), resolve, reject, mayBeWritten: false })
      pump()
    })
  }
  const appendIn = async (client: pg.PoolClient, request: AppendRequest): Promise<AppendResult> => {
    const [result] = await runAppend(client, [request], { isPrepared: false })
    if (result === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${request.topic}" was not answered`)
    return result
  }

  return {
    append: (request) => traceAppend(tracing, request, append),
    appendIn: (client, request) => traceAppend(tracing, request, (tracedRequest) => appendIn(client, tracedRequest)),
    appendManyIn: (client, requests) => runAppend(client, requests, { isPrepared: false }),
    publish,
    counters,
    pool,
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}

function keysOf({ topic, task }: AppendRequest): readonly string[] {
  return task === undefined ? [topic] : [topic, `task ${task.id}`]
}

/** Appends within a span of its own. The events carry the span's context to the deliveries. */
function traceAppend(
  tracing: Tracing,
  request: AppendRequest,
  append: (request: AppendRequest) => Promise<AppendResult>,
): Promise<AppendResult> {
  const parent = tracing.current()
  const span = parent === undefined ? undefined : tracing.begin('append', { role: 'producer', parent })
  if (span === undefined) return append(request)
  const facts = { 'tidings.topic': request.topic, 'tidings.events': request.events.map(({ type }) => type).join(' ') }
  return append({ ...request, trace: span.traceParent }).then(
    (result) => {
      if (result.accepted) span.end({ ...facts, 'tidings.seq': result.seq })
      else span.end(facts, 'refused')
      return result
    },
    (error: unknown) => {
      span.end(facts, error instanceof Error ? error.name : 'error')
      throw error
    },
  )
}
