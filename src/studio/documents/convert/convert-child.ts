import { watchProcess } from '../../sandbox/watchdog.ts'
import { DocumentError } from '../structure/structure-error.ts'
import type { ConversionMessage, ConversionRequest } from './conversion.ts'
import { convertFile } from './convert.ts'

function send(message: ConversionMessage): Promise<void> {
  return new Promise((resolve) => {
    // Without a parent to send to, the watchdog kills this process.
    process.send?.(message, () => resolve())
  })
}

function toRefusal(error: unknown): ConversionMessage {
  if (error instanceof DocumentError) {
    const { code, message, advice } = error
    return { is: 'refused', code, message, advice }
  }
  const isTooDeep = error instanceof RangeError
  process.stderr.write(String(error instanceof Error ? error.stack : error).slice(0, 4_000))
  const refusal = isTooDeep
    ? new DocumentError('TOO_COMPLEX', 'The document is built too deeply or too widely to be read')
    : new DocumentError('UNREADABLE', 'The document could not be read; it may be damaged')
  return toRefusal(refusal)
}

process.once('message', (request: ConversionRequest) => {
  watchProcess(request.limits)
  void convertFile(request, (step) => void send(step))
    .then(async ({ sections, passages, ...head }): Promise<ConversionMessage> => {
      for (const json of sections) await send({ is: 'sections', json })
      for (const json of passages) await send({ is: 'passages', json })
      return { is: 'converted', head }
    })
    .catch(toRefusal)
    .then(send)
    .finally(() => process.disconnect())
})
