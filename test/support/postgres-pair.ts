import { vi } from 'vitest'
import { findFreePort } from './port.ts'
import { findPostgres, query } from './postgres-programs.ts'
import { createTcpProxy } from './proxy.ts'

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
  const programs = stack.use(await findPostgres())
  const { directory } = programs
  const ports = { primary: await findFreePort(), standby: await findFreePort() }
  const dataOf = { primary: directory.join('primary'), standby: directory.join('standby') }
  const start = (name: 'primary' | 'standby'): Promise<() => Promise<void>> =>
    programs.start(dataOf[name], ports[name], { wal_retrieve_retry_interval: '100ms' })
  await programs.run('initdb', ['-D', dataOf.primary, '-U', 'postgres', '-A', 'trust', '--no-sync'])
  const killPrimary = await start('primary')
  const replication = stack.use(await createTcpProxy(ports.primary))
  const source = ['-h', '127.0.0.1', '-p', String(replication.port), '-U', 'postgres']
  await programs.run('pg_basebackup', [...source, '-D', dataOf.standby, '-R', '-X', 'stream', '-c', 'fast'])
  await start('standby')
  let current = ports.primary
  const entrance = stack.use(await createTcpProxy(() => current))
  const opened = stack.move()
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
      await start('primary')
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
