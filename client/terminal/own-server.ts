import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The server used by the demo: one that is already running, or one started by the demo. */
interface DemoServer extends AsyncDisposable {
  readonly url: string
  readonly isOwn: boolean
}

const patienceMs = 30_000

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(2_000) })
    return response.ok
  } catch {
    // No server responds at `url`.
    return false
  }
}

/**
 * Finds a server at `url`, or starts one. Disposing stops a server that was started: its tasks
 * remain in its database and continue at the next start.
 *
 * @throws Error with the server's output when it does not become ready
 */
export async function findServer(url: string): Promise<DemoServer> {
  if (await isReady(url)) return { url, isOwn: false, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { port, hostname } = new URL(url)
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url))], {
    env: {
      ...process.env,
      PORT: port || '80',
      PREVIEW_PORT: '0',
      HOST: hostname,
      FIRST_RUN: 'false',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C must reach the demo only, which then shuts its server down gracefully.
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exit = new Promise<'ended'>((resolve) => child.once('exit', () => resolve('ended')))
  const deadline = Date.now() + patienceMs
  while (!(await isReady(url))) {
    if ((await Promise.race([exit, delay(100)])) === 'ended' || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`No server answers at ${url}, and none could be started there:\n${output.trim()}`)
    }
  }
  return { url, isOwn: true, [Symbol.asyncDispose]: () => stop(child, exit) }
}

async function stop(child: ChildProcess, exit: Promise<unknown>): Promise<void> {
  child.kill('SIGINT')
  await exit
}
