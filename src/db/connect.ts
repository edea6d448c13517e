import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { isTidingsError, TidingsError } from '../errors.ts'
import { type Logger, redactSecrets } from '../logger.ts'

/** The record: connections to one PostgreSQL database. Disposing waits (at most 5 s) for statements under way. */
export interface Database extends AsyncDisposable {
  /** `bigint` comes as number, `timestamptz` as Date, `jsonb` parsed. */
  readonly pool: pg.Pool
}

const oldestServerVersion = 140_000
const longestCloseMs = 5_000

/**
 * Opens connections to a database, waiting for one that is just starting.
 *
 * @param options.url - `postgres://user:password@host:port/name`, or with `?host=/dir` for a Unix socket
 * @param options.maxConnections - most connections open at once
 * @param options.applicationName - what `pg_stat_activity` shows; `tidings` by default
 * @param options.waitMs - longest wait for the database to answer, 30,000 by default
 * @throws TidingsError `UNAVAILABLE` when it does not answer in time; `BAD_CONFIGURATION` when it refuses the user,
 * password or name, or is older than PostgreSQL 14
 */
export async function connectDatabase(options: {
  url: string
  maxConnections: number
  logger: Logger
  applicationName?: string
  waitMs?: number
}): Promise<Database> {
  const { url, logger, waitMs = 30_000 } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections,
    application_name: options.applicationName ?? 'tidings',
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    types: { getTypeParser },
  })
  let closing: Promise<void> | undefined
  const broke = (error: Error) => {
    if (closing === undefined) logger.warn(`A connection to the database broke: ${error.message}`)
  }
  // Without listeners, a connection that breaks would end the process: idle ones tell the pool, which replaces them, and
  // those lent out but quiet, as between two statements of a transaction, tell themselves.
  pool.on('error', () => undefined)
  const open = new Set<pg.PoolClient>()
  pool.on('connect', (client) => {
    open.add(client)
    client.on('error', broke)
    client.once('end', () => open.delete(client))
  })
  const close = () => {
    closing ??= closePool(pool, open, logger)
    return closing
  }
  try {
    await waitForServer(pool, url, waitMs, logger)
  } catch (error) {
    await close()
    throw error
  }
  return { pool, [Symbol.asyncDispose]: close }
}

/** What transactions under way do once they have committed. */
const afterCommits = new WeakMap<pg.PoolClient, (() => void)[]>()

/**
 * Does something once the transaction that `client` is in has committed, and nothing when it is rolled back: telling others of what was
 * written. For those who are handed a client and do not commit themselves. What it throws becomes a warning of the process.
 *
 * @throws Error when the client is in no transaction of {@link withTransaction}
 */
export function afterCommit(client: pg.PoolClient, work: () => void): void {
  const works = afterCommits.get(client)
  if (works === undefined) throw new Error('There is no transaction to wait for; begin one with withTransaction')
  works.push(work)
}

/**
 * Runs `work` as a part of the transaction that `client` is in: when it rejects, what it did is undone, and the transaction can go on.
 *
 * @throws what `work` throws
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
 * @param work - commits when it resolves, rolls back when it rejects. A statement that may fail goes into {@link withSavepoint}: after
 * any other that does, there is nothing left to commit, whoever catches its error
 * @returns what `work` returns
 * @throws what `work` or the commit throws
 */
export async function withTransaction<T>(
  database: Pick<Database, 'pool'>,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await database.pool.connect()
  let broken: Error | undefined
  const works: (() => void)[] = []
  afterCommits.set(client, works)
  try {
    await client.query('begin')
    const result = await work(client)
    const { command } = await client.query('commit')
    // Not an error to PostgreSQL, which tells it by this alone: of what was said to be done, nothing is.
    if (command !== 'COMMIT')
      throw new Error('A statement of this transaction failed, and its error was not passed on: nothing was committed')
    for (const after of works) attempt(after)
    return result
  } catch (error) {
    await client.query('rollback').catch((failure: unknown) => {
      broken = asError(failure)
    })
    throw error
  } finally {
    afterCommits.delete(client)
    // A connection that could not roll back may still be inside the transaction: it is thrown away.
    client.release(broken)
  }
}

/** It has committed: nothing that is done afterwards makes it fail. */
function attempt(after: () => void): void {
  try {
    after()
  } catch (error) {
    process.emitWarning(`What follows a commit failed: ${asError(error).message}`)
  }
}

/** `url` without its password, for messages. */
export function describeDatabaseUrl(url: string): string {
  return redactSecrets(url)
}

async function waitForServer(pool: pg.Pool, url: string, waitMs: number, logger: Logger): Promise<void> {
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
      if (attempt === 1) logger.info(`Waiting for the database ${describeDatabaseUrl(url)}: ${describeFailure(error)}`)
      await delay(Math.min(50 * 2 ** (attempt - 1), 1_000, Math.max(deadline - Date.now(), 1)))
    }
  }
}

/** Whether trying again may help. SQLSTATE: 57P03 starting or stopping, 57P01 going down, 53300 connections used up. */
function mayBeStarting(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code))
    return ['57P01', '57P02', '57P03', '53300'].includes(code) || code.startsWith('08')
  return true
}

/** Not through Kysely, which closes nothing unless it was used; and until the server has let go of every connection. */
async function closePool(pool: pg.Pool, open: ReadonlySet<pg.PoolClient>, logger: Logger): Promise<void> {
  const deadline = AbortSignal.timeout(longestCloseMs)
  const isLate = once(deadline, 'abort').then(() => 'late')
  const end = async () => {
    // A pool that ends forgets who still waits for a connection: their statements would hang until they time out.
    while (pool.waitingCount > 0 && !deadline.aborted) await delay(5)
    await pool.end()
    await Promise.all([...open].map((client) => once(client, 'end')))
  }
  if ((await Promise.race([end(), isLate])) === 'late')
    logger.warn(`${open.size} connections to the database were still in use after ${longestCloseMs} ms and are left`)
}

const int8 = 20
const int8Array = 1016

/** Ids, sequence numbers and counts stay far below 2^53, and a number cannot be mistaken for text as pg's default can. */
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

/** A failed connection to a name with several addresses is an AggregateError, whose own message is empty. */
function describeFailure(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return asError(error.errors[0]).message
  return asError(error).message
}
