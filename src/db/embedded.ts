import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { chooseAddress, removeTemporarySocketDirectory } from './embedded/address.ts'
import { findBinaries } from './embedded/binaries.ts'
import { databaseName, openCluster, resetPassword, syncCluster } from './embedded/cluster.ts'
import { claimDirectory } from './embedded/owner.ts'
import { findAccount, placeBinaries, placeData } from './embedded/place.ts'
import { endAbandonedPostmaster, type Postmaster, startPostmaster } from './embedded/postmaster.ts'
import { keepRunning } from './embedded/supervise.ts'

/**
 * A PostgreSQL server owned by this process. Disposing stops it cleanly, so that its data needs no
 * recovery, within 10 s.
 */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** The connection URL: `postgres://user:password@localhost/tidings?host=…&port=…`. */
  readonly url: string
  /**
   * The directory of the data: the requested one, or another when the PostgreSQL user of a root
   * process could not access it. Absolute.
   */
  readonly dataDir: string
}

const defaultSettings: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  // New WAL segments are not filled with zeros first: under full load that stopped all appends for
  // 40 ms, twice a second.
  wal_init_zero: 'off',
  // Saves two processes; on a local disk, read-ahead gains nothing for rows of this size.
  io_method: 'sync',
  // Statements here are short: compiling one takes longer than running it.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Logs the server itself, not statements: their errors are reported to the client that sent them,
  // and would fill the file.
  log_min_messages: 'log',
}
const longestStartMs = 120_000
const longestLeftoversMs = 10_000

/**
 * Starts a PostgreSQL server on the data in a directory, creating both at the first start. It
 * listens only on a Unix socket (on Windows: on a free port of the loopback address), with a random
 * password.
 *
 * Leftovers of an earlier process are handled: a server that outlived its process is stopped first,
 * a crash is recovered from, an interrupted first start is repeated. A server that is killed is
 * restarted at the same address.
 *
 * @param options.dataDir - the directory; created when it is missing
 * @param options.settings - PostgreSQL settings that override the defaults here
 * @param options.mustExist - whether to refuse to create a database; default false
 * @throws TidingsError `BAD_CONFIGURATION` when there is no database and `mustExist` is set, when
 *   another living process uses the directory, when it belongs to another version, or when this
 *   machine cannot run PostgreSQL
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string
  logger: Logger
  settings?: Readonly<Record<string, string>>
  mustExist?: boolean
}): Promise<EmbeddedPostgres> {
  const { logger, mustExist = false } = options
  // Must run before the directory is created.
  if (mustExist) await access(options.dataDir).catch(() => refuseMissing(options.dataDir))
  await using undo = new AsyncDisposableStack()
  const originalBinaries = await findBinaries()
  const account = await findAccount(join(options.dataDir, 'postgres'), logger)
  const dataDir = await placeData(options.dataDir, account, logger)
  undo.use(await claimDirectory(dataDir))
  const binaries = await placeBinaries(originalBinaries, account, logger)
  if (mustExist) await access(join(dataDir, 'postgres', 'PG_VERSION')).catch(() => refuseMissing(dataDir))
  const cluster = await openCluster(dataDir, binaries, account)
  const endAbandoned = () => endAbandonedPostmaster(cluster.directory, binaries, logger)
  const abandonedSocketDirectory = await endAbandoned()
  if (abandonedSocketDirectory !== undefined) await removeTemporarySocketDirectory(abandonedSocketDirectory)
  if (cluster.isPasswordLost) {
    logger.warn({ directory: cluster.directory }, 'resetting the lost password of the embedded PostgreSQL')
    await resetPassword(cluster, binaries, account)
  }

  const address = await chooseAddress(cluster.directory, account)
  undo.defer(address.release)
  const settings: Readonly<Record<string, string>> = { ...defaultSettings, ...address.settings, ...options.settings }
  const logFile = join(dataDir, 'postgres.log')
  const url = `postgres://${databaseName}:${cluster.password}@${address.host}/${databaseName}${address.query}`
  const start = () => startPostmaster({ binaries, account, cluster: cluster.directory, logFile, settings, logger })
  const server = await keepRunning(async () => {
    await endAbandoned()
    return startAnswering(start, url, logFile)
  }, logger)
  undo.defer(server.stop)
  if (cluster.isNew && settings['fsync'] !== 'off') {
    const synchronization = syncCluster(cluster.directory, binaries, account).catch((error: unknown) =>
      logger.warn({ err: error, cluster: cluster.directory }, 'failed to sync the files of a new database'),
    )
    undo.defer(() => synchronization)
  }
  const resources = undo.move()
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= resources.disposeAsync()
    return closing
  }
  return { url, dataDir, [Symbol.asyncDispose]: close }
}

function refuseMissing(dataDir: string): never {
  throw new TidingsError(
    'BAD_CONFIGURATION',
    `There is no database in ${dataDir}; set DATABASE_URL, or set DATA_DIR to the directory of the embedded PostgreSQL`,
  )
}

/**
 * Starts the server and waits until it answers. Retries for a while when processes of a killed
 * server still hold its shared memory.
 */
async function startAnswering(start: () => Promise<Postmaster>, url: string, logFile: string): Promise<Postmaster> {
  const leftoversDeadline = Date.now() + longestLeftoversMs
  for (;;) {
    const postmaster = await start()
    let exitReason: string | undefined
    void postmaster.ended.then((how) => {
      exitReason = how
    })
    try {
      await waitUntilAnswering(url, () => exitReason)
      return postmaster
    } catch (error) {
      await postmaster.stop()
      const log = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-10).join('\n')
      const isHeld = exitReason !== undefined && log.includes('shared memory block')
      if (!isHeld || Date.now() > leftoversDeadline)
        throw new Error(`PostgreSQL did not start: ${(error as Error).message}; ${logFile} ends with\n${log}`, {
          cause: error,
        })
      await delay(100)
    }
  }
}

async function waitUntilAnswering(url: string, readEnd: () => string | undefined): Promise<void> {
  const deadline = Date.now() + longestStartMs
  for (;;) {
    try {
      return await ensureDatabase(url)
    } catch (error) {
      const end = readEnd()
      if (end !== undefined) throw new Error(end, { cause: error })
      // 28P01: the password in the file is not the one in the database; no later try can succeed.
      if (Date.now() > deadline || (error as { code?: string }).code === '28P01') throw error
    }
    await delay(10)
  }
}

async function ensureDatabase(url: string): Promise<void> {
  try {
    await query(url, 'select 1')
  } catch (error) {
    // 3D000: the database does not exist. The one named postgres always exists.
    if ((error as { code?: string }).code !== '3D000') throw error
    const always = new URL(url)
    always.pathname = '/postgres'
    await query(always.href, `create database ${databaseName}`)
  }
}

async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(statement)
  } finally {
    await client.end()
  }
}
