/**
 * `npm run bench`: compares Tidings with the alternatives of a user, and writes
 * `docs/performance.md` with its picture; `npm run bench -- --help` describes the options.
 */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { timeByArea } from './areas.ts'
import { type BenchRequest, type Case, readArguments, usage } from './arguments.ts'
import {
  type Environment,
  type FanOutRates,
  measureFanOut,
  measureIdle,
  measureJoining,
  measureLatency,
  measureSlowReaders,
  measureStorm,
  profileFanOut,
} from './cases.ts'
import { type Contestant, contestants } from './contestants.ts'
import { createReport, type Results } from './report.ts'
import { measureStartUp } from './start-up.ts'
import { spreadOf } from './statistics.ts'

const { isQuick, runs, isWhole, cases, contestants: all } = readRequest()
const compared = all.filter(({ isFloor }) => isFloor !== true)
const ms = isQuick ? 800 : 1_400
const scale = isQuick ? 0.2 : 1

const results: Results = {
  fanOut: [],
  latency: [],
  idle: [],
  joining: [],
  storm: [],
  slow: [],
  endToEnd: [],
  startUp: [],
  profile: [],
  curve: [],
}

/** Returns the request of the arguments. Exits when they ask for help, or are invalid. */
function readRequest(): BenchRequest {
  try {
    const request = readArguments(process.argv.slice(2))
    if (request !== null) return request
    process.stdout.write(usage)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nAll options: npm run bench -- --help\n`)
    process.exit(1)
  }
}

/**
 * Measures all contestants in turn, run after run, so that other load on the machine affects all
 * alike.
 */
async function compare<T>(
  title: string,
  measure: (contestant: Contestant) => Promise<T>,
  only: readonly Contestant[] = compared,
): Promise<readonly { readonly contestant: string; readonly runs: readonly T[] }[]> {
  const taken = only.map((contestant) => ({ contestant, runs: [] as T[] }))
  for (let run = 1; run <= runs; run++)
    for (const { contestant, runs: measured } of taken) {
      const startedAt = performance.now()
      try {
        measured.push(await measure(contestant))
      } catch (error) {
        console.error(`${title}: ${contestant.name} failed:`, error)
      }
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
      console.log(`${title} · run ${run}/${runs} · ${contestant.name} (${seconds} s)`, measured.at(-1))
    }
  return taken.map(({ contestant, runs: measured }) => ({ contestant: contestant.name, runs: measured }))
}
const wants = (name: Case): boolean => cases.includes(name)
const tidings = contestants.filter(({ name }) => name === 'Tidings')
/** Without the larger ones, where the cost of a single delivery is measured. */
const lean = all.filter(({ name, isFloor }) => name === 'bare ws' || name === 'Tidings' || isFloor === true)

async function runAll(environment: Environment): Promise<void> {
  // The two most important shapes come first, in case the run is cut short.
  const [first, rest] = [
    [
      { topics: 1, subscribers: 1_000 },
      { topics: 1_000, subscribers: 1 },
    ],
    [
      { topics: 1, subscribers: 100 },
      { topics: 1, subscribers: 5_000 },
      { topics: 100, subscribers: 10 },
    ],
  ]
  if (wants('fan-out')) for (const shape of first) await measureShape(results.fanOut, shape, environment, all)
  await save()
  if (wants('latency'))
    for (const shape of [
      { topics: 1, subscribers: 1_000, perSecond: 10 },
      { topics: 1_000, subscribers: 1, perSecond: 1_000 },
    ])
      results.latency.push({
        ...shape,
        measured: await compare(`latency ${shape.topics} × ${shape.subscribers}`, (contestant) =>
          measureLatency(contestant, environment, { ...shape, ms: ms * 4 }),
        ),
      })
  await save()
  if (wants('end-to-end'))
    for (const shape of [
      { topics: 1, subscribers: 1_000, perSecond: 18 },
      { topics: 100, subscribers: 1, perSecond: 200 },
      { topics: 1_000, subscribers: 1, perSecond: 1_000 },
    ])
      results.endToEnd.push({
        ...shape,
        measured: await compare(`end to end ${shape.topics} × ${shape.subscribers}`, (contestant) =>
          measureLatency(contestant, { ...environment, BENCH_APPEND: '1' }, { ...shape, ms: ms * 4 }),
        ),
      })
  await save()
  if (wants('idle')) {
    const sockets = [1_000, 5_000, 10_000].map((count) => count * scale)
    results.idle.push({
      topics: 1,
      measured: await compare('idle', (contestant) =>
        measureIdle(contestant, environment, { sockets, topics: 1, idleMs: 5_000 }),
      ),
    })
    const topics = 10_000 * scale
    results.idle.push({
      topics,
      measured: await compare(
        `${topics} sleeping topics`,
        (contestant) =>
          measureIdle(contestant, { ...environment, BENCH_APPEND: '1' }, { sockets: [topics], topics, idleMs: 9_000 }),
        tidings,
      ),
    })
  }
  await save()
  if (wants('join'))
    for (const topics of [1, 5_000 * scale])
      results.joining.push({
        topics,
        measured: await compare(`joining ${topics} topics`, (contestant) =>
          measureJoining(contestant, environment, { sockets: 5_000 * scale, topics }),
        ),
      })
  await save()
  if (wants('storm'))
    results.storm.push(
      ...(await compare('reconnect storm', (contestant) =>
        measureStorm(contestant, environment, { sockets: 5_000 * scale, missed: 10 }),
      )),
    )
  await save()
  if (wants('slow'))
    results.slow.push(
      ...(await compare('slow readers', (contestant) =>
        measureSlowReaders(contestant, environment, { stopped: 200, perSecond: 50, ms: ms * 3 }),
      )),
    )
  await save()
  if (wants('fan-out') && !isQuick)
    for (const shape of rest) await measureShape(results.fanOut, shape, environment, all)
  if (wants('profile'))
    for (const shape of first)
      results.profile.push({
        ...shape,
        measured: await compare(
          `profile ${shape.topics} × ${shape.subscribers}`,
          async (contestant) => timeByArea(await profileFanOut(contestant, environment, { ...shape, perTurn: 1 })),
          lean,
        ),
      })
  await save()
  if (wants('start-up'))
    for (let run = 1; run <= runs; run++) {
      results.startUp.push(await measureStartUp())
      console.log(`start-up · run ${run}/${runs}`, results.startUp.at(-1))
    }
  await save()
  if (wants('curve')) await measureCurve(environment)
}

/** Measurements of the fan-out are not repeated. */
async function measureCurve(environment: Environment): Promise<void> {
  for (const [topics, subscribers] of [
    [1, 1],
    [1, 10],
    [1, 100],
    [1, 1_000],
    [1, 10_000],
    [10, 1],
    [100, 1],
    [1_000, 1],
    [10_000, 1],
  ] as const) {
    const known = results.fanOut.find((one) => one.topics === topics && one.subscribers === subscribers)
    if (known === undefined) await measureShape(results.curve, { topics, subscribers }, environment, lean)
    else results.curve.push(onlyOf(known, lean))
  }
}

function onlyOf(shape: Results['fanOut'][number], only: readonly Contestant[]): Results['fanOut'][number] {
  const pick = <T extends { readonly contestant: string }>(rates: readonly T[]): readonly T[] =>
    rates.filter(({ contestant }) => only.some(({ name }) => name === contestant))
  return {
    ...shape,
    oneByOne: pick(shape.oneByOne),
    saturated: pick(shape.saturated),
    oneByOneOfCpu: pick(shape.oneByOneOfCpu),
    saturatedOfCpu: pick(shape.saturatedOfCpu),
  }
}

async function measureShape(
  into: Results['fanOut'],
  shape: { readonly topics: number; readonly subscribers: number },
  environment: Environment,
  only: readonly Contestant[],
): Promise<void> {
  const measured = await compare(
    `${shape.topics} × ${shape.subscribers}`,
    (contestant) => measureFanOut(contestant, environment, { ...shape, ms }),
    only,
  )
  const spreads = (rate: keyof FanOutRates) =>
    measured.map(({ contestant, runs: ran }) => ({ contestant, spread: spreadOf(ran.map((one) => one[rate])) }))
  into.push({
    ...shape,
    oneByOne: spreads('oneByOne'),
    saturated: spreads('saturated'),
    oneByOneOfCpu: spreads('oneByOneOfCpu'),
    saturatedOfCpu: spreads('saturatedOfCpu'),
  })
  await save()
}

/** Written after each measurement, so that a run that is cut short is not lost. */
async function save(): Promise<string> {
  const { text, document, picture, curve } = createReport(results, { runs })
  if (isWhole) {
    await writeFile(new URL('../../docs/performance.md', import.meta.url), document)
    await writeFile(new URL('../../docs/performance.svg', import.meta.url), picture)
    await writeFile(new URL('../../docs/performance-curve.svg', import.meta.url), curve)
  }
  await writeFile(join(tmpdir(), 'tidings-bench.json'), JSON.stringify(results, null, 2))
  return text
}

const redisPort = await findFreePort()
const redis = spawn('redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', ''], {
  stdio: 'ignore',
})
redis.once('error', () => {
  console.error('The benchmark needs a redis-server: apt-get install -y redis-server')
  process.exit(1)
})
try {
  await using directory = await createTestDirectory({ isOnDisk: true })
  await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
  await runAll({ REDIS_URL: `redis://127.0.0.1:${redisPort}`, DATABASE_URL: postgres.url })
} finally {
  redis.kill()
}
console.log(await save())
