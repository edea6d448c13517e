import { once } from '../async/once.ts'
import { createTidings } from '../library/create-tidings.ts'
import { hostOf } from '../library/host.ts'
import type { TidingsOptions } from '../library/options.ts'
import { getTask } from '../tasks/model/store.ts'
import { taskTopic } from '../tasks/model/task.ts'
import { moveTimes } from './advance.ts'
import { createFaults } from './faults.ts'
import { recordTask } from './record.ts'
import { createTestClient, testUser } from './test-client.ts'
import { createTestDatabase } from './test-database.ts'
import { toTestEvent, toTestTask } from './test-task.ts'
import type { TestTidings, TestTidingsOptions } from './test-tidings.ts'
import { type Awaited, createWaiting } from './until.ts'

/** The longest wait of `until` by default. */
const defaultWaitMs = 4_000

const testDefaults = {
  sweepMs: 100,
  checkMs: 200,
  queueMovedMs: 50,
  databasePool: 5,
  maxStartsPerMinute: 1_000_000,
  // With the stack of unexpected errors of handlers.
  logLevel: 'error',
} as const satisfies Partial<TidingsOptions>

/**
 * Creates Tidings for a test: in this process, without Redis, on a database of its own that is a copy of a template. It runs tasks.
 *
 * @throws TidingsError `BAD_CONFIGURATION`, `UNAVAILABLE`; TypeError as `createTidings`
 * @example
 * await using tidings = await createTestTidings({ tasks: [exportReport] })
 * const id = await tidings.start(exportReport, { reportId: 'report_1' })
 * const { result } = await tidings.until(id, 'COMPLETED')
 */
export async function createTestTidings(options: TestTidingsOptions): Promise<TestTidings> {
  const { databaseUrl, waitMs = defaultWaitMs, ...tidingsOptions } = options
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase(databaseUrl))
  const listen = once(() => tidings.listen({ port: 0, worker: false }))
  const client = createTestClient({ listen, authenticate: options.authenticate })
  const tidings = stack.use(
    createTidings({
      ...testDefaults,
      ...tidingsOptions,
      authenticate: client.authenticate,
      databaseUrl: database.url,
      // The template is migrated.
      migrateAtStart: false,
    }),
  )
  stack.use(client)
  const host = hostOf(tidings, 'createTestTidings')
  const waiting = createWaiting({ openEngine: host.openEngine, waitMs })
  await tidings.worker()
  const engine = await host.openEngine()

  const opened = stack.move()
  const test: TestTidings = {
    tidings,
    databaseUrl: database.url,
    async start(task, input, { owner = testUser, ...others } = {}) {
      return (await tidings.start(task, input, { owner, ...others })).id as never
    },
    until: async (id: string, awaited: unknown) => toTestTask<never>(await waiting.until(id, awaited as Awaited)),
    async events(id) {
      const task = await getTask(engine.store, id)
      return (await engine.reader.read(taskTopic(id), 0, task.seq)).events.map(toTestEvent)
    },
    async advance(ms) {
      if (!(ms > 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`advance takes milliseconds, not ${ms}`)
      for (const { id, seq } of await moveTimes(engine, ms)) waiting.leave(id, seq)
      await engine.worker?.lookForWork()
      await host.prune()
    },
    faults: createFaults(host),
    async record(id) {
      const task = await getTask(engine.store, id)
      return await recordTask(task, {
        schema: tidings.schema,
        execute: (document, variables) => client.execute(document, variables, { viewer: { userId: task.owner } }),
      })
    },
    execute: client.execute,
    subscribe: client.subscribe,
    listen,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
  return test
}
