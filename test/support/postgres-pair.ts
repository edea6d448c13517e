import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown } from 'node:fs/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { vi } from 'vitest'
import { createTestDirectory } from './directory.ts'
import { hangMs } from './patience.ts'
import { findFreePort } from './port.ts'
import { createTcpProxy } from './proxy.ts'

const run = promisify(execFile)

/** A primary and a standby with asynchronous replication. Disposing ends both. */
export interface PostgresPair extends AsyncDisposable {
  /** An address that leads to the primary, also after a failover. */
  readonly url: string
  /** A URL with the addresses of both. */
  readonly urlOfBoth: string
  /** The address of the standby. */
  readonly replicaUrl: string
  /** Waits until the standby has everything that the primary has. */
  replicated(): Promise<void>
  /** Cuts the replication: what is committed from now on is lost by a failover. */
  cutReplication(): void
  resumeReplication(): Promise<void>
  /** Kills the primary and promotes the standby. */
  failOver(): Promise<void>
  /** Starts the killed primary again, which does not know that it was replaced. */
  restartFormer(): Promise<void>
}

/**
 * Starts a pair.
 *
 * @throws Error with the command that installs PostgreSQL when it is missing
 */
export async function startPostgresPair(): Promise<PostgresPair> {
  await using stack = new AsyncDisposableStack()
  const bin = await findBinaries()
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await readAccount() : undefined
  const directory = stack.use(await createTestDirectory())
  if (account !== undefined) await chown(directory.path, account.uid, account.gid)
  const ports = { primary: await findFreePort(), standby: await findFreePort() }
  const dataOf = { primary: directory.join('primary'), standby: directory.join('standby') }
  const start = async (name: 'primary' | 'standby'): Promise<() => Promise<void>> => {
    const settings = {
      port: ports[name],
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      max_connections: 300,
      wal_retrieve_retry_interval: '100ms',
    }
    const args = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])
    const server = spawn(`${bin}/postgres`, ['-D', dataOf[name], ...args], { stdio: 'ignore', ...account })
    const exited = once(server, 'exit')
    const kill = async (): Promise<void> => {
      // Its children notice that it is gone and exit.
      server.kill('SIGKILL')
      await exited
    }
    await query(ports[name], 'select 1')
    return kill
  }
  await run(`${bin}/initdb`, ['-D', dataOf.primary, '-U', 'postgres', '-A', 'trust', '--no-sync'], account)
  const killPrimary = await start('primary')
  stack.defer(killPrimary)
  const replication = stack.use(await createTcpProxy(ports.primary))
  const source = ['-h', '127.0.0.1', '-p', String(replication.port), '-U', 'postgres']
  await run(`${bin}/pg_basebackup`, [...source, '-D', dataOf.standby, '-R', '-X', 'stream', '-c', 'fast'], account)
  stack.defer(await start('standby'))
  let current = ports.primary
  const entrance = stack.use(await createTcpProxy(() => current))
  const opened = stack.move()
  const formers = new AsyncDisposableStack()
  return {
    url: `postgres://postgres@127.0.0.1:${entrance.port}/postgres`,
    urlOfBoth: `postgres://postgres@127.0.0.1:${ports.primary},127.0.0.1:${ports.standby}/postgres`,
    replicaUrl: `postgres://postgres@127.0.0.1:${ports.standby}/postgres`,
    async replicated() {
      const [position] = await query(ports.primary, 'select pg_current_wal_lsn() as lsn')
      await vi.waitFor(async () => {
        const [row] = await query(
          ports.standby,
          `select pg_last_wal_replay_lsn() >= '${position?.['lsn']}' as is_there`,
        )
        if (row?.['is_there'] !== true) throw new Error('The standby is behind')
      })
    },
    cutReplication() {
      replication.refuse()
      replication.resetAll()
    },
    resumeReplication: () => replication.accept(),
    async failOver() {
      entrance.refuse()
      entrance.resetAll()
      await killPrimary()
      await query(ports.standby, 'select pg_promote()')
      current = ports.standby
      await entrance.accept()
    },
    async restartFormer() {
      formers.defer(await start('primary'))
    },
    async [Symbol.asyncDispose]() {
      await formers.disposeAsync()
      await opened.disposeAsync()
    },
  }
}

/** Runs a statement; waits until the server responds. */
function query(port: number, statement: string): Promise<readonly Record<string, unknown>[]> {
  return vi.waitFor(
    async () => {
      const client = new pg.Client({ port, host: '127.0.0.1', user: 'postgres', database: 'postgres' })
      client.on('error', () => undefined)
      try {
        await client.connect()
        return (await client.query<Record<string, unknown>>(statement)).rows
      } finally {
        await client.end()
      }
    },
    { timeout: hangMs, interval: 50 },
  )
}

async function findBinaries(): Promise<string> {
  const { stdout } = await run('pg_config', ['--bindir']).catch((error: unknown) => {
    throw new Error('There is no PostgreSQL; install it: apt-get install -y postgresql', { cause: error })
  })
  return stdout.trim()
}

async function readAccount(): Promise<{ readonly uid: number; readonly gid: number }> {
  const read = async (option: string): Promise<number> => Number((await run('id', [option, 'postgres'])).stdout)
  return { uid: await read('-u'), gid: await read('-g') }
}
