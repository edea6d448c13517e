import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { isTidingsError, TidingsError } from '../errors.ts'
import { type Logger, redactSecrets } from '../logger.ts'
import { engineSchema } from '../schema-name.ts'
import { classifyDatabaseError } from './failure.ts'
import { createPools, type PoolOptions, type Pools } from './pool.ts'
import { createReplicaReads, type Read } from './replica.ts'

/** Connections to one PostgreSQL database. Disposing waits (at most 5 s) for running statements. */
export interface Database extends AsyncDisposable {
  /** `bigint` is returned as number, `timestamptz` as Date, `jsonb` parsed. */
  readonly pool: pg.Pool
  /**
   * Two connections for the liveness of this process (heartbeats, leases, presence), which must not
   * wait behind other statements. Their own statements time out after 2 s, so that a dead
   * connection is replaced before a lease expires.
   */
  readonly vitals: pg.Pool
  /**
   * Runs a read-only statement that may be answered by a replica; see {@link createReplicaReads}. Without a replica, the same as a
   * query of {@link Database.pool}.
   */
  readonly read: Read
  /** The schema of the engine. Statements name `tidings`, which every connection replaces. */
  readonly schema: string
  /**
   * Opens another pool, whose connections are monitored with the others. It is closed with the
   * database, unless it is ended earlier.
   */
  openPool(options: PoolOptions): pg.Pool
}

const oldestServerVersion = 140_000
const longestCloseMs = 5_000
const defaultStatementMs = 4_000
const vitalConnections = 2
const longestVitalMs = 2_000
/** A replica that does not answer delays a read for as long as this, every few seconds. */
const longestProbeMs = 500

/**
 * Opens connections to a database, waiting for one that is starting up.
 *
 * @param options.url - `postgres://user:password@host:port/name`, or with `?host=/dir` for a Unix
 *   socket
 * @param options.directUrl - the address without the pooler, when `url` is one of a pooler of transactions; see
 *   {@link createPools}
 * @param options.replicaUrl - the address of a replica with streaming replication, for {@link Database.read}. It need not answer
 * @param options.schema - of the engine, instead of `tidings`
 * @param options.maxConnections - maximum number of open connections
 * @param options.applicationName - shown in `pg_stat_activity`; default `tidings`
 * @param options.waitMs - maximum wait for the database to answer; default 30,000
 * @param options.statementMs - maximum time of one statement in the server, and of a pause inside a
 *   transaction; default 4,000. A connection that stays silent for a fifth longer is destroyed; see
 *   {@link createPools}
 * @throws TidingsError `UNAVAILABLE` when it does not answer in time; `BAD_CONFIGURATION` when it
 *   refuses the user, password or name, or is older than PostgreSQL 14
 */
export async function connectDatabase(options: {
  url: string
  directUrl?: string | undefined
  replicaUrl?: string | undefined
  schema?: string
  maxConnections: number
  logger: Logger
  applicationName?: string
  waitMs?: number
  statementMs?: number
}): Promise<Database> {
  const {
    url,
    directUrl,
    replicaUrl,
    schema = engineSchema,
    logger,
    waitMs = 30_000,
    statementMs = defaultStatementMs,
    applicationName = 'tidings',
  } = options
  const vitalMs = Math.min(statementMs, longestVitalMs)
  const common = { schema, statementMs, tellingMs: vitalMs, logger, types: { getTypeParser } }
  const pools = createPools({ ...common, url, directUrl })
  // Watched apart: when the replica falls silent, the connections to the primary are not suspect.
  const replicaPools = replicaUrl === undefined ? undefined : createPools({ ...common, url: replicaUrl })
  const pool = pools.open({ applicationName, maxConnections: options.maxConnections })
  const vitals = pools.open({
    applicationName: `${applicationName} vitals`,
    maxConnections: vitalConnections,
    statementMs: vitalMs,
  })
  const replica = replicaPools && {
    pool: replicaPools.open({ applicationName: `${applicationName} reads`, maxConnections: options.maxConnections }),
    probe: replicaPools.open({
      applicationName: `${applicationName} replica`,
      maxConnections: 1,
      statementMs: longestProbeMs,
    }),
  }
  let closing: Promise<unknown> | undefined
  const close = async () => {
    closing ??= Promise.all([pools, replicaPools ?? []].flat().map((some) => closePools(some, logger)))
    await closing
  }
  try {
    await waitForServer(pool, pools, { url, waitMs, logger })
  } catch (error) {
    await close()
    throw error
  }
  const read: Read =
    replica === undefined ? (config) => pool.query(config) : createReplicaReads({ pool, replica, logger })
  return { pool, vitals, read, schema, openPool: pools.open, [Symbol.asyncDispose]: close }
}

/** The callbacks that open transactions run once they have committed. */
const afterCommits = new WeakMap<pg.PoolClient, (() => void)[]>()

/**
 * Runs a callback once the transaction of `client` has committed, and not at all when it is rolled
 * back: for publishing the committed changes. For functions that receive a client and do not commit
 * themselves. An error thrown by the callback becomes a process warning.
 *
 * @throws Error when the client is not in a transaction of {@link withTransaction}
 */
export function afterCommit(client: pg.PoolClient, work: () => void): void {
  const works = afterCommits.get(client)
  if (works === undefined) throw new Error('There is no transaction to wait for; begin one with withTransaction')
  works.push(work)
}

/**
 * Runs `work` in a savepoint of the transaction of `client`: when it rejects, its changes are
 * rolled back, and the transaction can continue.
 *
 * @throws any error of `work`
 */
export async function withSavepoint<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  const works = afterCommits.get(client)
  const count = works?.length ?? 0
  await client.query('savepoint part')
  try {
    const result = await work()
    await client.query('release savepoint part')
    return result
  } catch (error) {
    await client.query('rollback to savepoint part; release savepoint part')
    works?.splice(count)
    throw error
  }
}

/**
 * Runs `work` inside one transaction, on one connection.
 *
 * @param work - commits when it resolves, rolls back when it rejects. Wrap a statement that may
 *   fail in {@link withSavepoint}: any other failed statement aborts the transaction, even if its
 *   error is caught
 * @returns the result of `work`
 * @throws any error of `work` or the commit
 *
 * @example
 * await withTransaction(database, async (client) => {
 *   await client.query('insert into article (id, title) values ($1, $2)', [id, title])
 *   await createTopic(client, `article:${id}`)
 * })
 */
export async function withTransaction<T>(
  database: Pick<Database, 'pool'>,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await database.pool.connect()
  let connectionError: Error | undefined
  const works: (() => void)[] = []
  afterCommits.set(client, works)
  try {
    await client.query('begin')
    const result = await work(client)
    const { command } = await client.query('commit')
    // Not an error in PostgreSQL, which reports it by the command tag alone: nothing was committed.
    if (command !== 'COMMIT')
      throw new Error('A statement of this transaction failed, and its error was not passed on: nothing was committed')
    for (const after of works) attempt(after)
    return result
  } catch (error) {
    // A lost connection has nothing to roll back and sends no answer to wait for.
    if (classifyDatabaseError(error)?.isConnectionLost === true) connectionError = asError(error)
    else
      await client.query('rollback').catch((failure: unknown) => {
        connectionError = asError(failure)
      })
    throw error
  } finally {
    afterCommits.delete(client)
    // A connection that could not roll back may still be inside the transaction: it is destroyed.
    client.release(connectionError)
  }
}

/** Runs a callback after the commit: its failure must not fail the transaction. */
function attempt(after: () => void): void {
  try {
    after()
  } catch (error) {
    process.emitWarning(`What follows a commit failed: ${asError(error).message}`)
  }
}

/** Removes the password from `url`, for messages. */
export function describeDatabaseUrl(url: string): string {
  return redactSecrets(url)
}

async function waitForServer(
  pool: pg.Pool,
  pools: Pools,
  { url, waitMs, logger }: { readonly url: string; readonly waitMs: number; readonly logger: Logger },
): Promise<void> {
  const deadline = Date.now() + waitMs
  for (let attempt = 1; ; attempt++) {
    try {
      const { rows } = await pool.query<{ version: number; name: string }>(
        `select current_setting('server_version_num')::int as version, current_setting('server_version') as name`,
      )
      const server = rows[0]
      if (server === undefined || server.version < oldestServerVersion)
        throw new TidingsError(
          'BAD_CONFIGURATION',
          `The database ${describeDatabaseUrl(url)} is PostgreSQL ${server?.name ?? 'of an unknown version'}; Tidings needs 14 or newer`,
        )
      return
    } catch (error) {
      if (isTidingsError(error)) throw error
      if (isStartupParameterRefused(error)) {
        logger.warn(
          { database: describeDatabaseUrl(url) },
          'failed to set startup parameters, as behind PgBouncer; set statement_timeout, idle_in_transaction_session_timeout and, with QUEUE_BACKEND=postgres, search_path (public, bullmq) of the user: alter role ... set ...',
        )
        pools.omitStartupParameters()
        continue
      }
      if (!mayBeStarting(error))
        throw new TidingsError(
          'BAD_CONFIGURATION',
          `The database ${describeDatabaseUrl(url)} refuses the connection: ${asError(error).message}; correct DATABASE_URL`,
          {},
          { cause: error },
        )
      if (Date.now() >= deadline)
        throw new TidingsError(
          'UNAVAILABLE',
          `The database ${describeDatabaseUrl(url)} did not answer within ${waitMs} ms: ${describeFailure(error)}; start it, or correct DATABASE_URL`,
          {},
          { cause: error },
        )
      if (attempt === 1)
        logger.info({ database: describeDatabaseUrl(url), reason: describeFailure(error) }, 'waiting for the database')
      await delay(Math.min(50 * 2 ** (attempt - 1), 1_000, Math.max(deadline - Date.now(), 1)))
    }
  }
}

/** Whether a pooler in front of PostgreSQL refused `statement_timeout` or the like while connecting. */
function isStartupParameterRefused(error: unknown): boolean {
  return asError(error).message.includes('unsupported startup parameter')
}

/** Whether a retry may help: the server is starting, has no free connection, or is unreachable. */
function mayBeStarting(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  const isState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)
  return !isState || classifyDatabaseError(error) !== null
}

/** Ends pools, and waits until the server has closed every connection. */
async function closePools(pools: Pools, logger: Logger): Promise<void> {
  const all = pools.opened
  const deadline = performance.now() + longestCloseMs
  const waitWhile = async (isBusy: () => boolean): Promise<void> => {
    while (isBusy() && performance.now() < deadline) await delay(5)
  }
  // A pool that ends drops the requests waiting for a connection: their statements would hang until
  // they time out.
  await waitWhile(() => all.some((pool) => pool.waitingCount > 0))
  for (const pool of pools.opened) void pool.end()
  const isOpen = (): boolean => pools.size > 0 || all.some((pool) => pool.totalCount > 0)
  await waitWhile(isOpen)
  if (isOpen())
    logger.warn(
      { connections: pools.size, afterMs: longestCloseMs },
      'failed to close connections to the database in time',
    )
  pools[Symbol.dispose]()
}

const int8 = 20
const int8Array = 1016

/**
 * Ids, sequence numbers and counts stay far below 2^53, and a number cannot be mistaken for text,
 * unlike pg's default.
 */
const getTypeParser = ((oid: number, format?: 'text' | 'binary') => {
  const parse = pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown
  if (format === 'binary') return parse
  if (oid === int8) return Number
  if (oid === int8Array)
    return (value: string) =>
      (parse(value) as (string | null)[]).map((element) => (element === null ? null : Number(element)))
  return parse
}) as typeof pg.types.getTypeParser

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/**
 * A failed connection to a host name with several addresses is an AggregateError with an empty
 * message of its own.
 */
function describeFailure(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return asError(error.errors[0]).message
  return asError(error).message
}
