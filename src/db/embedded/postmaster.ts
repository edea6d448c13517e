import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withTimeout } from '../../async/timeout.ts'
import type { Logger } from '../../logger.ts'
import { type Account, type Binaries, postgresEnvironment } from './binaries.ts'
import { isPostmasterOf, waitForExit } from './process.ts'

const run = promisify(execFile)
const fastShutdownMs = 5_000
const immediateShutdownMs = 2_000
const maxLogBytes = 5_000_000

/** A running PostgreSQL server, a child of this process. */
export interface Postmaster {
  readonly pid: number
  /** Resolves when the server has exited, with a description of the exit; never rejects. */
  readonly ended: Promise<string>
  /**
   * Stops the server: first cleanly, so that its data needs no recovery, after 5 s with an
   * immediate shutdown, after 2 s more by force.
   */
  stop(): Promise<void>
}

/** The options of {@link startPostmaster}. */
interface PostmasterOptions {
  readonly binaries: Binaries
  readonly account: Account | undefined
  readonly cluster: string
  readonly logFile: string
  readonly settings: Readonly<Record<string, string>>
  readonly logger: Logger
}

/** Starts the server, without waiting until it answers. Its output is written to `logFile`. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { binaries, account, cluster, logFile, settings, logger } = options
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = await open(logFile, 'a')
  let child: ChildProcess
  try {
    // Only the end of the file matters; it is small, as errors of statements are reported to the
    // client.
    if ((await log.stat()).size > maxLogBytes) await log.truncate()
    child = spawn(binaries.postgres, ['-D', cluster, ...args], {
      ...account,
      cwd: cluster,
      env: postgresEnvironment(),
      stdio: ['ignore', log.fd, log.fd],
      // A separate process group: Ctrl-C in a terminal is sent to the whole foreground group, and
      // would stop the database while the server is still writing to it.
      detached: true,
      windowsHide: true,
    })
    await once(child, 'spawn')
  } finally {
    await log.close()
  }
  child.unref()
  const pid = child.pid ?? 0
  let isRunning = true
  const exit = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      isRunning = false
      resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`)
    })
  })
  // If this process exits without having disposed the server, the server still shuts down cleanly.
  const lastResort = () => {
    if (isRunning) process.kill(pid, 'SIGINT')
  }
  process.once('exit', lastResort)
  void exit.then(() => process.removeListener('exit', lastResort))
  const waitForEnd = (waitMs: number) => withTimeout(waitMs, exit)
  return {
    pid,
    ended: exit,
    stop: async () => {
      // After the exit, its process id may be reused by any other process.
      if (isRunning) await stopProcess(pid, binaries, logger, waitForEnd)
    },
  }
}

/**
 * Stops a server on `cluster` that outlived its parent, and removes the files that a dead one left.
 *
 * It is stopped and not reused: its settings may be from an older version of the code, and sessions
 * of the dead process may still be active in it, holding locks. A clean stop needs no recovery, so
 * this costs about 100 ms.
 *
 * @returns the folder of its socket, if there was one
 */
export async function endAbandonedPostmaster(
  cluster: string,
  binaries: Binaries,
  logger: Logger,
): Promise<string | undefined> {
  const file = join(cluster, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  if (text === undefined) return undefined
  const [pidLine, , , port = '', socketDirectory = ''] = text.split('\n')
  const pid = Number(pidLine)
  if (Number.isInteger(pid) && pid > 0 && (await isPostmasterOf(pid, cluster))) {
    logger.warn({ pid, cluster }, 'stopping a PostgreSQL that outlived the process that started it')
    await stopProcess(pid, binaries, logger, (waitMs) => waitForExit(pid, waitMs))
  } else {
    logger.info({ pid, cluster }, 'recovering PostgreSQL, which was not shut down the last time')
    await rm(file, { force: true })
  }
  if (!/^\d+$/.test(port) || !socketDirectory.startsWith('/')) return undefined
  // The process id in these files may have been reused by another process, or be that of a zombie,
  // as in containers without an init; PostgreSQL would take either for a living server and refuse
  // to start. If children of the dead server were still running, the new server would detect them
  // by their shared memory.
  const socket = join(socketDirectory, `.s.PGSQL.${port}`)
  for (const leftover of [socket, `${socket}.lock`]) await rm(leftover, { force: true })
  return socketDirectory
}

async function stopProcess(
  pid: number,
  binaries: Binaries,
  logger: Logger,
  waitForEnd: (waitMs: number) => Promise<boolean>,
): Promise<void> {
  await sendSignal(pid, 'INT', binaries)
  if (await waitForEnd(fastShutdownMs)) return
  logger.warn(
    { pid, afterMs: fastShutdownMs },
    'failed to shut PostgreSQL down in time; stopping it at once, with a recovery at the next start',
  )
  await sendSignal(pid, 'QUIT', binaries)
  if (await waitForEnd(immediateShutdownMs)) return
  await sendSignal(pid, 'KILL', binaries)
  if (!(await waitForEnd(immediateShutdownMs))) throw new Error(`PostgreSQL, process ${pid}, cannot be ended`)
}

async function sendSignal(pid: number, signal: 'INT' | 'QUIT' | 'KILL', binaries: Binaries): Promise<void> {
  try {
    // Windows has no signals; PostgreSQL listens on a pipe of its own for them.
    if (process.platform === 'win32') await run(binaries.pgCtl, ['kill', signal, String(pid)])
    else process.kill(pid, `SIG${signal}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
