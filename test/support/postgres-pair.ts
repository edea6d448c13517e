import { rm } from 'node:fs/promises'
import { findFreePort } from './port.ts'
import { findPostgres, query } from './postgres-programs.ts'
import { createTcpProxy } from './proxy.ts'
import { untilPassed } from './until-passed.ts'

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
  /**
   * Starts the killed primary again, which does not know that it was replaced.
   *
   * @param port - its own by default; at another one only the caller reaches it
   */
  restartFormer(port?: number): Promise<void>
  /** Replaces the former primary and its data by a standby of the present primary. */
  replaceFormer(): Promise<void>
}

interface Node {
  readonly port: number
  readonly dataDir: string
  kill(): Promise<void>
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
  const start = async ({ port, dataDir }: Omit<Node, 'kill'>, at = port): Promise<Node> => {
    const kill = await programs.start(dataDir, at, { wal_retrieve_retry_interval: '100ms' })
    return { port, dataDir, kill }
  }
  const [first, second] = [
    { port: await findFreePort(), dataDir: directory.join('first') },
    { port: await findFreePort(), dataDir: directory.join('second') },
  ]
  await programs.run('initdb', ['-D', first.dataDir, '-U', 'postgres', '-A', 'trust', '--no-sync'])
  let primary = await start(first)
  const replication = stack.use(await createTcpProxy(() => primary.port))
  const startStandby = async (node: Omit<Node, 'kill'>): Promise<Node> => {
    const source = ['-h', '127.0.0.1', '-p', String(replication.port), '-U', 'postgres']
    await programs.run('pg_basebackup', [...source, '-D', node.dataDir, '-R', '-X', 'stream', '-c', 'fast'])
    return start(node)
  }
  // Becomes the former primary with a failover.
  let other = await startStandby(second)
  const entrance = stack.use(await createTcpProxy(() => primary.port))
  const opened = stack.move()
  return {
    url: `postgres://postgres@127.0.0.1:${entrance.port}/postgres`,
    urlOfBoth: `postgres://postgres@127.0.0.1:${first.port},127.0.0.1:${second.port}/postgres`,
    replicaUrl: `postgres://postgres@127.0.0.1:${second.port}/postgres`,
    async replicated() {
      const [position] = await query(primary.port, 'select pg_current_wal_lsn() as lsn')
      await untilPassed(async () => {
        const [row] = await query(other.port, `select pg_last_wal_replay_lsn() >= '${position?.['lsn']}' as is_there`)
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
      await primary.kill()
      await query(other.port, 'select pg_promote()')
      ;[primary, other] = [other, primary]
      await entrance.accept()
    },
    async restartFormer(port) {
      other = await start(other, port)
    },
    async replaceFormer() {
      await other.kill()
      await rm(other.dataDir, { recursive: true, force: true })
      await replication.accept()
      other = await startStandby(other)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
