import type { Socket } from 'node:net'
import { type Logger, silentLogger } from '../../../engine.ts'
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { ContentError, tooComplex } from '../provider.ts'
import type { Job, JobEnding, JobMessage, JobRequest } from './job.ts'
import * as defaults from './limits.ts'

/** Executes jobs in separate processes, so that no text of a user occupies the event loop of a server. */
export interface GenerationPool extends AsyncDisposable {
  /**
   * Executes a job; it starts with the first `next()`. The iteration ends the process when its
   * signal aborts or it is left early.
   *
   * @throws ContentError of the job; `TOO_COMPLEX` when the job exceeded its time or memory;
   * `GENERATOR_UNAVAILABLE`, retryable, when its process could not be started or was lost; the
   * signal's reason
   */
  run<Input, Part>(job: Job<Input, Part>, input: Input, signal: AbortSignal): AsyncGenerator<Part, void, void>
}

/** Options of a pool; see `limits.ts` for the defaults. */
interface GenerationPoolOptions {
  readonly timeoutMs?: number
  readonly maxHeapBytes?: number
  readonly maxProcesses?: number
  readonly maxKeptBytes?: number
  readonly idleMs?: number
  readonly logger?: Logger
}

type JobProcess = Sandbox<JobMessage>

const child = new URL('./job-child.ts', import.meta.url)

let sharedPool: GenerationPool | undefined

/**
 * Returns the pool of this process, which all its workers share: the limit of generation processes is that of a machine.
 *
 * @param logger - used when this is the first call
 */
export function shareGenerationPool(logger: Logger): GenerationPool {
  sharedPool ??= createGenerationPool({ logger })
  return sharedPool
}

/**
 * Creates a pool. A process is started by the first job, is used again unless it has kept too much
 * memory, and ends when it is idle.
 */
export function createGenerationPool({
  timeoutMs = defaults.jobTimeoutMs,
  maxHeapBytes = defaults.maxHeapBytes,
  maxProcesses = defaults.maxProcesses,
  maxKeptBytes = defaults.maxKeptBytes,
  idleMs = defaults.idleMs,
  logger = silentLogger,
}: GenerationPoolOptions = {}): GenerationPool {
  const idle: { readonly process: JobProcess; readonly timer: NodeJS.Timeout }[] = []
  const waiting: (() => void)[] = []
  let running = 0

  /** Waits for a turn; jobs run in the order of their requests. */
  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (running < maxProcesses) {
      running += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        waiting.splice(waiting.indexOf(start), 1)
        reject(signal.reason as Error)
      }
      const start = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      waiting.push(start)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  function exit(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  async function take(): Promise<JobProcess> {
    for (let idleProcess = idle.pop(); idleProcess !== undefined; idleProcess = idle.pop()) {
      clearTimeout(idleProcess.timer)
      if (idleProcess.process.process.connected) return hold(idleProcess.process)
    }
    return startSandbox<JobMessage>({ module: child, maxHeapBytes })
  }

  function keep(jobProcess: JobProcess): void {
    const timer = setTimeout(() => {
      idle.splice(
        idle.findIndex(({ process }) => process === jobProcess),
        1,
      )
      jobProcess.process.kill('SIGKILL')
    }, idleMs)
    timer.unref()
    idle.push({ process: release(jobProcess), timer })
  }

  async function* execute(request: JobRequest, signal: AbortSignal): AsyncGenerator<unknown, void, void> {
    await enter(signal)
    let jobProcess: JobProcess | undefined
    let isReusable = false
    let isLate = false
    let timer: NodeJS.Timeout | undefined
    const kill = (): void => void jobProcess?.process.kill('SIGKILL')
    signal.addEventListener('abort', kill, { once: true })
    try {
      jobProcess = await take()
      signal.throwIfAborted()
      timer = setTimeout(() => {
        isLate = true
        kill()
      }, timeoutMs)
      jobProcess.process.send(request, (error) => {
        // The process ended before the job was sent; its exit status gives the reason.
        if (error !== null) logger.debug({ err: error }, 'failed to send a job to the generation process')
      })
      for (;;) {
        const message = await jobProcess.next()
        signal.throwIfAborted()
        if (message === null) throw isLate ? tooComplex(tookTooLong(timeoutMs)) : toError(jobProcess, logger)
        if (message.is === 'part') {
          yield message.part
          continue
        }
        isReusable = message.memoryBytes <= maxKeptBytes
        if (message.is === 'end') return
        throw toFailure(message)
      }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
      if (isReusable && jobProcess?.process.connected === true) keep(jobProcess)
      else kill()
      exit()
    }
  }

  return {
    // The job describes the types of its module, which the process imports.
    run: <Input, Part>({ module, name }: Job<Input, Part>, input: Input, signal: AbortSignal) =>
      execute({ module, name, input }, signal) as AsyncGenerator<Part, void, void>,
    [Symbol.asyncDispose]() {
      for (const { process, timer } of idle.splice(0)) {
        clearTimeout(timer)
        process.process.kill('SIGKILL')
      }
      return Promise.resolve()
    },
  }
}

/** Lets the server exit while a process is idle. */
function release(jobProcess: JobProcess): JobProcess {
  jobProcess.process.unref()
  jobProcess.process.channel?.unref()
  // A pipe is a socket.
  ;(jobProcess.process.stderr as Socket | null)?.unref()
  return jobProcess
}

function hold(jobProcess: JobProcess): JobProcess {
  jobProcess.process.ref()
  jobProcess.process.channel?.ref()
  return jobProcess
}

function tookTooLong(timeoutMs: number): string {
  return `took longer than ${Math.round(timeoutMs / 1_000)} s`
}

function toError(jobProcess: JobProcess, logger: Logger): Error {
  const { code, signal, error, isOutOfMemory, isOutOfTime } = jobProcess.ending()
  if (isOutOfTime) return tooComplex(`took more than ${defaults.maxJobCpuMs / 1_000} s of processor time`)
  if (isOutOfMemory) return tooComplex('took more memory than it may use')
  logger.error({ code, signal, err: error, detail: jobProcess.takeErrorText() }, 'lost the generation process')
  return new ContentError(
    'GENERATOR_UNAVAILABLE',
    'The process that generates content could not be started, or ended unexpectedly',
    { retryable: true, advice: 'Nothing to do: it is tried again.' },
    error === undefined ? undefined : { cause: error },
  )
}

function toFailure(message: Exclude<JobEnding, { readonly is: 'end' }>): Error {
  if (message.is === 'refused') return new ContentError(message.code, message.message, message)
  const failure = new Error(message.message)
  failure.stack = message.stack
  return failure
}
