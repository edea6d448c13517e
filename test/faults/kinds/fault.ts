import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Environment, RigProcess } from '../rig/environment.ts'
import type { Random } from '../rig/random.ts'
import { pause } from '../subscribers/subscriber.ts'

/** What a fault works on. */
export interface FaultContext {
  readonly environment: Environment
  readonly random: Random
  /** The sources of an older version, for a rolling upgrade; undefined when there are none. */
  readonly previous?: URL
  /**
   * Begins the recovery before the fault has ended, as with a new primary while the former one is still unavailable.
   * Otherwise it begins with the end of the fault.
   */
  readonly beginRecovery: () => void
  /** Registers what is done after the history was checked. */
  readonly defer: (end: () => Promise<void>) => void
}

/** The groups of faults, as the report shows them. */
export const groups = ['none', 'server', 'worker', 'redis', 'postgres', 'several', 'network'] as const

/** One kind of fault. */
export interface Fault {
  /** Unique; the value of `--fault`. */
  readonly name: string
  readonly group: (typeof groups)[number]
  /** Whether at least one server works during the fault, so that recovery has the stricter aim. */
  readonly leavesServer?: boolean
  /** Whether it is in the short form. */
  readonly isTelling?: boolean
  /** The names of the faults that a combination or the short form causes. */
  readonly parts?: readonly string[]
  /** Causes the fault, and resolves when its cause has ended. */
  run(context: FaultContext): Promise<void>
}

/** Repeats an action with pauses. */
export async function repeat(times: number, pauseMs: number, act: () => unknown): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    await act()
    await pause(pauseMs)
  }
}

/** Stops processes for a time, as a suspended machine does. */
export async function freeze(pids: readonly number[], ms: number): Promise<void> {
  for (const pid of pids) signal(pid, 'SIGSTOP')
  await pause(ms)
  for (const pid of pids) signal(pid, 'SIGCONT')
}

/** Sends a signal to a process, which may have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Kills a process, and starts it again after a time. */
export async function killAndStart(process: RigProcess, awayMs: number): Promise<void> {
  await process.signal('SIGKILL')
  await pause(awayMs)
  await process.start()
}

/** Stops a process in order, and starts it again. */
export async function restart(process: RigProcess, sources?: URL): Promise<void> {
  await process.signal('SIGTERM')
  await process.start(sources)
}

/** Lets a running process open no more files for a time (Linux). Those that are open remain. */
export async function withoutFiles(pid: number, ms: number): Promise<void> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8')
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? '1024'
  await setLimit(pid, 'nofile', '8')
  await pause(ms)
  await setLimit(pid, 'nofile', soft)
}

/**
 * Lets a running process have at most this much more memory than it has now, for a time (Linux). It
 * may exit, and is started again then.
 */
export async function withoutMemory(process: RigProcess, moreBytes: number, ms: number): Promise<void> {
  const { pid } = process
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const usedBytes = Number(/^VmData:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024
  process.allowExit()
  await setLimit(pid, 'data', String(usedBytes + moreBytes))
  await pause(ms)
  if (process.isRunning) await setLimit(pid, 'data', 'unlimited')
  else await process.start()
}

async function setLimit(pid: number, name: string, soft: string): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--${name}=${soft}:`])
}

/** Returns an element of a list that the environment always has. */
export function at<T>(values: readonly T[], index: number): T {
  const value = values[index]
  if (value === undefined) throw new RangeError(`There is no entry ${index}`)
  return value
}
