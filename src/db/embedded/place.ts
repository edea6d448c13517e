import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  access,
  chmod,
  chown,
  constants,
  cp,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { TidingsError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { type Account, type Binaries, readMajorVersion } from './binaries.ts'

const run = promisify(execFile)

/**
 * Finds the user that PostgreSQL runs as. It refuses to run as root, so a root process runs it as
 * another user: the one that already owns `cluster`, else `postgres`, else `tidings`, which is
 * created.
 *
 * @returns undefined when this process is not root: PostgreSQL then runs as the user of this
 *   process
 * @throws TidingsError `BAD_CONFIGURATION` when there is no such user and none can be created
 */
export async function findAccount(cluster: string, logger: Logger): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(cluster).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const existing = (await lookUpUser('postgres')) ?? (await lookUpUser('tidings'))
  if (existing !== undefined) return existing
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'tidings'])
    logger.info({ user: 'tidings' }, 'created a user for PostgreSQL, which refuses to run as root')
  } catch (error) {
    throw new TidingsError(
      'BAD_CONFIGURATION',
      'PostgreSQL refuses to run as root, there is no user "postgres", and none could be created; create one (useradd --system postgres), run Tidings as another user, or set DATABASE_URL',
      {},
      { cause: error },
    )
  }
  return lookUpUser('tidings')
}

/**
 * Creates the data directory where the PostgreSQL user can access it: at `preferredPath`, or, when
 * a parent folder is closed to that user (such as a home of mode 700), in `/var/lib/tidings`, under
 * a name derived from `preferredPath`.
 *
 * @returns the directory to use, absolute and without symbolic links
 * @throws TidingsError `BAD_CONFIGURATION` when this process may not write there
 */
export async function placeData(preferredPath: string, account: Account | undefined, logger: Logger): Promise<string> {
  const directory = await makeDirectory(preferredPath, account)
  if (account === undefined || (await canEnter(directory, account))) return directory
  const elsewhere = join(
    await makeSharedFolder(account),
    createHash('sha256').update(directory).digest('hex').slice(0, 12),
  )
  logger.warn(
    { configured: directory, dataDir: elsewhere },
    'placed the data elsewhere: PostgreSQL refuses to run as root, and no other user can enter the directory',
  )
  return makeDirectory(elsewhere, account)
}

/**
 * Copies the programs to a folder where the PostgreSQL user can run them, unless it already can.
 *
 * @returns the programs to use and their major version
 */
export async function placeBinaries(
  binaries: Binaries,
  account: Account | undefined,
  logger: Logger,
): Promise<Binaries & { majorVersion: string }> {
  const majorVersion = await readMajorVersion(binaries, account)
  if (majorVersion !== undefined) return { ...binaries, majorVersion }
  if (account === undefined) throw new Error(`${binaries.postgres} may not be executed`)
  // Identified by size and modification time, as npm preserves neither when it installs another
  // version over this one.
  const program = await stat(binaries.postgres)
  const name = `postgresql-${program.size}-${Math.round(program.mtimeMs)}`
  const root = join(await makeSharedFolder(account), name)
  const toCopy = (path: string) => join(root, relative(binaries.root, path))
  const copy: Binaries = {
    root,
    initdb: toCopy(binaries.initdb),
    postgres: toCopy(binaries.postgres),
    pgCtl: toCopy(binaries.pgCtl),
  }
  if ((await stat(root).catch(() => undefined)) === undefined) {
    const temporaryRoot = `${root}.${randomBytes(4).toString('hex')}`
    await cp(binaries.root, temporaryRoot, { recursive: true, verbatimSymlinks: true })
    // Another start may have been faster; both copies are identical.
    await rename(temporaryRoot, root).catch(() => rm(temporaryRoot, { recursive: true }))
    logger.info({ from: binaries.root, to: root }, 'copied PostgreSQL to where its user can run it')
  }
  const version = await readMajorVersion(copy, account)
  if (version === undefined) throw new Error(`${copy.postgres} may not be executed by user ${account.uid}`)
  return { ...copy, majorVersion: version }
}

async function makeDirectory(path: string, account: Account | undefined): Promise<string> {
  try {
    return await makeWritable(path, account)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) throw error
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `The data cannot be kept in ${resolve(path)} (${(error as Error).message}); set DATA_DIR to a directory that this user may write to, or set DATABASE_URL`,
      {},
      { cause: error },
    )
  }
}

async function makeWritable(path: string, account: Account | undefined): Promise<string> {
  const firstFolder = await mkdir(path, { recursive: true, mode: 0o755 })
  const directory = await realpath(resolve(path))
  // A folder with other contents belongs to its user and keeps its owner; PostgreSQL only has to
  // traverse it.
  if (account !== undefined && (firstFolder !== undefined || (await readdir(directory)).length === 0))
    await chown(directory, account.uid, account.gid)
  await access(directory, constants.W_OK | constants.X_OK)
  // Created by another user, as by an earlier start as root: its contents could not be read.
  if (account === undefined) await readdir(join(directory, 'postgres')).catch(ignoreMissing)
  return directory
}

/** Creates a folder that only root can write to and all users can enter. */
async function makeSharedFolder(account: Account): Promise<string> {
  for (const folder of ['/var/lib/tidings', join(tmpdir(), 'tidings')]) {
    try {
      await mkdir(folder, { recursive: true })
      const stats = await lstat(folder)
      // In a folder such as /tmp, any user could have created it first.
      if (!stats.isDirectory() || stats.uid !== 0) continue
      await chmod(folder, 0o755)
      if (await canEnter(folder, account)) return folder
    } catch (error) {
      if (!['EROFS', 'EACCES', 'ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  throw new TidingsError(
    'BAD_CONFIGURATION',
    'There is no folder that the user of PostgreSQL can enter; set DATA_DIR to one, run Tidings as another user than root, or set DATABASE_URL',
  )
}

/**
 * Whether a user can enter a directory. Tested by running a command as that user: access lists and
 * mount options count as much as modes.
 */
async function canEnter(directory: string, account: Account): Promise<boolean> {
  return run('/bin/sh', ['-c', 'test -x "$0"', directory], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

async function lookUpUser(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return undefined
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}
