import { Worker } from 'node:worker_threads'
import type { ConversionMessage, ConversionRequest } from './conversion.ts'
import { convert } from './convert.ts'
import { DocumentError } from './structure-error.ts'

/** Written to standard error before the process is killed because of its memory use. */
const memoryWord = 'out of memory'

/**
 * Watches this process from a separate thread, because the main thread may be in a loop: kills the
 * process when it uses too much memory (the heap limit covers only a part of it), and when its
 * parent is gone.
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
    // Without a parent to send to, the watchdog thread kills this process.
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
