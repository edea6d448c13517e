import { type ExecutionArgs, parse } from 'graphql'
import type { Services } from '../../schema/kit/services.ts'
import { createContext, schema } from '../../schema/studio/index.ts'
import type { PayloadBatch } from '../../src/live/deliver/frames.ts'
import type { Sink } from '../../src/live/deliver/sink.ts'
import { createLive, type Live, type LiveConfig } from '../../src/live/live.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { Logger } from '../../src/logger.ts'
import { silentLogger } from '../../src/logger.ts'
import { createApplications } from '../../src/studio/applications.ts'
import type { EngineConfig } from '../../src/tasks/engine.ts'
import { emptyProgress, type Task, taskTopic } from '../../src/tasks/model/task.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { viewerOf } from '../support/api.ts'
import type { TestDatabase } from '../support/database.ts'
import { type EngineFixture, startTestEngine } from '../support/engine.ts'

/** The part of an event that one subscriber received. */
export interface Seen {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly reason?: string
  readonly text?: string
  readonly offset?: number
  readonly queue?: { readonly position: number }
  readonly task?: { readonly id: string; readonly status: string }
}

/** A sink that records writes and is full when the test says so. */
export interface RecordingSink extends Sink {
  readonly seen: Seen[]
  readonly texts: string[]
  /** The number of writes. */
  readonly writes: () => number
  /** Marks the sink as full or as writable. */
  setFull(isFull: boolean): void
  readonly operations: () => number
}

/** Creates a recording sink. */
export function createRecordingSink(): RecordingSink {
  const seen: Seen[] = []
  const texts: string[] = []
  let isFull = false
  let waiting: (() => void)[] = []
  let operations = 0
  let writes = 0
  return {
    seen,
    texts,
    writes: () => writes,
    operations: () => operations,
    setFull(now) {
      isFull = now
      if (now) return
      const listeners = waiting
      waiting = []
      for (const listener of listeners) listener()
    },
    isFull: () => isFull,
    write({ payloads }: PayloadBatch) {
      writes++
      for (const { text } of payloads) {
        texts.push(text)
        seen.push((JSON.parse(text) as { data: { taskProgress: Seen } }).data.taskProgress)
      }
    },
    drained(listener) {
      if (isFull) waiting.push(listener)
      else listener()
    },
    refine: (error) => error,
    opened: () => {
      operations++
      return undefined
    },
    closed: () => void operations--,
  }
}

/** Live delivery of a test, over the real schema, engine and database. */
export interface LiveFixture extends EngineFixture {
  readonly live: Live
  readonly services: Services
  /** Creates a task that no worker runs. */
  createTask(owner?: string): Promise<Task>
  /** Appends events to the task's topic, by default TaskAdvanced. */
  append(
    task: Task,
    count?: number,
    make?: (index: number) => { type: string; payload?: object },
  ): Promise<readonly LogEvent[]>
  /** Appends the terminal event of the topic. */
  complete(task: Task): Promise<void>
  /** Subscribes with a sink. An undefined result means that the subscription is active. */
  subscribe(
    task: Pick<Task, 'id'>,
    options?: {
      readonly sink?: RecordingSink
      readonly after?: string | undefined
      readonly fromStart?: boolean
      readonly viewer?: Viewer
      readonly query?: string
    },
  ): Promise<LiveSubscription>
  /** Subscribes as a polling client: returns all events up to the end of the subscription. */
  poll(
    task: Pick<Task, 'id'>,
    options?: { readonly after?: string | undefined; readonly fromStart?: boolean; readonly query?: string },
  ): Promise<readonly Seen[]>
}

/** One subscription of a test. */
export interface LiveSubscription {
  readonly sink: RecordingSink
  readonly seen: readonly Seen[]
  /**
   * Resolves when the subscription has completed, rejects when it has failed. Stays pending after
   * unsubscribing.
   */
  readonly ended: Promise<unknown>
  leave(): void
}

/** Selects everything that tests check. */
export const watchQuery = `subscription Watch($id: ID!, $after: Cursor, $fromStart: Boolean) {
  taskProgress(taskId: $id, after: $after, fromStart: $fromStart) {
    __typename seq cursor status progress { percent message }
    ... on TaskSnapshot { reason task { id status } }
    ... on TaskOutput { text offset }
    ... on TaskQueueMoved { queue { position } }
  }
}`

/** Selects a field that depends on the viewer too, so that each subscriber has an execution of its own. */
export const ownQuery = watchQuery.replace('task { id status }', 'task { id status input }')

/** Starts live delivery. Settings of {@link LiveConfig} have their defaults. */
export async function startLive(
  options: {
    readonly config?: Partial<EngineConfig & LiveConfig>
    readonly on?: TestDatabase
    readonly redisUrl?: string
    readonly logger?: Logger
  } = {},
): Promise<LiveFixture> {
  const { config = {}, logger = silentLogger } = options
  const fixture = await startTestEngine({
    ...options,
    definitions: [],
    // No workers, so that only the test appends, and no sweeper.
    config: { ROLE: 'server', ...config },
  })
  const { engine, database } = fixture
  const services: Services = {
    engine,
    ...createApplications(engine),
    limits: { maxUploadBytes: 1_000_000, headStartMs: () => 0 },
  }
  const live = createLive({
    schema,
    reader: engine.reader,
    feeds: engine.feeds,
    logger,
    config: { MAX_SOCKET_BUFFER_BYTES: 1_048_576, SLOW_READER_MS: 30_000, ...config },
    eventContext: createContext(services, null, { catchUp: false }),
  })
  let created = 0
  const append: LiveFixture['append'] = async (task, count = 1, make = () => ({ type: 'TaskAdvanced' })) => {
    const result = await engine.appender.append({
      topic: taskTopic(task.id),
      events: Array.from({ length: count }, (_, index) => {
        const { type, payload } = make(index)
        const progress = { ...emptyProgress, percent: index % 100, message: `step ${index}` }
        return { type, payload: { status: 'RUNNING', progress, ...payload } }
      }),
    })
    if (!result.accepted) throw new Error(`Refused: ${JSON.stringify(result)}`)
    return result.events
  }
  return {
    ...fixture,
    live,
    services,
    append,
    async createTask(owner = 'u_1') {
      const id = `task_live_${process.pid}_${Date.now()}_${++created}`
      await database.pool.query('insert into tidings.topic (name) values ($1)', [taskTopic(id)])
      await database.pool.query(
        `insert into tidings.task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
         values ($1, 'CREATE_ROADMAP', 'RUNNING', $2, '{}', 1, 3, $3, now(), now())`,
        [id, owner, JSON.stringify(emptyProgress)],
      )
      const task = await fixture.get({ id })
      await append(task, 1, () => ({ type: 'TaskStarted', payload: { attempt: 1 } }))
      return task
    },
    async complete(task) {
      await engine.appender.append({
        topic: taskTopic(task.id),
        close: true,
        events: [
          { type: 'TaskCompleted', payload: { status: 'COMPLETED', progress: { ...emptyProgress }, result: null } },
        ],
      })
    },
    async subscribe(task, { sink = createRecordingSink(), after, fromStart, viewer = viewerOf('u_1'), query } = {}) {
      const context = {
        ...createContext(services, viewer, { catchUp: false }),
        sinkOperation: { sink, operationId: Buffer.from('"1"'), number: 1 },
      }
      const args: ExecutionArgs = {
        schema,
        document: parse(query ?? watchQuery),
        contextValue: context,
        variableValues: { id: task.id, after, fromStart },
      }
      const result = await live.subscribe(args)
      if (!(Symbol.asyncIterator in result)) throw result.errors?.[0] ?? new Error('It did not subscribe')
      const iterator = result[Symbol.asyncIterator]()
      const ended = iterator.next()
      ended.catch(() => undefined)
      return { sink, seen: sink.seen, ended, leave: () => void iterator.return?.() }
    },
    async poll(task, { after, fromStart, query = watchQuery } = {}) {
      const result = await live.subscribe({
        schema,
        document: parse(query),
        contextValue: createContext(services, viewerOf('u_1'), { catchUp: true }),
        variableValues: { id: task.id, after, fromStart },
      })
      if (!(Symbol.asyncIterator in result)) throw result.errors?.[0] ?? new Error('It did not subscribe')
      const results = await Array.fromAsync(result)
      return results.map(({ data }) => (data as { readonly taskProgress: Seen }).taskProgress)
    },
  }
}

/** Returns the seqs of the received events. */
export function seqsOf(seen: readonly Seen[]): readonly number[] {
  return seen.map(({ seq }) => seq)
}

/** Returns 1, 2, 3 … */
export function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
