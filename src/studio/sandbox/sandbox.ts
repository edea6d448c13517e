import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findIsolation } from './isolation.ts'
import { timeMessage } from './watchdog.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const maxErrorText = 8_000

/** The module that a sandboxed process runs, and its limits. */
interface SandboxOptions {
  readonly module: URL
  /** Limit of the JavaScript heap. */
  readonly maxHeapBytes: number
  /** Files and folders that the process may read besides this project's code and its packages; none by default. */
  readonly readable?: readonly string[]
}

/** A process that reads input of other people, and its messages. */
export interface Sandbox<Message> {
  readonly process: ChildProcess
  /** Returns the next message; null when the process has ended. */
  next(): Promise<Message | null>
  /** How the process ended. */
  ending(): SandboxEnding
  /** Returns the output of the process on standard error, and forgets it. */
  takeErrorText(): string
}

/** How a sandboxed process ended: by itself, by a signal, or without having been started. */
interface SandboxEnding {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: Error
  /** Whether a memory limit ended the process. */
  readonly isOutOfMemory: boolean
  /** Whether the limit of processor time ended the process. */
  readonly isOutOfTime: boolean
}

/**
 * Starts a process for input of other people, which may crash, loop or exhaust its memory without
 * affecting anything else. The process has no environment variables; it may read this project's
 * code and packages only, and may write nothing, start no program and load no native addon (Node's
 * permission model); where the system permits it has no network and is not root
 * ({@link findIsolation}). The module calls `watchProcess` first.
 */
export async function startSandbox<Message>({
  module,
  maxHeapBytes,
  readable = [],
}: SandboxOptions): Promise<Sandbox<Message>> {
  const { wrapper, user } = await findIsolation()
  const [command = '', ...args] = [
    ...wrapper,
    process.execPath,
    `--max-old-space-size=${Math.round(maxHeapBytes / 1_048_576)}`,
    '--permission',
    '--allow-worker',
    ...[`${root}src`, `${root}package.json`, packagesFolder(), ...readable].map((path) => `--allow-fs-read=${path}`),
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    fileURLToPath(module),
  ]
  return createMailbox(
    spawn(command, args, {
      env: {},
      cwd: root,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    }),
  )
}

/** Packages may be installed above this project, e.g. when it is a package itself. */
function packagesFolder(): string {
  const path = createRequire(import.meta.url).resolve('mammoth')
  return path.slice(0, path.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules${sep}`.length)
}

/** Buffers the messages of a process until they are read; messages sent before it ended are not lost. */
function createMailbox<Message>(process: ChildProcess): Sandbox<Message> {
  const messages: Message[] = []
  let ending: Omit<SandboxEnding, 'isOutOfMemory' | 'isOutOfTime'> | undefined
  let isClosed = false
  let text = ''
  let wake: () => void = () => undefined
  process.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-maxErrorText)
  })
  process.on('message', (message) => {
    // Written only by the module of the sandbox.
    messages.push(message as Message)
    wake()
  })
  process.once('error', (error) => {
    ending ??= { code: null, signal: null, error }
    isClosed = true
    wake()
  })
  process.once('disconnect', () => {
    isClosed = true
    wake()
  })
  process.once('close', (code, signal) => {
    ending ??= { code, signal }
    wake()
  })
  return {
    process,
    async next() {
      for (;;) {
        const message = messages.shift()
        if (message !== undefined) return message
        // The channel closes after its last message, standard error after its last output.
        if (isClosed && ending !== undefined) return null
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    ending() {
      const { code, signal, ...rest } = ending ?? { code: null, signal: null }
      // V8 aborts when its heap is full; the watchdog writes "out of memory" before it kills the
      // process.
      const isOutOfMemory =
        /out of memory|heap limit|allocation fail/i.test(text) || signal === 'SIGABRT' || code === 134
      return { code, signal, ...rest, isOutOfMemory, isOutOfTime: text.includes(timeMessage) }
    },
    takeErrorText() {
      const errorText = text
      text = ''
      return errorText
    },
  }
}
