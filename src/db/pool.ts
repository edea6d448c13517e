import pg from 'pg'
import { splitDatabaseUrl } from '../database-url.ts'
import type { Logger } from '../logger.ts'
import { engineSchema, nameSchema } from '../schema-name.ts'
import { silentConnectionCode } from './failure.ts'
import { createPrimaryFinder, type FindPrimary } from './primary.ts'

/** The settings of one pool. */
export interface PoolOptions {
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly maxConnections: number
  /** Startup options, such as `-c jit=off`; default none. */
  readonly options?: string
  /** Maximum time of one statement, in milliseconds; defaults to that of the database. */
  readonly statementMs?: number
  /**
   * Whether the connections go past a pooler, as `LISTEN`, session locks and startup options need. @default false
   */
  readonly isDirect?: boolean
  /**
   * Whether statements are sent as they are written, without the name of another schema of the engine. @default false
   */
  readonly isVerbatim?: boolean
}

/** The pools of one database, monitored together. */
export interface Pools extends Disposable {
  open(options: PoolOptions): pg.Pool
  /** The pools that have not been ended by their users. */
  readonly opened: readonly pg.Pool[]
  /** Number of open connections. */
  readonly size: number
  /**
   * Omits timeouts and options from the startup parameters of new connections, as PgBouncer refuses
   * them.
   */
  omitStartupParameters(): void
}

const connectMs = 3_000
/** Maximum wait for a free connection of the pool. */
const acquireMs = 10_000
/** A vanished peer of an idle connection is detected about 10 s after this. */
const keepAliveDelayMs = 5_000
/** Maximum wait for the server to close a connection that ends. */
const endTimeoutMs = 1_000
const idleMs = 60_000
/**
 * A deadline on this side is later than the server's by this share, so that the server's answer
 * arrives first whenever it can arrive at all.
 */
const graceShare = 0.2
const longestLookMs = 250
/** Minimum number of checks of the connections within one deadline. */
const looksPerDeadline = 10

/** The members of pg's client that its types omit. */
interface ClientState {
  readonly connection: {
    readonly stream: { readonly bytesRead: number; readonly destroyed: boolean; destroy(error?: Error): void }
  }
  /** False while a statement is running. */
  readonly readyForQuery: boolean | null
}

/** Whether pg runs the argument of `query` itself, such as a cursor. */
function isSubmittable(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'submit' in query
}

/**
 * Returns the promise of a result, as pg would without a callback. pg's own leaves garbage that survives until the whole
 * heap is collected, the parameters included (decision 350).
 */
async function promiseOf(run: (...args: readonly unknown[]) => unknown, [query, values]: readonly unknown[]) {
  try {
    return await new Promise<unknown>((resolve, reject) => {
      run(query, values, (error: Error | null, result: unknown) => (error ? reject(error) : resolve(result)))
    })
  } catch (error) {
    // Otherwise its stack leads to the socket, and not to the caller.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

/** A connection that ends without waiting for an unresponsive server. */
class BoundedClient extends pg.Client {
  constructor(options: pg.ClientConfig) {
    // The pool's own limit of the same name also bounds the wait for a free connection, which may
    // be longer.
    super({ ...options, connectionTimeoutMillis: connectMs })
  }

  override query(...args: readonly unknown[]): never {
    const run = super.query.bind(this) as (...args: readonly unknown[]) => unknown
    return (isSubmittable(args[0]) || typeof args.at(-1) === 'function' ? run(...args) : promiseOf(run, args)) as never
  }

  override end(): Promise<void>
  override end(callback: (error: Error) => void): void
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    // Otherwise an idle connection to a vanished server would remain forever, and block the
    // requests that wait for its slot in the pool.
    const timer = setTimeout(() => stateOf(this).connection.stream.destroy(), endTimeoutMs)
    this.once('end', () => clearTimeout(timer))
    if (callback === undefined) return super.end()
    super.end(callback)
    return undefined
  }
}

/** Returns a class of connections that replace the text of each statement, also of one that is an object. */
function replacingText(replace: (text: string) => string, Base: typeof BoundedClient): typeof BoundedClient {
  return class ReplacingClient extends Base {
    override query(...[query, ...rest]: readonly unknown[]): never {
      const isText = typeof query === 'string'
      const isConfig = typeof query === 'object' && query !== null && 'text' in query && !isSubmittable(query)
      const replaced = isText ? replace(query) : isConfig ? { ...query, text: replace(String(query.text)) } : query
      return (super.query as (...args: readonly unknown[]) => never).call(this, replaced, ...rest)
    }
  }
}

/**
 * A connection to a pooler that gives each transaction another connection of the server: a statement
 * that was prepared by name is not there any more, or is another client's.
 */
class UnnamedClient extends BoundedClient {
  override query(...[query, ...rest]: readonly unknown[]): never {
    const isNamed = typeof query === 'object' && query !== null && 'name' in query && !isSubmittable(query)
    const unnamedQuery = isNamed ? { ...query, name: undefined } : query
    return (super.query as (...args: readonly unknown[]) => never).call(this, unnamedQuery, ...rest)
  }
}

/** The members of pg's client that say where it connects to. */
interface ClientAddress {
  host: string
  port: number
  readonly connectionParameters: { host: string; port: number }
}

/** Returns a class of connections to whichever of several servers is the primary when they are opened. */
function connectingTo(findPrimary: FindPrimary, Base: typeof BoundedClient): typeof BoundedClient {
  return class PrimaryClient extends Base {
    override connect(): Promise<this>
    override connect(callback: (error: Error) => void): void
    override connect(callback?: (error: Error) => void): Promise<this> | undefined {
      const connected = findPrimary().then(async ({ host, port }) => {
        const client = this as unknown as ClientAddress
        for (const target of [client, client.connectionParameters]) Object.assign(target, { host, port })
        await super.connect()
        return this
      })
      if (callback === undefined) return connected
      connected.then(() => (callback as (error?: Error) => void)(), callback)
      return undefined
    }
  }
}

/**
 * Creates the pools of one database. PostgreSQL may vanish without closing a connection (its host
 * is down, a router forgot the connection); a statement is then never answered, and neither
 * `statement_timeout` nor TCP keep-alive helps. So the time of a statement is also limited on this
 * side: a connection that received nothing for a fifth longer than the server's limit is destroyed,
 * never returned to its pool. Its statement fails with SQLSTATE 08006. Every other connection that
 * was silent for as long is most likely dead too and is destroyed: otherwise each would cost its
 * next user the same wait. A connection with a running statement or transaction is kept until it
 * has been silent for its own limit.
 *
 * The limit applies to the silence, measured in the time that this process was running. A
 * wall-clock limit would destroy every connection after the process itself was suspended.
 *
 * @param options.url - of one server, or of several, one of which is the primary ({@link splitDatabaseUrl})
 * @param options.directUrl - the address of the same database without a pooler. Given, `url` is taken for one of a pooler
 *   of transactions (PgBouncer): no statement has a name there, and no connection sets parameters
 * @param options.schema - the schema of the engine, which statements name `tidings`
 * @param options.statementMs - maximum time of one statement in the server (`statement_timeout`)
 *   and of a pause inside a transaction, unless a pool overrides it; milliseconds
 * @param options.tellingMs - minimum limit of a connection for its silence to indicate that the
 *   others are dead; milliseconds
 */
export function createPools(options: {
  readonly url: string
  readonly directUrl?: string | undefined
  readonly schema: string
  readonly statementMs: number
  readonly tellingMs: number
  readonly logger: Logger
  readonly types: pg.CustomTypesConfig
}): Pools {
  const { url, directUrl, schema, tellingMs, logger, types } = options
  interface WatchedConnection {
    readonly client: pg.ClientBase
    readonly limitMs: number
    readonly deadlineMs: number
    bytesRead: number
    /** Time since data was last received on the connection. */
    silentMs: number
    /** The same while a statement is running; otherwise 0. */
    waitingMs: number
  }
  const watchedConnections = new Set<WatchedConnection>()
  const pools = new Set<pg.Pool>()
  let omitsParameters = false
  /** Shared by the pools, so that all of them ask once. */
  const finders = new Map<string, FindPrimary>()
  /** Returns the settings of pg for a URL of one server or several. */
  const targetOf = (address: string, Client: typeof BoundedClient) => {
    const urls = splitDatabaseUrl(address)
    if (urls.length === 1) return { connectionString: address, Client }
    const findPrimary = finders.get(address) ?? createPrimaryFinder(urls)
    finders.set(address, findPrimary)
    return { connectionString: urls[0], Client: connectingTo(findPrimary, Client) }
  }

  const sharesFate = (entry: WatchedConnection, expiredConnection: WatchedConnection): boolean => {
    if (entry === expiredConnection) return true
    if (expiredConnection.limitMs < tellingMs || entry.silentMs < expiredConnection.deadlineMs) return false
    const isIdle = stateOf(entry.client).readyForQuery === true && entry.client.getTransactionStatus() === 'I'
    return isIdle || entry.silentMs >= entry.deadlineMs
  }
  const destroySilent = (expiredConnection: WatchedConnection): void => {
    const silent = [...watchedConnections].filter((entry) => sharesFate(entry, expiredConnection))
    logger.warn(
      { silentMs: Math.round(expiredConnection.waitingMs), connections: silent.length },
      'destroying silent connections to the database',
    )
    for (const entry of silent) {
      watchedConnections.delete(entry)
      const error = new Error(`The database sent nothing for ${entry.deadlineMs} ms; the connection was destroyed`)
      stateOf(entry.client).connection.stream.destroy(Object.assign(error, { code: silentConnectionCode }))
    }
  }
  /**
   * BullMQ removes all listeners from a connection that it releases, so the end of the connection
   * may go unnoticed.
   */
  const forgetEnded = (): void => {
    for (const entry of watchedConnections)
      if (stateOf(entry.client).connection.stream.destroyed) watchedConnections.delete(entry)
  }
  const look = (elapsedMs: number): void => {
    forgetEnded()
    for (const entry of watchedConnections) {
      const { connection, readyForQuery } = stateOf(entry.client)
      const { bytesRead } = connection.stream
      const isHeard = bytesRead !== entry.bytesRead
      entry.bytesRead = bytesRead
      entry.silentMs = isHeard ? 0 : entry.silentMs + elapsedMs
      entry.waitingMs = isHeard || readyForQuery !== false ? 0 : entry.waitingMs + elapsedMs
    }
    for (const entry of watchedConnections) if (entry.waitingMs >= entry.deadlineMs) destroySilent(entry)
  }
  const lookMs = Math.min(longestLookMs, options.statementMs / looksPerDeadline)
  let lookedAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    // A process that was suspended has not yet read the data that arrived in the meantime.
    look(Math.min(now - lookedAt, lookMs * 2))
    lookedAt = now
  }, lookMs).unref()

  return {
    open({
      applicationName,
      maxConnections,
      options: startupOptions,
      statementMs = options.statementMs,
      isDirect = false,
      isVerbatim = false,
    }) {
      const isPooled = directUrl !== undefined && !isDirect
      const Base = isPooled ? UnnamedClient : BoundedClient
      const isRenamed = schema !== engineSchema && !isVerbatim
      const Client = isRenamed ? replacingText((text) => nameSchema(text, schema), Base) : Base
      const target = targetOf(isDirect ? (directUrl ?? url) : url, Client)
      const pool = new pg.Pool({
        connectionString: target.connectionString,
        Client: target.Client as unknown as new () => pg.ClientBase,
        max: maxConnections,
        application_name: applicationName,
        connectionTimeoutMillis: acquireMs,
        idleTimeoutMillis: idleMs,
        keepAlive: true,
        keepAliveInitialDelayMillis: keepAliveDelayMs,
        types,
        ...(omitsParameters || isPooled
          ? {}
          : {
              statement_timeout: statementMs,
              idle_in_transaction_session_timeout: Math.max(statementMs, options.statementMs),
              ...(startupOptions === undefined ? {} : { options: startupOptions }),
            }),
      })
      pools.add(pool)
      // Without listeners, a broken connection would end the process: idle connections report to
      // the pool, which replaces them; checked-out connections without a running statement, as
      // between two statements of a transaction, report to themselves.
      pool.on('error', () => undefined)
      pool.on('connect', (client) => {
        const deadlineMs = statementMs * (1 + graceShare)
        const entry = { client, limitMs: statementMs, deadlineMs, bytesRead: 0, silentMs: 0, waitingMs: 0 }
        watchedConnections.add(entry)
        client.on('error', (error) => {
          if (!pool.ending) logger.warn({ reason: error.message }, 'lost a connection to the database')
        })
        client.once('end', () => watchedConnections.delete(entry))
      })
      return pool
    },
    get opened() {
      return [...pools].filter((pool) => !pool.ending)
    },
    get size() {
      forgetEnded()
      return watchedConnections.size
    },
    omitStartupParameters() {
      omitsParameters = true
      for (const pool of pools) {
        delete pool.options.statement_timeout
        delete pool.options.idle_in_transaction_session_timeout
        delete pool.options.options
      }
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const { client } of watchedConnections) stateOf(client).connection.stream.destroy()
    },
  }
}

function stateOf(client: pg.ClientBase): ClientState {
  return client as unknown as ClientState
}
