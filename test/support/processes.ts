import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/**
 * Compiled modules, kept from one process to the next: a server then starts in two thirds of the
 * processor time.
 */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/tidings-tests', import.meta.url))

/** A Node process that runs one of our files. Disposing kills it. */
export interface TestProcess extends AsyncDisposable {
  readonly pid: number
  /** Returns the next line it prints. Rejects, with its error output, when it ends first. */
  readLine(): Promise<string>
  /** Returns the next line that contains a text. Rejects as {@link TestProcess.readLine} does. */
  readUntil(text: string): Promise<string>
  /** Sends a signal to it, or with `group` to all processes of its group, as a terminal does. */
  kill(signal: NodeJS.Signals, options?: { group?: boolean }): void
  /** Resolves when it has ended, with its code, or null after a signal. */
  readonly ended: Promise<number | null>
}

const corkedSockets = new URL('./corked-sockets.ts', import.meta.url).pathname

/**
 * Starts `node file ...args`, which ends when a socket stays corked (corked-sockets.ts), as the
 * leader of a separate process group.
 *
 * @param cwd - its directory; by default that of this process
 */
export function startProcess(
  file: URL,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd?: string,
): TestProcess {
  const child: ChildProcess = spawn(process.execPath, ['--import', corkedSockets, file.pathname, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A server's previews take the port after its own by default, which may be another test's.
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache, PREVIEW_PORT: '0', ...environment },
    detached: true,
    cwd,
  })
  const { pid, stdout, stderr } = child
  if (pid === undefined || stdout === null || stderr === null) throw new Error(`${file.pathname} did not start`)
  let errors = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const lines = createInterface(stdout)[Symbol.asyncIterator]()
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const stopped = once(child, 'close')
  const readLine = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done !== true) return line.value
    await stopped
    throw new Error(`${file.pathname} ended:\n${errors}`)
  }
  return {
    pid,
    ended,
    readLine,
    readUntil: async (text) => {
      for (;;) {
        const line = await readLine()
        if (line.includes(text)) return line
      }
    },
    kill: (signal, { group = false } = {}) => {
      process.kill(group ? -pid : pid, signal)
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}
