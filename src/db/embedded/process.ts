import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Returns an identity that distinguishes processes with a reused process id: the start time, and
 * the boot of the machine.
 *
 * @returns undefined when no such process runs (a zombie does not); `unknown` where the system does
 *   not report it
 */
export async function readProcessIdentity(pid: number): Promise<string | undefined> {
  if (!exists(pid)) return undefined
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
    if (stat === undefined) return exists(pid) ? 'unknown' : undefined
    // The second field is the name in parentheses, which may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
    return `${boot.trim()}/${fields[19]}`
  }
  // Windows would need PowerShell, about a second per query.
  if (process.platform === 'win32') return 'unknown'
  const answer = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]).catch(() => undefined)
  if (answer === undefined) return undefined
  const [state = '', ...started] = answer.stdout.trim().split(/\s+/)
  return state.startsWith('Z') ? undefined : started.join(' ')
}

/**
 * Whether process `pid` is a PostgreSQL server (its first process) on the data directory `cluster`.
 */
export async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'win32') return exists(pid)
  if (process.platform === 'linux') {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (!/(^|\/)postgres$/.test(words[0] ?? '')) return false
    if (words.includes(cluster)) return true
    // The directory may have been moved under a running server; its working directory moves with
    // it.
    return (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) === cluster
  }
  const answer = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => undefined)
  return answer?.stdout.includes(`postgres -D ${cluster} `) === true
}

/** Waits until process `pid` has exited; returns false when it still runs after `waitMs`. */
export async function waitForExit(pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs
  while ((await readProcessIdentity(pid)) !== undefined) {
    if (Date.now() >= deadline) return false
    await delay(15)
  }
  return true
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
