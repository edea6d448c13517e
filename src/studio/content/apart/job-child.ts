/** A generation process: executes one job at a time for `pool.ts`. */
import { watchProcess } from '../../sandbox/watchdog.ts'
import { ContentError, tooComplex } from '../provider.ts'
import type { JobEnding, JobMessage, JobRequest } from './job.ts'
import { maxJobCpuMs, maxMemoryBytes } from './limits.ts'

type JobModule = Readonly<Record<string, ((input: unknown) => AsyncIterable<unknown>) | undefined>>

function send(message: JobMessage): Promise<void> {
  return new Promise((resolve) => {
    // Without a parent to send to, the watchdog kills this process.
    process.send?.(message, () => resolve())
  })
}

async function execute({ module, name, input }: JobRequest): Promise<JobEnding> {
  try {
    const functions = (await import(module)) as JobModule
    const run = functions[name]
    if (run === undefined) throw new TypeError(`${module} has no job ${name}`)
    for await (const part of run(input)) await send({ is: 'part', part })
    return { is: 'end' }
  } catch (error) {
    // The stack is exhausted by text that is nested too deeply.
    const failure = error instanceof RangeError ? tooComplex('is nested too deeply, or is too large') : error
    if (failure instanceof ContentError) {
      const { code, message, advice, retryable } = failure
      return { is: 'refused', code, message, advice, retryable }
    }
    const { message, stack = '' } = failure instanceof Error ? failure : new Error(String(failure))
    return { is: 'failed', message, stack: stack.slice(0, 4_000) }
  }
}

const restartClock = watchProcess({ maxMemoryBytes, maxCpuMs: maxJobCpuMs })
process.on('message', (request: JobRequest) => {
  restartClock()
  void execute(request).then((ending) => send({ ...ending, memoryBytes: process.memoryUsage.rss() }))
})
