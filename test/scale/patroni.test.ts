import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { connectDatabase } from '../../src/db/connect.ts'
import { classifyDatabaseError } from '../../src/db/failure.ts'
import { migrate } from '../../src/db/migrate.ts'
import { isTidingsError } from '../../src/errors.ts'
import type { Position } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { silentLogger } from '../../src/logger.ts'
import { FinalError, RetryableError } from '../../src/tasks/model/failure.ts'
import { advance, output } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { eventually } from '../log/support.ts'
import { type EngineFixture, startTestEngine } from '../support/engine.ts'
import { startPatroni, type TestPatroni } from '../support/patroni.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

const kinds = ['WORK', 'FLAKY', 'REFUSED'] as const
type Kind = (typeof kinds)[number]
const definitions = kinds.map(
  (kind) =>
    createTaskDefinition({
      kind,
      input: z.object({}),
      concurrency: 20,
      backoff: { initialDelayMs: 100, maxDelayMs: 500 },
      async *run({ attempt, signal }) {
        for (let step = 1; step <= 8; step++) {
          yield advance({ percent: step * 10 })
          yield output('text', `step ${step}\n`)
          await pause(100, undefined, { signal })
          if (step === 4 && kind === 'FLAKY' && attempt === 1) throw new RetryableError('BUSY', 'It is busy.')
        }
        if (kind === 'REFUSED') throw new FinalError('REFUSED', 'It is refused.')
        return { steps: 8 }
      },
    }) as TaskDefinition,
)

let patroni: TestPatroni
let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
  patroni = await startPatroni()
})
afterAll(async () => {
  await patroni[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})

/** Runs something again while the database is unavailable, as a client does; any other failure is a failure of the test. */
async function whileUnavailable<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const isUnavailable = isTidingsError(error) ? error.code === 'UNAVAILABLE' : classifyDatabaseError(error) !== null
      if (!isUnavailable) throw error
      await pause(200)
    }
  }
}

interface Watched {
  readonly taskId: string
  readonly events: readonly LogEvent[]
  /** When each event arrived. */
  readonly times: readonly number[]
}

/** Follows a task to its end, and resumes after each failure. Expects a continuous sequence between snapshots. */
async function watch({ engine }: EngineFixture, taskId: string): Promise<Watched> {
  const events: LogEvent[] = []
  const times: number[] = []
  let after: Position | undefined
  await whileUnavailable(async () => {
    for await (const update of engine.follow({ taskId, ...(after === undefined ? { fromStart: true } : { after }) })) {
      const seq = update.is === 'event' ? update.event.seq : update.seq
      if (update.is === 'event') {
        expect(seq).toBe((after?.seq ?? 0) + 1)
        events.push(update.event)
        times.push(performance.now())
      } else expect(['RESET', 'LAGGED']).toContain(update.reason)
      after = { epoch: engine.reader.epoch, seq }
    }
  })
  return { taskId, events, times }
}

const statusOf: Readonly<Record<Kind, string>> = { WORK: 'COMPLETED', FLAKY: 'COMPLETED', REFUSED: 'FAILED' }

test.for<readonly [string, (cluster: TestPatroni) => Promise<void>, ('url' | 'proxyUrl')?]>([
  ['a planned switchover', (cluster) => cluster.switchOver()],
  ['a planned switchover, behind HAProxy', (cluster) => cluster.switchOver(), 'proxyUrl'],
  [
    'a leader that hangs for 40 s',
    async (cluster) => {
      await cluster.signalLeader('SIGSTOP')
      await pause(40_000)
      await cluster.signalLeader('SIGCONT')
    },
  ],
  [
    'etcd away for 30 s',
    async (cluster) => {
      cluster.signalEtcd('SIGSTOP')
      await pause(30_000)
      cluster.signalEtcd('SIGCONT')
    },
  ],
  ['a leader whose processes are killed', (cluster) => cluster.signalLeader('SIGKILL')],
])(
  '%s: nothing acknowledged is lost or changed, and no task fails',
  { timeout: 900_000 },
  async ([fault, cause, address = 'url']) => {
    const url = patroni[address]
    const config = { LEASE_MS: 3_000, SWEEP_MS: 500, CHECK_MS: 1_000 } as const
    await using stack = new AsyncDisposableStack()
    const open = async (role: 'server' | 'worker'): Promise<EngineFixture> => {
      const database = stack.use(await connectDatabase({ url, maxConnections: 8, logger: silentLogger }))
      await migrate(database, silentLogger)
      const on = { url, database, [Symbol.asyncDispose]: async () => undefined }
      return stack.use(
        await startTestEngine({ definitions, on, redisUrl: redis.url, config: { ...config, ROLE: role } }),
      )
    }
    const servers = [await open('server'), await open('server')]
    await open('worker')
    await open('worker')
    const serverAt = (index: number): EngineFixture => servers[index % 2] as EngineFixture

    let isOver = false
    const started = new Map<string, Kind>()
    const watching: Promise<Watched>[] = []
    const startTasks = async (): Promise<void> => {
      for (let index = 0; !isOver; index++) {
        const kind = kinds[index % kinds.length] as Kind
        const task = await whileUnavailable(() =>
          serverAt(index).start(kind, { idempotencyKey: `${fault} ${index}`, owner: `u_${index % 5}` }),
        )
        started.set(task.id, kind)
        for (let subscriber = 0; subscriber < 6; subscriber++) watching.push(watch(serverAt(subscriber), task.id))
        await pause(150)
      }
    }
    const starting = startTasks()
    await eventually(() => expect(started.size).toBeGreaterThan(15))
    const causedAt = performance.now()
    await cause(patroni)
    await patroni.leader()
    const ledAt = performance.now()
    const countBefore = started.size
    await eventually(() => expect(started.size).toBeGreaterThan(countBefore + 5))
    const startsAt = performance.now()
    isOver = true
    await starting
    const watched = await Promise.all(watching)

    const logs = new Map<string, readonly LogEvent[]>()
    for (const [taskId, kind] of started) {
      const task = await serverAt(0).get({ id: taskId })
      expect([task.kind, task.status], JSON.stringify(task.error)).toEqual([kind, statusOf[kind]])
      expect(task.error?.code ?? null).toBe(kind === 'REFUSED' ? 'REFUSED' : null)
      logs.set(taskId, await serverAt(0).events({ id: taskId }))
    }
    for (const { taskId, events } of watched)
      for (const event of events) expect(event).toMatchObject(logs.get(taskId)?.[event.seq - 1] ?? { seq: 'lost' })
    const times = watched.flatMap((one) => one.times).toSorted((left, right) => left - right)
    const longestPause = Math.max(...times.map((time, index) => time - (times[index - 1] ?? time)))
    console.info(
      `${fault}: ${started.size} tasks, ${watched.length} subscribers, ${times.length} deliveries; a leader after ${Math.round(ledAt - causedAt)} ms, starts again after ${Math.round(startsAt - ledAt)} ms more; longest time without a delivery ${Math.round(longestPause)} ms`,
    )
  },
)
