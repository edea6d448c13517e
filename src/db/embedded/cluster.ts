import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TidingsError } from '../../errors.ts'
import { type Account, type Binaries, postgresEnvironment } from './binaries.ts'
import { writeFileAtomically } from './files.ts'

const run = promisify(execFile)

/** The name of both the user and the database of the embedded server. */
export const databaseName = 'tidings'

/** The files of one database server. */
interface Cluster {
  readonly directory: string
  readonly password: string
  /** Whether it was created by this call. */
  readonly isNew: boolean
  /** Whether the password file was lost: `password` is a new one, for {@link resetPassword}. */
  readonly isPasswordLost: boolean
}

const passwordPattern = /^[0-9a-f]{48}$/

/**
 * Opens the data in `dataDir/postgres`, or creates it.
 *
 * It is created under another name and renamed when complete, so that a directory with that name is
 * always complete: an interrupted start leaves nothing that the next one could mistake for data.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when the data was written by another major version of
 *   PostgreSQL
 */
export async function openCluster(
  dataDir: string,
  binaries: Binaries & { majorVersion: string },
  account: Account | undefined,
): Promise<Cluster> {
  const directory = join(dataDir, 'postgres')
  const passwordFile = join(dataDir, 'password')
  for (const name of await readdir(dataDir))
    if (name.startsWith('postgres.new-')) await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  const version = await readOptional(join(directory, 'PG_VERSION'))
  const storedPassword = await readOptional(passwordFile)
  const isPasswordLost = storedPassword === undefined || !passwordPattern.test(storedPassword)
  const password = isPasswordLost ? randomBytes(24).toString('hex') : storedPassword
  if (version !== undefined) {
    if (!/^\d+$/.test(version))
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The data in ${directory} is damaged (PG_VERSION is ${JSON.stringify(version)}), as by a power loss during the first start; delete the directory to begin anew, restore a backup, or set DATA_DIR to another directory`,
      )
    if (version !== binaries.majorVersion)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The data in ${directory} belongs to PostgreSQL ${version}, and the embedded one is ${binaries.majorVersion}; move the data with pg_dump, or set DATA_DIR to another directory`,
      )
    return { directory, password, isNew: false, isPasswordLost }
  }
  const temporaryDirectory = `${directory}.new-${randomBytes(4).toString('hex')}`
  await mkdir(temporaryDirectory, { mode: 0o700 })
  await writeFileAtomically(passwordFile, password, { mode: 0o600, account })
  if (account !== undefined) await chown(temporaryDirectory, account.uid, account.gid)
  await runInitdb(
    binaries,
    [
      '-D',
      temporaryDirectory,
      '-U',
      databaseName,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
    ]
      // Compares by code point, like every C locale, but lower() and upper() support Unicode
      // letters.
      .concat(['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'])
      // The files are synced by syncCluster while the server already answers.
      .concat('--no-sync', '--no-instructions'),
    account,
  )
  await rename(temporaryDirectory, directory)
  return { directory, password, isNew: true, isPasswordLost: false }
}

/**
 * Sets the password of a cluster's database user to that of `cluster`, and stores it. The cluster
 * must not be running. For a cluster without its password file: the owner of the files could read
 * the data anyway.
 *
 * @throws Error with the output of PostgreSQL when it fails
 */
export async function resetPassword(
  { directory, password }: Cluster,
  binaries: Binaries,
  account: Account | undefined,
): Promise<void> {
  // Single-user mode requires no password. The password contains no character that would end the
  // string.
  const child = spawn(binaries.postgres, ['--single', '-D', directory, '-c', 'exit_on_error=on', 'postgres'], {
    ...account,
    cwd: directory,
    env: postgresEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  // A server that exits immediately reads no input; its exit code decides.
  child.stdin.on('error', () => undefined)
  child.stdin.end(`alter role ${databaseName} password '${password}'\n`)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`PostgreSQL could not reset the password of ${directory}: ${output.trim()}`)
  await writeFileAtomically(join(dirname(directory), 'password'), password, { mode: 0o600, account })
}

/**
 * Syncs all files of a new cluster to disk, which its creation skipped. The server may be running.
 */
export async function syncCluster(directory: string, binaries: Binaries, account: Account | undefined): Promise<void> {
  await runInitdb(binaries, ['--sync-only', '-D', directory], account)
}

async function runInitdb(binaries: Binaries, args: readonly string[], account: Account | undefined): Promise<void> {
  try {
    await run(binaries.initdb, args, { ...account, cwd: '/', env: postgresEnvironment() })
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    throw new Error(`PostgreSQL could not make its files: ${stderr.trim() === '' ? message : stderr.trim()}`, {
      cause: error,
    })
  }
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
