import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/db/embedded.ts'
import { silentLogger } from '../../../src/logger.ts'
import { startPatroni, type TestPatroni } from '../../support/patroni.ts'
import { type PostgresPair, startPostgresPair } from '../../support/postgres-pair.ts'

/** Repetitions of a query of the rig itself, every 100 ms: longer than any fault lasts. */
const maxAttempts = 3_000

/** A PostgreSQL server with processes of its own, or a pair of them. */
export interface RigPostgres extends AsyncDisposable {
  /** The URL past all proxies, for the rig itself. */
  readonly url: string
  /** The path of its Unix socket, or the port of what is in front of the pair. */
  readonly address: string | number
  /** The pair under Patroni, for faults of the failover. */
  readonly patroni?: TestPatroni
  /** The pair with asynchronous replication, for failovers that lose events. */
  readonly pair?: PostgresPair
  /** Returns the URL for a process of the product, whose proxy has this TCP port. */
  urlAt(port: number): string
  /** Runs a statement past all proxies; retries while the server is unavailable. */
  query<T extends pg.QueryResultRow>(statement: string, values?: readonly unknown[]): Promise<T[]>
  /** Returns the process ids of the postmaster and of all its children. */
  pids(): Promise<{ readonly postmaster: number; readonly children: readonly number[] }>
  /** Stops it cleanly. */
  stop(): Promise<void>
  /** Starts it again at the same address; resolves when it responds. */
  start(): Promise<void>
}

/** Starts a PostgreSQL on a data directory. */
export async function startRigPostgres(dataDir: string): Promise<RigPostgres> {
  const open = () =>
    startEmbeddedPostgres({
      dataDir,
      logger: silentLogger,
      // Only processes crash in a run, and not the machine, so a commit need not wait for the disk.
      settings: { max_connections: '400', fsync: 'off' },
    })
  let server: EmbeddedPostgres | undefined = await open()
  const { url } = server
  const directory = new URL(url).searchParams.get('host') ?? ''
  const connection = connect(url)
  const pids = async () => {
    const { dataDir: actual } = server ?? { dataDir }
    const text = await readFile(join(actual, 'postgres', 'postmaster.pid'), 'utf8')
    const postmaster = Number.parseInt(text, 10)
    const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').catch(() => '')
    return { postmaster, children: children.split(' ').filter(Boolean).map(Number) }
  }
  return {
    url,
    address: join(directory, '.s.PGSQL.5432'),
    urlAt: (port) => moveTo(url, port),
    query: connection.query,
    pids,
    async stop() {
      await server?.[Symbol.asyncDispose]()
      server = undefined
    },
    async start() {
      server ??= await open()
    },
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
    },
  }
}

/**
 * Starts a pair under Patroni.
 *
 * @param isBehindProxy - whether the product connects to HAProxy, behind the rig's proxies; otherwise to the addresses of
 *   both nodes, past them
 */
export async function startPatroniPostgres(isBehindProxy: boolean): Promise<RigPostgres> {
  const patroni = await startPatroni()
  const { url, proxyUrl } = patroni
  const connection = connect(proxyUrl)
  return {
    url: proxyUrl,
    address: Number(new URL(proxyUrl).port),
    patroni,
    urlAt: (port) => (isBehindProxy ? moveTo(proxyUrl, port) : url),
    query: connection.query,
    pids: refuse,
    stop: refuse,
    start: () => patroni.heal(),
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]()
      await patroni[Symbol.asyncDispose]()
    },
  }
}

/** Starts a pair with asynchronous replication, to whose two addresses the product connects past the rig's proxies. */
export async function startPairPostgres(): Promise<RigPostgres> {
  const pair = await startPostgresPair()
  const connection = connect(pair.url)
  return {
    url: pair.url,
    address: Number(new URL(pair.url).port),
    pair,
    urlAt: () => pair.urlOfBoth,
    query: connection.query,
    pids: refuse,
    stop: refuse,
    start: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]()
      await pair[Symbol.asyncDispose]()
    },
  }
}

const refuse = () => Promise.reject(new Error('This fault is of a single PostgreSQL'))

/** Returns a URL of the same database at a port of the loopback address. */
function moveTo(url: string, port: number): string {
  const address = new URL(url)
  address.search = ''
  address.hostname = '127.0.0.1'
  address.port = String(port)
  return address.href
}

/** Connects the rig itself. */
export function connect(connectionString: string): Pick<RigPostgres, 'query'> & AsyncDisposable {
  const pool = new pg.Pool({ connectionString, max: 4, connectionTimeoutMillis: 5_000, query_timeout: 20_000 })
  pool.on('error', () => undefined)
  return {
    async query<T extends pg.QueryResultRow>(statement: string, values: readonly unknown[] = []) {
      for (let attempt = 1; ; attempt++) {
        try {
          return (await pool.query<T>(statement, [...values])).rows
        } catch (error) {
          const code = (error as { code?: string }).code ?? ''
          // Classes 22, 23 and 42 are errors of the statement itself.
          if (attempt >= maxAttempts || /^(22|23|42)/.test(code)) throw error
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}
