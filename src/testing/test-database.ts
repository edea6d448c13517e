import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
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

/**
 * The program that stops PostgreSQL and removes its files when its standard input ends: when the test process, or the thread that
 * started it, has ended in whatever way. Test runners end their workers without the event `exit`.
 */
const guard = `
const { existsSync, readFileSync, rmSync } = require('node:fs')
const [pidFile, ...paths] = process.argv.slice(1)
process.stdin.resume().on('end', () => {
  try {
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8')), 'SIGINT')
  } catch {
    // It has stopped already.
  }
  const deadline = Date.now() + 10_000
  const timer = setInterval(() => {
    if (existsSync(pidFile) && Date.now() < deadline) return
    clearInterval(timer)
    for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  }, 20)
})`

/** Starts the PostgreSQL of this process, once. It ends with the process. */
const startEmbedded = once(async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-testing-'))
  // As root's PostgreSQL runs as another user.
  await chmod(directory, 0o755)
  const server = { dataDir: directory, logger: silentLogger, settings: embeddedSettings }
  const { url, dataDir } = await startEmbeddedPostgres(server)
  const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
  const child = spawn(process.execPath, ['-e', guard, pidFile, ...new Set([dataDir, directory])], {
    // A separate process group: Ctrl-C in a terminal is not for it.
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  ;(child.stdin as Socket).unref()
  return url
})

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
