/**
 * Measures what a task costs against the number of its items: `node bin/run.js test/bench/items.ts [--largest N] [--reports N]`.
 * Prints three tables:
 *
 * - folding a report: processor time, for the first and the last tenth of the reports of one attempt;
 * - a report of a running task, from the worker to PostgreSQL: processor time of the worker and bytes sent, for the first and the last
 *   reports of one attempt, and the time that the declaration of the items takes;
 * - the first event of a late subscriber over a WebSocket: time, processor time and size.
 */
import { Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { print } from 'graphql'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { TaskProgressDocument } from '../../client/gql/graphql.ts'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { startServer } from '../../src/server/server.ts'
import { createApplications } from '../../src/studio/applications.ts'
import { selfTestKind } from '../../src/studio/self-test/self-test.ts'
import type { Engine } from '../../src/tasks/engine.ts'
import { beginAttempt, divideItems, reduceReport } from '../../src/tasks/model/progress.ts'
import { declareItems, item, type Report } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../src/tasks/model/viewer.ts'
import { type BenchDatabase, startBenchDatabase, startBenchEngine } from './engine.ts'
import { median } from './statistics.ts'

const { values: options } = parseArgs({
  options: { largest: { type: 'string', default: '100000' }, reports: { type: 'string', default: '100000' } },
})
const largest = Number(options.largest)
/** The maximum number of reports of one attempt: with fewer than items, the first event is measured without a long history. */
const maxReports = Number(options.reports)
const attempts = 5
/** The number of reports at either end of an attempt that are measured. */
const windowSize = 2_000
const joins = 200

const keysOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `item_${String(index).padStart(8, '0')}`)
const toItems = (keys: readonly string[]) => keys.map((key) => ({ key, label: `Row ${key}` }))
const format = (count: number): string => count.toLocaleString('en')

/** Returns the microseconds per folded report of the first and the last tenth. */
function measureFold(count: number): readonly [first: number, last: number] {
  const keys = keysOf(count)
  let state = beginAttempt([], new Date().toISOString())
  const declaration = declareItems(toItems(keys))
  if (declaration.is === 'items')
    for (const part of divideItems(declaration, state.items)) state = reduceReport(state, part)
  const reports = keys.flatMap((key): Report[] => [item.started(key), item.advanced(key, 50), item.completed(key)])
  const part = Math.ceil(reports.length / 10)
  const run = (some: readonly Report[]): number => {
    const { user } = process.cpuUsage()
    for (const report of some) state = reduceReport(state, report)
    return process.cpuUsage().user - user
  }
  const first = run(reports.slice(0, part)) / part
  run(reports.slice(part, -part))
  return [first, run(reports.slice(-part)) / part]
}

function showFold(): void {
  measureFold(10_000)
  console.log('| items | folding a report, first tenth, µs | last tenth, µs |')
  console.log('|---|---|---|')
  for (const count of [10, 100, 1_000, 10_000, 100_000].filter((size) => size <= largest)) {
    // Attempts with few items are shorter than the resolution of the clock.
    const repetitions = Math.max(1, Math.round(10_000 / count))
    const measured = Array.from({ length: attempts }, () => {
      const runs = Array.from({ length: repetitions }, () => measureFold(count))
      const mean = (at: 0 | 1): number => runs.reduce((sum, run) => sum + run[at], 0) / runs.length
      return [mean(0), mean(1)] as const
    })
    const cell = (at: 0 | 1): string => median(measured.map((pair) => pair[at])).toFixed(2)
    console.log(`| ${format(count)} | ${cell(0)} | ${cell(1)} |`)
  }
}

/** Bytes that this process has written to sockets: until the server starts, only to PostgreSQL. */
let writtenBytes = 0
const { write } = Socket.prototype
Socket.prototype.write = function (this: Socket, ...args: Parameters<typeof write>) {
  writtenBytes += Buffer.byteLength(args[0] as string | Uint8Array)
  return write.apply(this, args)
} as typeof write

interface Usage {
  readonly cpu: number
  readonly bytes: number
  readonly at: number
}
const readUsage = (): Usage => {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, bytes: writtenBytes, at: performance.now() }
}

/** What a report has cost at one end of an attempt. */
interface Cost {
  readonly cpu: number
  readonly bytes: number
}
const costs = new Map<string, { first: Cost; last: Cost; declaredMs: number }>()

const counting = createTaskDefinition({
  kind: selfTestKind,
  input: z.object({ count: z.number() }),
  async *run({ taskId, input: { count } }) {
    const keys = keysOf(count)
    const size = Math.min(windowSize, Math.ceil(count / 4))
    const between = (from: Usage, to: Usage): Cost => ({
      cpu: (to.cpu - from.cpu) / size,
      bytes: (to.bytes - from.bytes) / size,
    })
    const begun = readUsage()
    yield declareItems(toItems(keys))
    const usages: Usage[] = [readUsage()]
    for (const [index, key] of keys.slice(0, maxReports).entries()) {
      yield item.completed(key)
      if (index + 1 === size || index + 1 === count - size || index + 1 === count) usages.push(readUsage())
    }
    const [start, early, late, end] = usages
    if (start !== undefined && early !== undefined && late !== undefined && end !== undefined)
      costs.set(taskId, { first: between(start, early), last: between(late, end), declaredMs: start.at - begun.at })
    return { __typename: 'SelfTestCounted', count }
  },
}) as unknown as TaskDefinition

async function runTask(engine: Engine, count: number): Promise<string> {
  const { task } = await engine.tasks.start({ kind: selfTestKind, input: { count }, owner: localDeveloper.userId })
  for await (const update of engine.follow({ taskId: task.id }))
    if (update.is === 'event' && update.event.type === 'TaskFailed')
      throw new Error(JSON.stringify(update.event.payload['error']))
  return task.id
}

/** Runs tasks with their reports written; returns the id of a task of each size. */
async function showReports(engine: Engine, counts: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const ids = new Map<number, string>()
  await runTask(engine, 1_000)
  console.log('\n| items | declaration, ms | first reports: CPU, µs | bytes | last reports: CPU, µs | bytes |')
  console.log('|---|---|---|---|---|---|')
  for (const count of counts) {
    const measured: { first: Cost; last: Cost; declaredMs: number }[] = []
    for (let index = 0; index < Math.max(1, Math.min(40, Math.round(10_000 / count))); index++) {
      const id = await runTask(engine, count)
      ids.set(count, id)
      const cost = costs.get(id)
      if (cost !== undefined) measured.push(cost)
    }
    const cell = (read: (cost: (typeof measured)[number]) => number): string =>
      measured.length === 0 ? '–' : median(measured.map(read)).toFixed(0)
    console.log(
      `| ${format(count)} | ${cell(({ declaredMs }) => declaredMs)} | ${cell(({ first }) => first.cpu)} | ${cell(({ first }) => first.bytes)} | ${cell(({ last }) => last.cpu)} | ${cell(({ last }) => last.bytes)} |`,
    )
  }
  return ids
}

/** Subscribes over one WebSocket to tasks of all sizes in turn, so that all meet the same noise. */
async function showJoins(
  { database, url }: BenchDatabase,
  engine: Engine,
  ids: ReadonlyMap<number, string>,
): Promise<void> {
  const work = '1000000000'
  const config = parseConfig({
    NODE_ENV: 'test',
    DATABASE_URL: url,
    HOST: '127.0.0.1',
    PORT: '0',
    FIRST_RUN: 'false',
    MAX_SOCKET_WORK: work,
    MAX_VIEWER_WORK: work,
    MAX_ADDRESS_WORK: work,
  })
  const services = {
    engine,
    ...createApplications(engine),
    limits: { maxUploadBytes: config.MAX_UPLOAD_BYTES, headStartMs: () => 0 },
  }
  await using server = await startServer({
    config,
    schema,
    live: createLiveDelivery(services, config, silentLogger),
    createContext: (viewer, contextOptions) => createContext(services, viewer, contextOptions),
    health: { database, bus: engine.bus },
    logger: silentLogger,
  })
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/graphql`, 'graphql-transport-ws')
  const query = print(TaskProgressDocument)
  const listeners = new Map<string, (text: string) => void>()
  const opened = Promise.withResolvers<void>()
  socket.on('open', () => socket.send('{"type":"connection_init"}'))
  socket.on('message', (data) => {
    const text = String(data)
    const { type, id } = JSON.parse(text) as { readonly type: string; readonly id?: string }
    if (type === 'connection_ack') opened.resolve()
    else if (type === 'ping') socket.send('{"type":"pong"}')
    else if (type !== 'complete' && id !== undefined) listeners.get(id)?.(text)
  })
  await opened.promise
  const join = (id: string, taskId: string): Promise<string> =>
    new Promise((resolve) => {
      listeners.set(id, resolve)
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables: { taskId } } }))
    })
  const samples = new Map<number, { ms: number; cpu: number; bytes: number }[]>(
    [...ids.keys()].map((count) => [count, []]),
  )
  for (let index = -20; index < joins; index++)
    for (const [count, taskId] of ids) {
      const before = readUsage()
      const text = await join(`${count} ${index}`, taskId)
      const after = readUsage()
      if (!text.includes('"TaskSnapshot"')) throw new Error(text.slice(0, 500))
      if (index >= 0)
        samples.get(count)?.push({ ms: after.at - before.at, cpu: after.cpu - before.cpu, bytes: text.length })
    }
  console.log(
    '\n| items | first event of a late subscriber: median, ms | CPU of server and client, ms | KB | time, against 100 items |',
  )
  console.log('|---|---|---|---|---|')
  const medianOf = (count: number, read: (sample: { ms: number; cpu: number; bytes: number }) => number): number =>
    median((samples.get(count) ?? []).map(read))
  for (const count of ids.keys()) {
    const ms = medianOf(count, (sample) => sample.ms)
    console.log(
      `| ${format(count)} | ${ms.toFixed(2)} | ${(medianOf(count, ({ cpu }) => cpu) / 1_000).toFixed(2)} | ${(medianOf(count, ({ bytes }) => bytes) / 1_000).toFixed(1)} | ${(ms / medianOf(100, (sample) => sample.ms)).toFixed(2)} |`,
    )
  }
  socket.terminate()
}

showFold()
await using bench = await startBenchDatabase()
await using engine = await startBenchEngine(bench.database, [counting])
const ids = await showReports(
  engine,
  [10, 100, 1_000, 10_000, 100_000].filter((count) => count <= largest),
)
await showJoins(bench, engine, ids)
