import { constants, getPriority, setPriority } from 'node:os'
import { Worker } from 'node:worker_threads'

/** Written to standard error before the process is killed because of its memory use. */
const memoryMessage = 'out of memory'
/** Written to standard error before the process is killed because of its processor time. */
export const timeMessage = 'out of time'

/**
 * Runs in a separate thread, because the main thread may be in a loop: kills the process when it
 * uses too much memory (the heap limit covers only a part of it), too much processor time since the
 * last message, and when its parent is gone.
 */
const watchdog = `
const { parentPort, workerData: { maxMemoryBytes, maxCpuMs, parent } } = require('node:worker_threads')
const { writeSync } = require('node:fs')
let start = process.cpuUsage()
parentPort.on('message', () => { start = process.cpuUsage() }).unref()
setInterval(() => {
  const isTooLarge = process.memoryUsage.rss() > maxMemoryBytes
  const { user, system } = process.cpuUsage(start)
  const isTooLong = (user + system) / 1000 > maxCpuMs
  if (isTooLarge) writeSync(2, '${memoryMessage}')
  if (isTooLong) writeSync(2, '${timeMessage}')
  if (isTooLarge || isTooLong || process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, 50)
`

/**
 * Prepares a sandboxed process from inside: it ends with its parent and at its limits, and yields
 * the processor to the server.
 *
 * @param limits.maxCpuMs - processor time; unlimited by default
 * @returns starts the measurement of processor time anew
 */
export function watchProcess({
  maxMemoryBytes,
  maxCpuMs = Number.POSITIVE_INFINITY,
}: {
  readonly maxMemoryBytes: number
  readonly maxCpuMs?: number
}): () => void {
  setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + 3))
  const worker = new Worker(watchdog, { eval: true, workerData: { maxMemoryBytes, maxCpuMs, parent: process.ppid } })
  worker.unref()
  process.once('disconnect', () => process.exit())
  return () => worker.postMessage('start')
}
