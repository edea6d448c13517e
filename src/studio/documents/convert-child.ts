import { Worker } from 'node:worker_threads'
import type { ConversionMessage, ConversionRequest } from './conversion.ts'
import { convert } from './convert.ts'
import { DocumentError } from './structure-error.ts'

/** What the process writes to its standard error before it ends itself for the memory it uses. */
const memoryWord = 'out of memory'

/**
 * Looks after this process from a thread of its own, because the main one may be in a loop: ends it when it uses too much memory, of
 * which the limit of the heap covers a part only, and when nobody waits for it any more.
 */
const watchman = `
const { workerData: { maxMemoryBytes, parent } } = require('node:worker_threads')
const { writeSync } = require('node:fs')
setInterval(() => {
  const isTooLarge = process.memoryUsage.rss() > maxMemoryBytes
  if (isTooLarge) writeSync(2, '${memoryWord}')
  if (isTooLarge || process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 50)
`

function tell(message: ConversionMessage): Promise<void> {
  return new Promise((resolve) => {
    // Without anybody to tell, the watchman ends this.
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
  const { maxMemoryBytes } = request.limits
  new Worker(watchman, { eval: true, workerData: { maxMemoryBytes, parent: process.ppid } }).unref()
  void convert(request, (step) => void tell(step))
    .then((structure): ConversionMessage => ({ is: 'structure', structure }), toRefusal)
    .then(tell)
    .finally(() => process.disconnect())
})
process.once('disconnect', () => process.exit())
