import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../engine.ts'

/** How a sandboxed process is started, beyond Node's permission model. */
interface Isolation {
  /** The command that starts Node, with its arguments; empty when the system offers none. */
  readonly wrapper: readonly string[]
  /** The unprivileged user and group of the process; undefined when the wrapper sets them, or for the own user. */
  readonly user: number | undefined
  /** Protections that this system does not give. */
  readonly missing: readonly MissingProtection[]
}

/** `network`: the process could open connections. `user`: the process runs as root. */
type MissingProtection = 'network' | 'user'

/** `nobody` on every common system; needs no entry in the list of users. */
const nobodyId = 65_534
const probeMs = 20_000

let search: Promise<Isolation> | undefined

/**
 * Finds the strongest isolation that this system permits, by trying it: an own network namespace
 * without interfaces (`unshare`), and, for a server that runs as root, an unprivileged user. The
 * result is kept for the lifetime of the process.
 */
export function findIsolation(): Promise<Isolation> {
  search ??= tryAll()
  return search
}

/** Logs a warning for each protection that this system does not give to sandboxed processes. */
export async function warnOfMissingIsolation(logger: Logger): Promise<void> {
  const { missing } = await findIsolation()
  if (missing.includes('network'))
    logger.warn(
      'the processes that read documents and generate content can open network connections: allow `unshare --net` (CAP_SYS_ADMIN, or user namespaces), or restrict the network of the worker',
    )
  if (missing.includes('user'))
    logger.warn(
      'the processes that read documents and generate content run as root: start the worker as an unprivileged user, or make its folder readable for all users',
    )
}

async function tryAll(): Promise<Isolation> {
  const unshare = await findCommand('unshare')
  const isRoot = process.getuid?.() === 0
  for (const candidate of candidatesFor(unshare, isRoot)) if (await isPermitted(candidate)) return candidate
  return { wrapper: [], user: undefined, missing: isRoot ? ['network', 'user'] : ['network'] }
}

function candidatesFor(unshare: string | undefined, isRoot: boolean): Isolation[] {
  if (!isRoot)
    return unshare === undefined ? [] : [{ wrapper: [unshare, '--user', '--net'], user: undefined, missing: [] }]
  const asNobody = ['--setgid', String(nobodyId), '--setuid', String(nobodyId)]
  const withNetwork: Isolation = { wrapper: [], user: nobodyId, missing: ['network'] }
  if (unshare === undefined) return [withNetwork]
  return [
    { wrapper: [unshare, '--net', ...asNobody], user: undefined, missing: [] },
    withNetwork,
    // The folder of the project may be readable for root only.
    { wrapper: [unshare, '--net'], user: undefined, missing: ['user'] },
  ]
}

/** Starts Node with an isolation, and has it read the files that a sandboxed process needs. */
function isPermitted({ wrapper, user }: Isolation): Promise<boolean> {
  const script = 'for (const path of process.argv.slice(1)) require("node:fs").accessSync(path, 4)'
  const [command = '', ...args] = [...wrapper, process.execPath, '-e', script, fileURLToPath(import.meta.url)]
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { env: {}, timeout: probeMs, ...(user === undefined ? {} : { uid: user, gid: user }) },
      (error) => resolve(error === null),
    )
  })
}

async function findCommand(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name)
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
