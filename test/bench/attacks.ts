/** Attacks servers, and measures what another viewer notices: `npm run attacks -- --help`. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SignJWT } from 'jose'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { startRedis } from '../support/redis.ts'
import { connectBystander, type Latencies } from './attack-bystander.ts'
import { type Attack, attacks } from './attacks-list.ts'
import { readProcessCpuMs } from './processor-time.ts'
import { compareTails } from './statistics.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
    'warm-ups': { type: 'string', default: '3' },
    slowest: { type: 'boolean', default: false },
    servers: { type: 'string', default: 'all' },
    root: { type: 'string', default: join(import.meta.dirname, '../..') },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(`npm run attacks [-- options]

Measures what a viewer notices of floods from another address. The viewer is served by Tidings throughout: over one
WebSocket it sends 59 queries a second, and receives about 60 events a second of tasks that a server runs. Each flood, at a
stated rate, goes alternately to a null server (the control: what the attacker takes of the machine) and to Tidings. The
null server parses HTTP and WebSocket frames, and does nothing else. Before it is measured, each flood goes to Tidings
several times: V8 compiles code for half a minute, in threads that share the core with the server here.

Prints for queries and events the 99th percentile of the latency, with the flood at the null server and with the flood at
Tidings, and their ratio; OVER marks ratios above 2. After the ratio follows the range of 95 % of the ratios that runs like
this one would measure (bootstrap over its seconds): more rounds make it narrower. Events are measured from the report of
the task to the viewer, with the clock that all processes share. Prints also the processor time of the flooded servers per
message, less that of the same time in the control, and the number and mean time of the collections of the young generation
in the server of the viewer, which stop it.

  one server        the flood goes to the server of the viewer
  the other server  there are two servers with one database and Redis. The flood goes to one of them, which also runs the
                    tasks; the viewer is at the other one
  both servers      the flood is divided between the two

Where taskset exists, Tidings (of two: the server of the viewer), the database and Redis run on the first core; the null
server, the flooded one of two servers, the attacker and the viewer on the second one. The numbers depend on the machine:
compare those of one run, on a machine that does nothing else.

  --only TEXT|…     only floods whose name contains one of these texts:
${attacks.map(({ name }) => `                      ${name}`).join('\n')}
  --seconds N       how long each flood lasts (default: 10)
  --rounds N        how often each flood goes to each of its targets (default: 2)
  --warm-ups N      how often before it is measured (default: 3)
  --slowest         print the three largest latencies of each second too: those that follow the start of a flood have a
                    cause in it; those of single seconds, in controls as well, are pauses of the machine
  --servers N       only with one server or two; default: both
  --root DIRECTORY  the directory of the attacked version (default: this one)
  --help            this
`)
  process.exit()
}
const seconds = Number(values.seconds)
const secret = 'the secret of the attacks, long enough for HS256'
const startMs = 60_000
/** Ratios above it are marked. */
const maxRatio = 2
/** In this time the limits of the attacker recover, and a new bystander settles. */
const pauseMs = 2_000

/** The cores of the servers and of everything else; null where processes cannot be assigned. */
const cores = availableParallelism() > 1 && hasTaskset() ? ({ servers: '0', others: '1' } as const) : null

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Assigns this process, and those that it starts from now on. */
function moveTo(core: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', core, String(process.pid)], { stdio: 'ignore' })
}

const sign = (sub: string): Promise<string> =>
  new SignJWT({ sub, exp: Math.floor(Date.now() / 1_000) + 3_600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))

interface Target extends AsyncDisposable {
  readonly port: number
  readonly pid: number
}

/** Starts a server on the given core, and waits until it serves. */
async function start(
  file: string,
  core: keyof NonNullable<typeof cores>,
  environment: Readonly<Record<string, string>>,
): Promise<Target> {
  const port = await findFreePort()
  const [command = '', ...args] = [...(cores === null ? [] : ['taskset', '-c', cores[core]]), process.execPath, file]
  const child: ChildProcess = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment, PORT: String(port) },
  })
  const exited = once(child, 'exit')
  const deadline = Date.now() + startMs
  for (;;) {
    const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) break
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`${file} did not start`)
    await delay(100)
  }
  return {
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function memoryMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024
}

const sumOver = async (targets: readonly Target[], read: (pid: number) => Promise<number | null>): Promise<number> =>
  (await Promise.all(targets.map(({ pid }) => read(pid)))).reduce<number>((sum, value) => sum + (value ?? 0), 0)

/** Collections of the young generation since a process started. */
interface Collections {
  readonly count: number
  readonly ms: number
}

async function readCollections(port: number): Promise<Collections> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const read = (name: string): number =>
    Number(
      new RegExp(`^nodejs_gc_duration_seconds_${name}\\{[^}]*kind="minor"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0,
    )
  return { count: read('count'), ms: 1_000 * read('sum') }
}

interface Window extends Latencies {
  readonly sent: number
  readonly refused: number
  readonly codes: Readonly<Record<string, number>>
  /** Processor time of the servers under test. */
  readonly cpuMs: number
  readonly grownMb: number
  readonly collections: Collections
  /** Why the latencies cannot be used. */
  readonly problems: readonly string[]
}

/** Floods the targets once, with a viewer at `port`. */
async function flood(attack: Attack, at: { targets: readonly Target[]; measured: readonly Target[]; port: number }) {
  const { targets, measured, port } = at
  const before = await readCollections(port)
  await using bystander = await connectBystander(port, await sign(`bystander ${performance.now()}`))
  await delay(pauseMs)
  const memoryBefore = await sumOver(measured, memoryMb)
  const cpuBefore = await sumOver(measured, readProcessCpuMs)
  const file = join(import.meta.dirname, 'attack-load.ts')
  const ports = targets.map((target) => target.port).join(',')
  const args = [file, attack.name, ports, String(seconds), await sign('attacker')]
  const attacker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  attacker.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const closed = once(attacker, 'close')
  const latencies = await bystander.during(closed)
  const after = await readCollections(port)
  return {
    ...latencies,
    ...(JSON.parse(text) as Pick<Window, 'sent' | 'refused' | 'codes'>),
    cpuMs: (await sumOver(measured, readProcessCpuMs)) - cpuBefore,
    grownMb: (await sumOver(measured, memoryMb)) - memoryBefore,
    collections: { count: after.count - before.count, ms: after.ms - before.ms },
    problems: [
      ...(bystander.isClosed ? ['THE BYSTANDER WAS DISCONNECTED'] : []),
      ...(bystander.failures.length > 0
        ? [`THE BYSTANDER WAS REFUSED ${bystander.failures.length} TIMES: ${bystander.failures[0]}`]
        : []),
    ],
  } satisfies Window
}

/** Where a flood goes. */
interface Case {
  readonly name: string
  readonly targets: readonly Target[]
}

/** Floods the null server and each target alternately, and prints one line for each target. */
async function compare(attack: Attack, at: { nothing: Target; cases: readonly Case[]; port: number }): Promise<void> {
  const { nothing, cases, port } = at
  const measured = [...new Set(cases.flatMap(({ targets }) => targets))]
  const controls: Window[] = []
  const floods = new Map(cases.map(({ name }) => [name, [] as Window[]]))
  for (let warmUp = 0; warmUp < Number(values['warm-ups']); warmUp++)
    for (const { targets } of cases) await flood(attack, { targets, measured: [], port })
  for (let round = 0; round < Number(values.rounds); round++) {
    controls.push(await flood(attack, { targets: [nothing], measured, port }))
    for (const { name, targets } of cases) floods.get(name)?.push(await flood(attack, { targets, measured, port }))
  }
  for (const [name, windows] of floods) printCase(name, controls, windows)
}

/** Prints one line for each flood: the largest latencies of each of its seconds, in milliseconds. */
function printSlowest(name: string, windows: readonly Window[]): void {
  for (const kind of ['queries', 'events'] as const)
    for (const window of windows) {
      const seconds = window[kind].map((latencies) => latencies.toSorted((a, b) => b - a).slice(0, 3))
      console.log(
        `    ${name}: ${kind} ${seconds.map((worst) => worst.map((ms) => ms.toFixed(0)).join(' ')).join(', ')}`,
      )
    }
}

function printCase(name: string, controls: readonly Window[], windows: readonly Window[]): void {
  const show = (of: keyof Latencies): string => {
    const secondsOf = (all: readonly Window[]): number[][] => all.flatMap((window) => window[of])
    const { before, during, ratio, low, high } = compareTails(secondsOf(controls), secondsOf(windows))
    const count = secondsOf(windows).flat().length
    return (
      `${of} ${before.toFixed(1)} → ${during.toFixed(1)} ms (× ${ratio.toFixed(1)}, ` +
      `${low.toFixed(1)} to ${high.toFixed(1)}, of ${count})${ratio <= maxRatio ? '' : ' OVER'}`
    )
  }
  const mean = (all: readonly Window[], of: 'cpuMs' | 'grownMb' | 'sent'): number =>
    all.reduce((sum, window) => sum + window[of], 0) / all.length
  const usPerMessage = ((mean(windows, 'cpuMs') - mean(controls, 'cpuMs')) * 1_000) / mean(windows, 'sent')
  const codes = new Map<string, number>()
  for (const window of windows)
    for (const [code, count] of Object.entries(window.codes)) codes.set(code, (codes.get(code) ?? 0) + count)
  const refused = windows.reduce((sum, window) => sum + window.refused, 0)
  const problems = [...controls, ...windows].flatMap((window) => window.problems)
  const grownMb = mean(windows, 'grownMb')
  const collections = windows.reduce((sum, window) => sum + window.collections.count, 0)
  const collectionMs = windows.reduce((sum, window) => sum + window.collections.ms, 0) / collections
  console.log(
    [
      `  ${name.padEnd(16)}  ${show('queries')}`,
      show('events'),
      `${mean(windows, 'sent').toFixed(0)} sent, ${usPerMessage.toFixed(0)} µs each`,
      `${grownMb >= 0 ? '+' : ''}${grownMb.toFixed(0)} MB`,
      collections === 0 ? 'no collections' : `${collections} collections of ${collectionMs.toFixed(1)} ms`,
      `attacker: ${[...codes].map(([code, count]) => `${count} × ${code}, `).join('')}${refused} errors`,
      ...problems,
    ].join('; '),
  )
  if (values.slowest) {
    printSlowest('control', controls)
    printSlowest('flood', windows)
  }
  if (problems.length > 0) process.exitCode = 1
}

const selected = attacks.filter(({ name }) => values.only.split('|').some((text) => name.includes(text)))
if (selected.length === 0)
  throw new Error(`No attack has ${values.only} in its name: ${attacks.map(({ name }) => name).join(', ')}`)
const main = join(resolve(values.root), 'src/main.ts')

/** Runs floods against servers with a database of their own. */
async function withDatabase(run: (environment: Readonly<Record<string, string>>) => Promise<void>): Promise<void> {
  if (cores !== null) moveTo(cores.servers)
  await using directory = await createTestDirectory({ isOnDisk: true })
  await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
  await using redis = await startRedis()
  if (cores !== null) moveTo(cores.others)
  await run({
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    PREVIEW_PORT: '0',
    FIRST_RUN: 'false',
    JWT_SECRET: secret,
    SELF_TEST: 'true',
    LOG_LEVEL: 'error',
  })
}

await using nothing = await start(join(import.meta.dirname, 'servers/null.ts'), 'others', {})
if (values.servers !== '2')
  await withDatabase(async ({ REDIS_URL: _, ...environment }) => {
    await using server = await start(main, 'servers', environment)
    for (const attack of selected) {
      console.log(`\n${attack.name}: ${attack.perSecond} a second for ${seconds} s`)
      await compare(attack, { nothing, cases: [{ name: 'one server', targets: [server] }], port: server.port })
    }
  })
if (values.servers !== '1')
  await withDatabase(async (environment) => {
    await using flooded = await start(main, 'others', environment)
    await using server = await start(main, 'servers', { ...environment, ROLE: 'server' })
    const cases = [
      { name: 'the other server', targets: [flooded] },
      { name: 'both servers', targets: [flooded, server] },
    ]
    for (const attack of selected) {
      console.log(`\n${attack.name}: ${attack.perSecond} a second for ${seconds} s, two servers`)
      await compare(attack, { nothing, cases, port: server.port })
    }
  })
