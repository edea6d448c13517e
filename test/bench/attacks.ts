/** Attacks a server, and measures what another viewer notices: `npm run attacks -- --help`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SignJWT } from 'jose'
import { WebSocket } from 'ws'
import { findFreePort } from '../support/port.ts'
import { type Attack, attacks } from './attacks-list.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '5' },
    root: { type: 'string', default: join(import.meta.dirname, '../..') },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(`npm run attacks [-- options]

Runs each flood at a stated rate against the server and against a null server. Beside it a viewer at another address
sends 50 queries a second over one WebSocket, and receives 20 events a second. Prints the 99th percentile of its latency
before and during the flood, and the processor time of the server per message. The numbers depend on the machine: compare
those of one run.

  --only TEXT       only floods whose name contains this text:
${attacks.map(({ name }) => `                      ${name}`).join('\n')}
  --seconds N       how long each flood lasts (default: 5)
  --root DIRECTORY  the directory of the attacked version (default: this one)
  --help            this
`)
  process.exit()
}
const seconds = Number(values.seconds)
const secret = 'the secret of the attacks, long enough for HS256'
const queryEveryMs = 20
const startMs = 60_000
/** Clock ticks per second of `/proc/PID/stat`. */
const ticksPerSecond = 100

const sign = (sub: string): Promise<string> =>
  new SignJWT({ sub, exp: Math.floor(Date.now() / 1_000) + 3_600 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))

interface Target extends AsyncDisposable {
  readonly name: string
  readonly port: number
  readonly pid: number
}

async function start(name: string, file: string, environment: Readonly<Record<string, string>>): Promise<Target> {
  const port = await findFreePort()
  const child: ChildProcess = spawn(process.execPath, [file], {
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
    name,
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Returns the processor time of a process in milliseconds. */
async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000
}

async function memoryMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024
}

/** The latencies of another viewer, in milliseconds. */
interface Latencies {
  readonly queries: number[]
  readonly events: number[]
}

/** The viewer beside the attack. */
async function watch(port: number, token: string) {
  const latencies: Latencies = { queries: [], events: [] }
  let current = latencies
  const sentAt = new Map<string, number>()
  /** Errors in the bystander's replies: a refused query would count as a fast one. */
  const failures: string[] = []
  let isClosed = false
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
    headers: { 'x-bystander': '1' },
  })
  await once(socket, 'open')
  socket.on('close', () => {
    isClosed = true
  })
  const acked = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const {
      type,
      id = '',
      payload,
    } = JSON.parse(String(data)) as {
      type: string
      id?: string
      payload?: { data?: { taskProgress?: { at?: string } }; errors?: readonly { message: string }[] }
    }
    if (payload?.errors !== undefined) failures.push(payload.errors.map(({ message }) => message).join(', '))
    if (type === 'connection_ack') acked.resolve()
    const at = payload?.data?.taskProgress?.at
    if (id === 'events' && at !== undefined) current.events.push(Date.now() - Date.parse(at))
    if (type !== 'next' || !id.startsWith('query')) return
    current.queries.push(performance.now() - (sentAt.get(id) ?? 0))
    sentAt.delete(id)
  })
  socket.send(JSON.stringify({ type: 'connection_init', payload: { token } }))
  await acked.promise
  const mutation =
    'mutation { startSelfTest(input: { items: 500, everyMs: 50 }) { ... on StartSelfTestSuccess { task { id } } } }'
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: mutation }),
  })
  const answer = (await response.json()) as {
    data?: { startSelfTest: { task?: { id: string } } }
    errors?: readonly { message: string }[]
  }
  const taskId = answer.data?.startSelfTest.task?.id
  // The null server replies without data.
  if (answer.data !== undefined && taskId === undefined)
    throw new Error(`The bystander could not start a task: ${JSON.stringify(answer)}`)
  const query = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename at } }'
  const variables = { id: taskId ?? '' }
  socket.send(JSON.stringify({ type: 'subscribe', id: 'events', payload: { query, variables } }))
  let asked = 0
  const timer = setInterval(() => {
    if (isClosed) return
    const id = `query${++asked}`
    sentAt.set(id, performance.now())
    socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query: '{ viewer { id } }' } }))
  }, queryEveryMs)
  return {
    /** Returns the latencies during the given time; an unanswered query has waited until now. */
    async during(work: Promise<unknown>): Promise<Latencies> {
      const measured: Latencies = { queries: [], events: [] }
      current = measured
      await work
      for (const at of sentAt.values()) measured.queries.push(performance.now() - at)
      current = { queries: [], events: [] }
      return measured
    },
    isClosed: () => isClosed,
    failures,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      socket.terminate()
    },
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

interface Result {
  readonly before: Latencies
  readonly during: Latencies
  readonly sent: number
  readonly codes: string
  readonly usPerMessage: number
  readonly grownMb: number
  readonly isClosed: boolean
  /** Errors in the replies to the bystander. */
  readonly failures: readonly string[]
}

async function run(attack: Attack, { port, pid }: Target): Promise<Result> {
  await using bystander = await watch(port, await sign(`bystander of ${attack.name}`))
  await delay(500)
  const before = await bystander.during(delay((seconds * 1_000) / 2))
  const memoryBefore = await memoryMb(pid)
  const idle = await cpuMs(pid)
  await delay(1_000)
  const idlePerSecond = (await cpuMs(pid)) - idle
  const cpuBefore = await cpuMs(pid)
  const startedAt = performance.now()
  const file = join(import.meta.dirname, 'attack-load.ts')
  const args = [file, attack.name, String(port), String(seconds), await sign('attacker')]
  const attacker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  attacker.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const during = await bystander.during(once(attacker, 'close'))
  const elapsedSeconds = (performance.now() - startedAt) / 1_000
  const spentMs = (await cpuMs(pid)) - cpuBefore - idlePerSecond * elapsedSeconds
  const { sent, refused, codes } = JSON.parse(text) as { sent: number; refused: number; codes: object }
  return {
    before,
    during,
    sent,
    codes: [...Object.entries(codes).map(([code, count]) => `${count} × ${code}`), `${refused} errors`].join(', '),
    usPerMessage: (spentMs * 1_000) / Math.max(1, sent),
    grownMb: (await memoryMb(pid)) - memoryBefore,
    isClosed: bystander.isClosed(),
    failures: bystander.failures,
  }
}

const selected = attacks.filter(({ name }) => name.includes(values.only))
if (selected.length === 0)
  throw new Error(`No attack has ${values.only} in its name: ${attacks.map(({ name }) => name).join(', ')}`)

const directory = await mkdtemp(join(tmpdir(), 'tidings-attacks-'))
try {
  await using ours = await start('Tidings', join(resolve(values.root), 'src/main.ts'), {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    DATA_DIR: join(directory, 'data'),
    PREVIEW_PORT: '0',
    JWT_SECRET: secret,
    SELF_TEST: 'true',
    LOG_LEVEL: 'error',
  })
  await using nothing = await start('null server', join(import.meta.dirname, 'servers/null.ts'), {})
  for (const attack of selected) {
    console.log(`\n${attack.name}: ${attack.perSecond} a second for ${seconds} s`)
    for (const target of [nothing, ours]) {
      const result = await run(attack, target)
      const { before, during } = result
      const show = (latencies: readonly number[]): string =>
        `${percentile(latencies, 0.5).toFixed(1)} / ${percentile(latencies, 0.99).toFixed(1)}`
      console.log(
        [
          `  ${target.name.padEnd(11)}`,
          `queries p50 / p99: ${show(before.queries)} → ${show(during.queries)} ms`,
          `events: ${show(before.events)} → ${show(during.events)} ms`,
          `${result.sent} sent, ${result.usPerMessage.toFixed(0)} µs each`,
          `${result.grownMb >= 0 ? '+' : ''}${result.grownMb.toFixed(0)} MB`,
          `attacker: ${result.codes}`,
          ...(result.isClosed ? ['THE BYSTANDER WAS DISCONNECTED'] : []),
          ...(result.failures.length > 0
            ? [`THE BYSTANDER WAS REFUSED ${result.failures.length} TIMES: ${result.failures[0]}`]
            : []),
        ].join('; '),
      )
      if (result.isClosed || result.failures.length > 0) process.exitCode = 1
      // The limits of the attacker's address recover.
      await delay(2_000)
    }
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
