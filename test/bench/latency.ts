/**
 * Measures the latency of an event from `yield` in a task to its subscriber:
 * `node test/bench/latency.ts`.
 *
 * On a separate embedded PostgreSQL with `synchronous_commit` on, a task reports one item every 5
 * ms, which is written and committed at once; the subscriber compares the clock with the time in
 * the item's label. "in process" is one engine with the bus in memory; "two processes" runs the
 * task in a separate process and uses Redis. Prints the median of three runs with their spread, and
 * the 99th percentile.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { connectDatabase } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Engine } from '../../src/tasks/engine.ts'
import { advance, declareItems, item, output } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { startProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'
import { startBenchDatabase, startBenchEngine } from './engine.ts'
import { median, percentile } from './statistics.ts'

const runs = 3
const samples = 500
const pauseMs = 5

/** Both processes run on one machine, so they have one clock. */
const now = (): number => performance.timeOrigin + performance.now()

const ticking = createTaskDefinition({
  kind: 'TICKING',
  input: z.object({ what: z.enum(['item', 'advance', 'output']) }),
  async *run({ input }) {
    for (let i = 0; i < samples; i++) {
      if (input.what === 'item') yield declareItems([{ key: String(i), label: String(now()) }])
      if (input.what === 'advance') yield advance({ message: String(now()) })
      if (input.what === 'output') yield output(`s${i}`, String(now()))
      await delay(input.what === 'item' ? pauseMs : pauseMs * 12)
      if (input.what !== 'item' && i >= 100) break
    }
    yield item.completed('0')
    return {}
  },
}) as TaskDefinition

/** Returns when the item or advance of an event was yielded; null for other events. */
function yieldedAt(type: string, payload: Readonly<Record<string, unknown>>): number | null {
  if (type === 'TaskItemsAdded') return Number((payload['items'] as { label: string }[])[0]?.label)
  if (type === 'TaskOutput') return Number(payload['text'])
  if (type !== 'TaskAdvanced') return null
  const { message } = payload['progress'] as { message: string | null }
  return message === null ? null : Number(message)
}

async function measure(watching: Engine, what: string): Promise<readonly number[]> {
  const { task } = await watching.tasks.start({ kind: ticking.kind, input: { what }, owner: 'u_1' })
  const tookMs: number[] = []
  for await (const update of watching.follow({ taskId: task.id, fromStart: true })) {
    if (update.is !== 'event') continue
    const at = yieldedAt(update.event.type, update.event.payload)
    if (at !== null) tookMs.push(now() - at)
  }
  // The first ones plan their statements.
  return tookMs.slice(20)
}

async function report(name: string, watching: Engine, what: string): Promise<void> {
  const measured: (readonly number[])[] = []
  for (let run = 0; run < runs; run++) measured.push(await measure(watching, what))
  const medians = measured.map((tookMs) => median(tookMs)).sort((a, b) => a - b)
  const p99 = median(measured.map((tookMs) => percentile(tookMs, 0.99)))
  console.log(
    `${name.padEnd(34)}${median(medians).toFixed(2).padStart(8)}` +
      ` (${medians[0]?.toFixed(2)}–${medians.at(-1)?.toFixed(2)})`.padEnd(16) +
      p99.toFixed(2).padStart(8),
  )
}

const [role, url = '', redisUrl = ''] = process.argv.slice(2)
if (role === 'work') {
  await using database = await connectDatabase({ url, maxConnections: 10, logger: silentLogger })
  await using _engine = await startBenchEngine(database, [ticking], { ROLE: 'worker', REDIS_URL: redisUrl })
  console.log('ready')
  const forever = setInterval(() => undefined, 60_000)
  await once(process, 'SIGTERM')
  clearInterval(forever)
} else {
  await using bench = await startBenchDatabase()
  console.log('from yield to the watcher           p50 ms  (spread)        p99 ms')
  {
    await using engine = await startBenchEngine(bench.database, [ticking])
    await report('in process, an item', engine, 'item')
    await report('in process, an advance (first)', engine, 'advance')
    await report('in process, text (first)', engine, 'output')
  }
  await using redis = await startRedis()
  await using worker = startProcess(new URL(import.meta.url), ['work', bench.url, redis.url])
  await worker.readLine()
  await using engine = await startBenchEngine(bench.database, [ticking], { ROLE: 'server', REDIS_URL: redis.url })
  await report('two processes over Redis, an item', engine, 'item')
  await report('two processes, an advance (first)', engine, 'advance')
  worker.kill('SIGTERM')
  await worker.ended
}
