import { constants, getPriority, setPriority } from 'node:os'
import { Worker } from 'node:worker_threads'

/** Written to standard error before the process is killed because of its memory use. */
const memoryMessage = 'out of memory'

/**
 * Runs in a separate thread, because the main thread may be in a loop: kills the process when it
 * uses too much memory (the heap limit covers only a part of it), and when its parent is gone.
 */
const watchdog = `
const { workerData: { maxMemoryBytes, parent } } = require('node:worker_threads')
const { writeSync } = require('node:fs')
setInterval(() => {
  const isTooLarge = process.memoryUsage.rss() > maxMemoryBytes
  if (isTooLarge) writeSync(2, '${memoryMessage}')
  if (isTooLarge || process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 50)
`

/**
 * Prepares a sandboxed process from inside: it ends with its parent and at its memory limit, and
 * yields the processor to the server.
 */
export function watchProcess(maxMemoryBytes: number): void {
  setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + 3))
  new Worker(watchdog, { eval: true, workerData: { maxMemoryBytes, parent: process.ppid } }).unref()
  process.once('disconnect', () => process.exit())
}
