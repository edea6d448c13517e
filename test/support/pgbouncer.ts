import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { createTestDirectory } from './directory.ts'
import { hangMs } from './patience.ts'
import { findFreePort } from './port.ts'

/** A PgBouncer that pools the transactions of a database. Disposing ends it. */
export interface TestPgBouncer extends AsyncDisposable {
  /** The address of the database behind it. */
  readonly url: string
  readonly pid: number
}

/**
 * Starts one with three connections to the server.
 *
 * @param databaseUrl - the database, over a Unix socket or TCP
 * @param settings - further lines of its section `[pgbouncer]`, which override these
 * @throws Error with the command that installs it when it is missing
 */
export async function startPgBouncer(databaseUrl: string, settings = ''): Promise<TestPgBouncer> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const port = await findFreePort()
  const { pathname, searchParams, hostname, port: serverPort, username, password } = new URL(databaseUrl)
  const name = pathname.slice(1)
  const host = searchParams.get('host') ?? hostname
  const user = username || (searchParams.get('user') ?? 'postgres')
  const file = directory.join('pgbouncer.ini')
  const users = directory.join('users.txt')
  await writeFile(users, `"${user}" ""\n`)
  await writeFile(
    file,
    `[databases]
${name} = host=${host} port=${searchParams.get('port') ?? (serverPort || '5432')} dbname=${name} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
${settings}`,
  )
  await Promise.all([file, users].map((path) => chmod(path, 0o644)))
  // It refuses to run as root, and has to enter the directory of the socket.
  const { uid, gid } = await stat(host.startsWith('/') ? host : directory.path)
  const isRoot = process.getuid?.() === 0
  const child = spawn('pgbouncer', [file], {
    stdio: 'ignore',
    ...(isRoot ? { uid, gid } : {}),
  })
  await once(child, 'spawn').catch((error: unknown) => {
    throw new Error('There is no pgbouncer; install it: apt-get install -y pgbouncer', { cause: error })
  })
  const exited = once(child, 'exit')
  stack.defer(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const url = `postgres://${user}@127.0.0.1:${port}/${name}`
  await Promise.race([
    untilAnswered(url),
    exited.then(() => {
      throw new Error('pgbouncer ended: its configuration is invalid')
    }),
  ])
  const opened = stack.move()
  return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Waits for the first connection. Not with vitest: benchmarks use it too. */
async function untilAnswered(url: string): Promise<void> {
  for (const startedAt = performance.now(); ; await pause(50)) {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (performance.now() - startedAt > hangMs) throw error
    }
  }
}
