import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../logger.ts'
import { RetryableError } from '../../tasks/failure.ts'
import type { ConversionMessage, ConversionRequest, ConversionStep } from './conversion.ts'
import { sanitize } from './sanitize.ts'
import type { DocumentStructure } from './structure.ts'
import { DocumentError } from './structure-error.ts'

const child = fileURLToPath(new URL('./convert-child.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../', import.meta.url))
const maxErrorText = 8_000

/** Packages may be installed above this project, e.g. when it is a package itself. */
function packagesFolder(): string {
  const path = createRequire(import.meta.url).resolve('mammoth')
  return path.slice(0, path.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules${sep}`.length)
}

/**
 * Converts a document in a separate process, which may crash, loop or run out of memory without
 * affecting anything else. The process has no settings, may read only this project's files, and may
 * write none.
 *
 * @param options.signal - kills the process
 * @returns yields progress and returns the structure
 * @throws DocumentError, also `TIMED_OUT` and `TOO_COMPLEX` (memory) when a limit was reached;
 * RetryableError `CONVERTER_CRASHED` when the process ended for another reason,
 * `CONVERTER_UNAVAILABLE` when it could not be started; the signal's reason
 */
export async function* convertApart(
  request: ConversionRequest,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): AsyncGenerator<ConversionStep, DocumentStructure, void> {
  signal.throwIfAborted()
  const { timeoutMs, maxHeapBytes } = request.limits
  const process = fork(child, [], {
    execArgv: [
      `--max-old-space-size=${Math.round(maxHeapBytes / 1_048_576)}`,
      '--permission',
      '--allow-worker',
      `--allow-fs-read=${root}`,
      `--allow-fs-read=${packagesFolder()}`,
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=SecurityWarning',
    ],
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const mailbox = createMailbox(process)
  const kill = (): void => void process.kill('SIGKILL')
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill()
  }, timeoutMs)
  signal.addEventListener('abort', kill, { once: true })
  try {
    process.send(request, (error) => {
      // The process ended before the request was sent; its exit status gives the reason.
      if (error !== null) logger.debug({ err: error }, 'failed to send to the converter')
    })
    for (;;) {
      const message = await mailbox.next()
      signal.throwIfAborted()
      if (message === null) break
      if (message.is === 'structure') return message.structure
      if (message.is === 'refused') {
        if (mailbox.errorText() !== '')
          logger.warn({ code: message.code, detail: mailbox.errorText() }, 'failed to read a document')
        throw new DocumentError(message.code, message.message, message.advice)
      }
      yield message
    }
    throw isLate
      ? new DocumentError('TIMED_OUT', `The document took longer than ${Math.round(timeoutMs / 1_000)} s to read`)
      : toError(mailbox, logger)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
    kill()
  }
}

function toError({ ending, errorText }: Mailbox, logger: Logger): Error {
  const { code, signal, error } = ending()
  const text = errorText()
  if (error !== undefined)
    return new RetryableError('CONVERTER_UNAVAILABLE', 'The process that reads documents could not be started', {
      advice: 'Nothing to do: it is tried again.',
      cause: error,
    })
  // V8 aborts when its heap is full; the watchdog thread writes "out of memory" before it kills the
  // process.
  if (/out of memory|heap limit|allocation fail/i.test(text) || signal === 'SIGABRT' || code === 134)
    return new DocumentError('TOO_COMPLEX', 'Reading the document took more memory than a document may use')
  logger.error({ code, signal, detail: text }, 'lost the converter')
  return new RetryableError('CONVERTER_CRASHED', 'The process that read the document ended unexpectedly', {
    advice: 'It is tried again; if it keeps failing, save the document anew and import that file.',
  })
}

interface Mailbox {
  /** The next message; null when the process has ended. */
  next(): Promise<ConversionMessage | null>
  ending(): { readonly code: number | null; readonly signal: string | null; readonly error?: Error }
  /** The process's output on standard error. */
  errorText(): string
}

/** Buffers the messages of a process until they are read; messages sent before it ended are not lost. */
function createMailbox(process: ChildProcess): Mailbox {
  const messages: ConversionMessage[] = []
  let ending: ReturnType<Mailbox['ending']> | undefined
  let isClosed = false
  let text = ''
  let wake: () => void = () => undefined
  process.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-maxErrorText)
  })
  process.on('message', (message) => {
    // Written only by `convert-child.ts`, with texts of a document that may contain anything.
    messages.push(sanitize(message as ConversionMessage))
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
    ending: () => ending ?? { code: null, signal: null },
    errorText: () => text,
  }
}
