/**
 * Measures the accuracy of the estimates: `node test/bench/estimates.ts`.
 *
 * On a separate embedded PostgreSQL, tasks of ten items each run (they sleep) in four slots. After
 * thirty tasks that form the history, eighty more are started at once. The estimated wait at every
 * queue position, and the estimated remaining time in every event of a running task, is compared
 * with the actual time: the median of the absolute error as a percentage of the actual time, of
 * three runs with their spread. Waits and remaining times below 100 ms are excluded.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { defineTask, type TaskDefinition } from '../../src/tasks/define-task.ts'
import type { Engine } from '../../src/tasks/engine.ts'
import { declareItems, item } from '../../src/tasks/report.ts'
import { lastEventTypes, type ProgressState, type Task } from '../../src/tasks/task.ts'
import { median, startBenchDatabase, startBenchEngine } from './engine.ts'

const runs = 3
const history = 30
const crowd = 80
const itemCount = 10
const leastMs = 100
const keys = Array.from({ length: itemCount }, (_, index) => String(index))

/** Returns a normally distributed number. */
function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
}

/** How long the items of a task take: those of one task are alike, and tasks differ. */
const paces: Readonly<Record<string, () => () => number>> = {
  'steady (±10 %)': () => () => 40 * (0.9 + Math.random() * 0.2),
  'mixed (log-normal, σ 0.4 and 0.4)': () => {
    const own = 40 * Math.exp(0.4 * normal())
    return () => own * Math.exp(0.4 * normal())
  },
  'wild (log-normal, σ 0.8 and 0.8)': () => {
    const own = 30 * Math.exp(0.8 * normal())
    return () => own * Math.exp(0.8 * normal())
  },
}

function createKind(pace: () => () => number): TaskDefinition {
  return defineTask({
    kind: 'PACED',
    input: z.object({}),
    concurrency: 4,
    async *run() {
      const next = pace()
      yield declareItems(keys.map((key) => ({ key, label: key })))
      for (const key of keys) {
        yield item.started(key)
        await delay(next())
        yield item.completed(key)
      }
      return {}
    },
  }) as TaskDefinition
}

const startOne = async (engine: Engine): Promise<Task> =>
  (await engine.tasks.start({ kind: 'PACED', input: {}, owner: 'u_1' })).task

interface Errors {
  readonly wait: number[]
  readonly remaining: number[]
}

/** Follows a task to its end and compares the estimates with the actual times. */
async function watch(engine: Engine, task: Task, errors: Errors): Promise<void> {
  const waits: { readonly atMs: number; readonly promisedMs: number }[] = []
  const remainders: { readonly atMs: number; readonly promisedMs: number }[] = []
  const note = (into: number[], promises: typeof waits, endMs: number): void => {
    for (const { atMs, promisedMs } of promises) {
      const truthMs = endMs - atMs
      if (truthMs >= leastMs) into.push((Math.abs(promisedMs - truthMs) / truthMs) * 100)
    }
  }
  for await (const watched of engine.watch({ taskId: task.id, kind: task.kind, fromStart: true })) {
    if (watched.is === 'queueMoved') {
      const promisedMs = watched.place.estimatedWaitMs
      if (promisedMs !== null) waits.push({ atMs: Date.parse(watched.at), promisedMs })
    }
    if (watched.is !== 'event') continue
    const { type, at, payload } = watched.event
    const { remainingMs } = payload['progress'] as ProgressState
    if (type === 'TaskStarted') note(errors.wait, waits, Date.parse(at))
    if (lastEventTypes.has(type)) note(errors.remaining, remainders, Date.parse(at))
    else if (remainingMs !== null) remainders.push({ atMs: Date.parse(at), promisedMs: remainingMs })
  }
}

async function measure(pace: () => () => number): Promise<{ readonly wait: number; readonly remaining: number }> {
  await using bench = await startBenchDatabase()
  await using engine = await startBenchEngine(bench.database, [createKind(pace)])
  const first = await Promise.all(Array.from({ length: history }, () => startOne(engine)))
  await Promise.all(first.map((task) => watch(engine, task, { wait: [], remaining: [] })))
  const errors: Errors = { wait: [], remaining: [] }
  const tasks = await Promise.all(Array.from({ length: crowd }, () => startOne(engine)))
  await Promise.all(tasks.map((task) => watch(engine, task, errors)))
  return { wait: median(errors.wait), remaining: median(errors.remaining) }
}

console.log('median absolute error, %            wait (spread)         remaining (spread)')
for (const [name, pace] of Object.entries(paces)) {
  const measured: Awaited<ReturnType<typeof measure>>[] = []
  for (let run = 0; run < runs; run++) measured.push(await measure(pace))
  const column = (of: 'wait' | 'remaining'): string => {
    const values = measured.map((one) => one[of]).sort((a, b) => a - b)
    return `${median(values).toFixed(1)} (${values[0]?.toFixed(1)}–${values.at(-1)?.toFixed(1)})`
  }
  console.log(`${name.padEnd(36)}${column('wait').padEnd(22)}${column('remaining')}`)
}
