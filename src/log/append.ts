import pg from 'pg'
import type { Database } from '../db/connect.ts'
import type { JsonObject, TaskItemTable, TaskTable } from '../db/tables.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { appendConnectionOptions, appendStatement } from './append-statement.ts'
import { type LogEvent, toInstant } from './event.ts'

/** The state of one part of a task, as the append writes it. */
export interface ItemState {
  readonly key: string
  /** Its place in the task's stable order, from 0. */
  readonly position: number
  readonly label: string
  readonly status: TaskItemTable['status']
  readonly percent: number
  readonly error: JsonObject | null
}

/** The change of a task's row that goes with its events. What is left out stays as it is. */
export interface TaskPatch {
  readonly status?: TaskTable['status']
  readonly attempt?: number
  readonly progress?: JsonObject
  readonly result?: JsonObject
  /** null takes an earlier error away. */
  readonly error?: JsonObject | null
  readonly cancelReason?: string
  readonly worker?: string | null
  readonly leaseMs?: number
  readonly nextAttemptInMs?: number
}

/** What must be true of a task for a unit to be accepted, and what becomes of it. */
export interface TaskChange {
  readonly id: string
  readonly expect: readonly TaskTable['status'][]
  /** The writer's fence: the attempt and the worker it believes in. Late words of an earlier attempt are refused. */
  readonly attempt?: number
  readonly worker?: string
  readonly set?: TaskPatch
  readonly items?: readonly ItemState[]
}

/** Events that enter one topic together or not at all. */
export interface AppendUnit {
  readonly topic: string
  /** The seq the topic must be at. For the only writer of a topic: makes repeating the append after a broken connection safe. */
  readonly base?: number
  /** Nothing can follow: set for terminal events. */
  readonly close?: boolean
  /** At least one. A task's event without `progress` in its payload gets the task's. */
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[]
  readonly task?: TaskChange
}

/** What became of a unit. A refusal changes nothing and says what stood in the way. */
export type Appended =
  | { readonly accepted: true; readonly events: readonly LogEvent[]; readonly seq: number }
  | {
      readonly accepted: false
      /** The task's status and attempt; null when there is no such task. */
      readonly status: TaskTable['status'] | null
      readonly attempt: number | null
      /** The topic's seq; null when there is no such topic. */
      readonly seq: number | null
    }

/** The only way into the log. */
export interface Appender extends AsyncDisposable {
  /**
   * Appends one unit; many under way at once share a round trip (group commit). Units of one topic keep their order.
   * @throws TidingsError `UNAVAILABLE` when the database did not answer and the unit may or may not have been written
   */
  append(unit: AppendUnit): Promise<Appended>
  /** Appends within the caller's transaction. The caller publishes with {@link publish} after its commit. */
  appendIn(client: pg.PoolClient, unit: AppendUnit): Promise<Appended>
  /** Hands accepted events to the bus; never throws. */
  publish(events: readonly LogEvent[]): void
}

interface VerdictRow {
  ord: number
  ok: boolean
  base: number | null
  at: Date
  status: TaskTable['status'] | null
  attempt: number | null
  progress: JsonObject | null
}

function toAppended(unit: AppendUnit, row: VerdictRow): Appended {
  // A repetition of a unit that had been written, though the connection broke before it could say so.
  const isRepetition =
    !row.ok && unit.base !== undefined && row.base === unit.base + unit.events.length && isOwnDoing(unit, row)
  if (row.base === null || (!row.ok && !isRepetition))
    return { accepted: false, status: row.status, attempt: row.attempt, seq: row.base }
  const base = isRepetition ? (unit.base ?? 0) : row.base
  const at = toInstant(row.at)
  const events = unit.events.map(
    ({ type, payload }, index): LogEvent => ({
      topic: unit.topic,
      seq: base + index + 1,
      type,
      at,
      payload: unit.task && !('progress' in payload) ? { ...payload, progress: row.progress } : payload,
    }),
  )
  return { accepted: true, events, seq: base + events.length }
}

function isOwnDoing(unit: AppendUnit, row: VerdictRow): boolean {
  return (
    unit.task !== undefined && row.attempt === unit.task.attempt && row.status === (unit.task.set?.status ?? 'RUNNING')
  )
}

/** Whether the connection, and not the statement, is what failed. */
function isConnectionLoss(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Class 08 (connection exception), 57P01–57P03 (server shuts down or starts), and what node says of sockets.
  return (
    /^(08|57P0)/.test(code) ||
    /^E[A-Z]+$/.test(code) ||
    (error instanceof Error && /[Cc]onnection (terminated|ended)|timeout/.test(error.message))
  )
}

async function runStatement(
  client: pg.Pool | pg.PoolClient,
  units: readonly AppendUnit[],
  name?: string,
): Promise<Appended[]> {
  const text = JSON.stringify(units.map((unit, ord) => ({ ...unit, ord })))
  const query = { text: appendStatement, values: [text], ...(name === undefined ? {} : { name }) }
  const { rows } = await client.query<VerdictRow>(query)
  return units.map((unit, index) => {
    const row = rows[index]
    if (row === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${unit.topic}" was not answered`)
    return toAppended(unit, row)
  })
}

/**
 * Creates the way into the log.
 *
 * @param options.maxGroup - most units in one statement; default 200
 * @param options.connections - statements under way at once; default 2
 * @param options.retryMs - how long a guarded unit (one with `base`) is repeated while the database is away; default 8,000
 * @param options.publish - called with the accepted events after their commit, in the order of the topic
 */
export function createAppender(options: {
  readonly database: Database
  readonly publish: (topic: string, events: readonly LogEvent[]) => void
  readonly logger: Logger
  readonly maxGroup?: number
  readonly connections?: number
  readonly retryMs?: number
}): Appender {
  const { database, logger, maxGroup = 200, connections = 2, retryMs = 8_000 } = options
  const pool = new pg.Pool({
    ...database.pool.options,
    max: connections,
    options: appendConnectionOptions,
    application_name: 'tidings append',
  })
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle append connection was lost'))

  interface Waiting {
    readonly unit: AppendUnit
    readonly since: number
    readonly resolve: (appended: Appended) => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  const busyTopics = new Set<string>()
  let underWay = 0
  const idle = Promise.withResolvers<void>()
  let isClosing = false

  const publish = (events: readonly LogEvent[]): void => {
    const topic = events[0]?.topic
    if (topic === undefined) return
    try {
      options.publish(topic, events)
    } catch (error) {
      // The bus is a hint; the log has the events and the feeds will find them.
      logger.warn({ err: error, topic }, 'publishing failed')
    }
  }

  // A topic is in one group at a time, once: what is left keeps its order and goes with the next.
  const takeGroup = (): Waiting[] => {
    const group: Waiting[] = []
    const rest: Waiting[] = []
    const passed = new Set<string>()
    for (const entry of waiting) {
      const { topic } = entry.unit
      if (group.length < maxGroup && !busyTopics.has(topic) && !passed.has(topic)) {
        group.push(entry)
        busyTopics.add(topic)
      } else rest.push(entry)
      passed.add(topic)
    }
    waiting = rest
    return group
  }

  const fail = (entry: Waiting, error: unknown): boolean => {
    const canRepeat =
      entry.unit.base !== undefined && isConnectionLoss(error) && Date.now() - entry.since < retryMs && !isClosing
    if (canRepeat) return false
    entry.reject(
      isConnectionLoss(error)
        ? new TidingsError(
            'UNAVAILABLE',
            `The database did not answer an append to "${entry.unit.topic}"`,
            {},
            { cause: error },
          )
        : error,
    )
    return true
  }

  const runGroup = async (group: Waiting[]): Promise<void> => {
    underWay++
    let repeat: Waiting[] = []
    try {
      const outcomes = await runStatement(
        pool,
        group.map((entry) => entry.unit),
        'tidings-append',
      )
      for (const [index, entry] of group.entries()) {
        const outcome = outcomes[index]
        if (outcome === undefined) continue
        if (outcome.accepted) publish(outcome.events)
        entry.resolve(outcome)
      }
    } catch (error) {
      // One bad unit (such as text that Postgres refuses) must not fail its neighbours: each is tried alone.
      if (group.length > 1 && !isConnectionLoss(error)) {
        for (const entry of group) {
          try {
            const [outcome] = await runStatement(pool, [entry.unit])
            if (outcome?.accepted) publish(outcome.events)
            if (outcome) entry.resolve(outcome)
          } catch (reason) {
            entry.reject(reason)
          }
        }
      } else repeat = group.filter((entry) => !fail(entry, error))
      if (repeat.length > 0) await new Promise((resolve) => setTimeout(resolve, 100))
    } finally {
      for (const entry of group) busyTopics.delete(entry.unit.topic)
      waiting = [...repeat, ...waiting]
      underWay--
      pump()
    }
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

  return {
    append(unit) {
      if (isClosing) return Promise.reject(new TidingsError('SHUTTING_DOWN', 'This process no longer appends'))
      return new Promise<Appended>((resolve, reject) => {
        waiting.push({ unit, since: Date.now(), resolve, reject })
        pump()
      })
    },
    async appendIn(client, unit) {
      const [outcome] = await runStatement(client, [unit])
      if (outcome === undefined) throw new TidingsError('UNAVAILABLE', `The append to "${unit.topic}" was not answered`)
      return outcome
    },
    publish,
    async [Symbol.asyncDispose]() {
      if (!isClosing) {
        isClosing = true
        pump()
      }
      await idle.promise
      if (!pool.ended) await pool.end()
    },
  }
}
