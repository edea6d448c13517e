import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown } from 'node:fs/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { createTestDirectory, type TestDirectory } from './directory.ts'
import { untilPassed } from './until-passed.ts'

const execute = promisify(execFile)

/** The programs of the installed PostgreSQL, and a directory for its data. Disposing ends the servers. */
export interface PostgresPrograms extends AsyncDisposable {
  readonly directory: TestDirectory
  /** Runs one of the programs as the user who owns the data. */
  run(program: string, args: readonly string[]): Promise<void>
  /** Gives a file or a directory to that user. */
  own(path: string): Promise<void>
  /**
   * Starts a server of the loopback address without passwords; resolves when it responds.
   *
   * @returns a function that kills it
   */
  start(
    dataDir: string,
    port: number,
    settings?: Readonly<Record<string, string | number>>,
  ): Promise<() => Promise<void>>
}

/**
 * Finds the programs.
 *
 * @throws Error with the command that installs PostgreSQL when it is missing
 */
export async function findPostgres(): Promise<PostgresPrograms> {
  await using stack = new AsyncDisposableStack()
  const bin = await findBinaries()
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await readAccount() : undefined
  const directory = stack.use(await createTestDirectory())
  const own = async (path: string): Promise<void> => {
    if (account !== undefined) await chown(path, account.uid, account.gid)
  }
  await own(directory.path)
  const opened = stack.move()
  return {
    directory,
    own,
    async run(program, args) {
      await execute(`${bin}/${program}`, args, { ...account, cwd: directory.path })
    },
    async start(dataDir, port, settings = {}) {
      const all = {
        port,
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        fsync: 'off',
        max_connections: 300,
        ...settings,
      }
      const args = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])
      const server = spawn(`${bin}/postgres`, ['-D', dataDir, ...args], { stdio: 'ignore', ...account })
      const exited = once(server, 'exit')
      const kill = async (): Promise<void> => {
        // Its children notice that it is gone and exit.
        server.kill('SIGKILL')
        await exited
      }
      opened.defer(kill)
      await query(port, 'select 1')
      return kill
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Runs a statement; waits until the server of a port responds. */
export function query(port: number, statement: string): Promise<readonly Record<string, unknown>[]> {
  return untilPassed(async () => {
    const client = new pg.Client({ port, host: '127.0.0.1', user: 'postgres', database: 'postgres' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Record<string, unknown>>(statement)).rows
    } finally {
      await client.end()
    }
  })
}

async function findBinaries(): Promise<string> {
  const { stdout } = await execute('pg_config', ['--bindir']).catch((error: unknown) => {
    throw new Error('There is no PostgreSQL; install it: apt-get install -y postgresql', { cause: error })
  })
  return stdout.trim()
}

async function readAccount(): Promise<{ readonly uid: number; readonly gid: number }> {
  const read = async (option: string): Promise<number> => Number((await execute('id', [option, 'postgres'])).stdout)
  return { uid: await read('-u'), gid: await read('-g') }
}
