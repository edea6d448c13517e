import { createHash, randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { once } from '../async/once.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { createTidings } from '../library/create-tidings.ts'
import { silentLogger } from '../logger.ts'

/** A database of one test. Disposing drops it, also while others are connected to it. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** Nothing of a test has to outlive a crash of the machine. */
const embeddedSettings = { max_connections: '300', fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }

/** Starts the PostgreSQL of this process, once. It ends with the process. */
const startEmbedded = once(async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-testing-'))
  // As root's PostgreSQL runs as another user.
  await chmod(directory, 0o755)
  const server = { dataDir: directory, logger: silentLogger, settings: embeddedSettings }
  const { url, dataDir } = await startEmbeddedPostgres(server)
  // After the listener that stops PostgreSQL.
  process.once('exit', () => {
    waitForStop(dataDir)
    for (const path of new Set([dataDir, directory])) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  })
  return url
})

const longestStopMs = 5_000
const lookMs = 20

/** Waits until a PostgreSQL has stopped, which removes this file last, in a process that cannot wait otherwise any more. */
function waitForStop(dataDir: string): void {
  const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
  const deadline = performance.now() + longestStopMs
  const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  while (existsSync(pidFile) && performance.now() < deadline) Atomics.wait(cell, 0, 0, lookMs)
}

/** The servers on which this process has found or made the template, by their URL. */
const templates = new Map<string, Promise<string>>()

/**
 * Creates a database with the tables of Tidings for one test, as a copy of a template that the first call makes.
 *
 * @param databaseUrl - a PostgreSQL whose user may create databases; by default the embedded one
 */
export async function createTestDatabase(databaseUrl?: string): Promise<TestDatabase> {
  const server = databaseUrl ?? (await startEmbedded())
  const template = templates.get(server) ?? createTemplate(server)
  templates.set(server, template)
  template.catch(() => templates.delete(server))
  const name = `tidings_test_${randomBytes(8).toString('hex')}`
  const source = await template
  await administrate(server, (client) => client.query(`create database ${name} template ${source}`))
  return {
    url: withName(server, name),
    [Symbol.asyncDispose]: () =>
      administrate(server, async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  }
}

/** Returns the name of the template with the tables of this version, which is made if the server has none. */
async function createTemplate(server: string): Promise<string> {
  const template = `tidings_template_${await digestMigrations()}`
  await administrate(server, async (client) => {
    // Test processes that start at the same time wait for the one that makes it.
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [template])
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template])
    if (rowCount !== 0) return
    const draft = `${template}_${randomBytes(4).toString('hex')}`
    await client.query(`create database ${draft}`)
    {
      // Also creates the tables of BullMQ.
      await using tidings = createTidings({ tasks: [], databaseUrl: withName(server, draft), logger: silentLogger })
      await tidings.worker()
    }
    // Complete from its first moment, if this process ends before.
    await client.query(`alter database ${draft} rename to ${template}`)
  })
  return template
}

async function digestMigrations(): Promise<string> {
  const directory = new URL('../db/migrations/', import.meta.url)
  const hash = createHash('sha256')
  for (const file of (await readdir(directory)).toSorted()) hash.update(await readFile(new URL(file, directory)))
  return hash.digest('hex').slice(0, 12)
}

async function administrate<T>(server: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: withName(server, 'postgres') })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** The same server, another database. */
function withName(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
