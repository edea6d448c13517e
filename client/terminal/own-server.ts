import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A server that the demo talks to: one that runs already, or one of its own. */
export interface DemoServer extends AsyncDisposable {
  readonly url: string
  readonly isOwn: boolean
}

const patienceMs = 30_000

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(2_000) })
    return response.ok
  } catch {
    // Nobody answers there, which is what is being asked.
    return false
  }
}

/**
 * Finds a server at `url`, or starts one there. One that was started is stopped by disposing: its tasks wait in its
 * database and go on at the next start.
 *
 * @throws Error when it does not become ready, with what it printed
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
    // Ctrl-C is for the demo, which stops its server in order.
    detached: true,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const ended = new Promise<'ended'>((resolve) => child.once('exit', () => resolve('ended')))
  const deadline = Date.now() + patienceMs
  while (!(await isReady(url))) {
    if ((await Promise.race([ended, delay(100)])) === 'ended' || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`No server answers at ${url}, and none could be started there:\n${printed.trim()}`)
    }
  }
  return { url, isOwn: true, [Symbol.asyncDispose]: () => stop(child, ended) }
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGINT')
  await ended
}
