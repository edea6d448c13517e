import { readdir, readFile } from 'node:fs/promises'

/**
 * Returns the processor time that a process has used, in milliseconds, from the kernel (Linux): a busy process would
 * answer late, and by then has used more.
 *
 * @returns null where the system has no such files
 */
export async function readProcessCpuMs(pid: number): Promise<number | null> {
  const threads = `/proc/${pid}/task`
  const ids = await readdir(threads).catch(() => null)
  if (ids === null) return null
  // A thread that has ended meanwhile counts as zero.
  const times = await Promise.all(ids.map((id) => readFile(`${threads}/${id}/schedstat`, 'utf8').catch(() => '0')))
  return times.reduce((sum, time) => sum + Number.parseInt(time, 10), 0) / 1e6
}

/** Returns the process id of the parent of a process (Linux). */
export async function readParentPid(pid: number): Promise<number> {
  return (await readStat(pid))[1] ?? 0
}

/**
 * Returns the processor time of a process and its children, in milliseconds (Linux): a PostgreSQL has a process for each
 * connection.
 */
export async function readFamilyCpuMs(pid: number): Promise<number> {
  const all = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const parents = await Promise.all(all.map((other) => readParentPid(other).catch(() => 0)))
  const family = [pid, ...all.filter((_, index) => parents[index] === pid)]
  const times = await Promise.all(family.map(readProcessCpuMs))
  // In ticks of 10 ms: what children used that have ended.
  const [userTicks = 0, systemTicks = 0] = (await readStat(pid)).slice(13)
  return times.reduce<number>((sum, time) => sum + (time ?? 0), 0) + (userTicks + systemTicks) * 10
}

/** Returns the fields of `/proc/PID/stat` after the name, which is in brackets and may contain spaces. */
async function readStat(pid: number): Promise<readonly number[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}
