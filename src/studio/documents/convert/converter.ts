import { type Logger, RetryableError } from '../../../engine.ts'
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { DocumentError } from '../structure/structure-error.ts'
import type { ConversionMessage, ConversionRequest, ConversionStep, ConvertedDocument } from './conversion.ts'
import { sanitize } from './sanitize.ts'

const child = new URL('./convert-child.ts', import.meta.url)

/**
 * Converts a document in a sandboxed process ({@link startSandbox}), which may crash, loop or run
 * out of memory without affecting anything else.
 *
 * @param options.signal - kills the process
 * @returns yields progress and returns the document
 * @throws DocumentError, also `TOO_COMPLEX` when the limit of time or memory was reached;
 * RetryableError `CONVERTER_CRASHED` when the process ended for another reason,
 * `CONVERTER_UNAVAILABLE` when it could not be started; the signal's reason
 */
export async function* convertApart(
  request: ConversionRequest,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): AsyncGenerator<ConversionStep, ConvertedDocument, void> {
  signal.throwIfAborted()
  const { timeoutMs, maxHeapBytes } = request.limits
  const sandbox = await startSandbox<ConversionMessage>({ module: child, maxHeapBytes })
  const kill = (): void => void sandbox.process.kill('SIGKILL')
  const parts = { sections: [] as string[], passages: [] as string[] }
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    kill()
  }, timeoutMs)
  signal.addEventListener('abort', kill, { once: true })
  try {
    signal.throwIfAborted()
    sandbox.process.send(request, (error) => {
      // The process ended before the request was sent; its exit status gives the reason.
      if (error !== null) logger.debug({ err: error }, 'failed to send to the converter')
    })
    for (;;) {
      const reply = await sandbox.next()
      signal.throwIfAborted()
      if (reply === null) break
      // JSON of texts that were sanitized before.
      if (reply.is === 'sections' || reply.is === 'passages') {
        parts[reply.is].push(reply.json)
        continue
      }
      // Written by `convert-child.ts`, with texts of a document that may contain anything.
      const message = sanitize(reply)
      if (message.is === 'converted') return { ...message.head, ...parts }
      if (message.is === 'refused') {
        const detail = sandbox.takeErrorText()
        if (detail !== '') logger.warn({ code: message.code, detail }, 'failed to read a document')
        throw new DocumentError(message.code, message.message, message.advice)
      }
      yield message
    }
    throw isLate
      ? new DocumentError('TOO_COMPLEX', `Reading the document took longer than ${Math.ceil(timeoutMs / 1_000)} s`)
      : toError(sandbox, logger)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
    kill()
  }
}

function toError(sandbox: Sandbox<ConversionMessage>, logger: Logger): Error {
  const { code, signal, error, isOutOfMemory } = sandbox.ending()
  if (error !== undefined)
    return new RetryableError('CONVERTER_UNAVAILABLE', 'The process that reads documents could not be started', {
      advice: 'Nothing to do: it is tried again.',
      cause: error,
    })
  if (isOutOfMemory)
    return new DocumentError('TOO_COMPLEX', 'Reading the document took more memory than a document may use')
  logger.error({ code, signal, detail: sandbox.takeErrorText() }, 'lost the converter')
  return new RetryableError('CONVERTER_CRASHED', 'The process that read the document ended unexpectedly', {
    advice: 'It is tried again; if it keeps failing, save the document anew and import that file.',
  })
}
