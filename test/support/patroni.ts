import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { createTestDirectory } from './directory.ts'
import { hangMs } from './patience.ts'
import { findFreePort } from './port.ts'

const run = promisify(execFile)

/** A PostgreSQL with two nodes under Patroni, with synchronous replication, and an HAProxy in front. Disposing ends all. */
export interface TestPatroni extends AsyncDisposable {
  /** A URL with the addresses of both nodes. */
  readonly url: string
  /** The address of HAProxy, which leads to the primary. */
  readonly proxyUrl: string
  /** Resolves when a node is the primary again, with its name. */
  leader(): Promise<string>
  /** Moves the lead to the other node as planned. */
  switchOver(): Promise<void>
  /** Sends a signal to all processes of the leader: PostgreSQL and Patroni. */
  signalLeader(signal: NodeJS.Signals): Promise<void>
  /** Sends a signal to etcd. */
  signalEtcd(signal: NodeJS.Signals): void
}

interface Node {
  readonly name: string
  readonly port: number
  readonly restPort: number
  readonly process: ChildProcess
}

/** How long the lead lasts without being renewed: the shortest that Patroni takes. */
const ttlSeconds = 20

/**
 * Starts the cluster; takes about half a minute.
 *
 * @throws Error with the command that installs the programs when one is missing
 */
export async function startPatroni(): Promise<TestPatroni> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const { stdout: binaries } = await run('pg_config', ['--bindir']).catch(missing)
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await readAccount() : undefined
  const own = async (path: string): Promise<void> => {
    if (account !== undefined) await chown(path, account.uid, account.gid)
  }
  await own(directory.path)
  const environment = { PATH: process.env['PATH'], HOME: directory.path, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }
  const start = async (command: string, args: readonly string[]): Promise<ChildProcess> => {
    const options = { stdio: 'ignore', cwd: directory.path, env: environment, detached: true, ...account } as const
    const child = spawn(command, args, options)
    await once(child, 'spawn').catch(missing)
    const exited = once(child, 'exit')
    stack.defer(async () => {
      for (const pid of await familyOf(child.pid)) signal(pid, 'SIGKILL')
      await exited
    })
    return child
  }
  const ask = (port: number, path: string): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(1_500) }).then(
      async (response) => {
        await response.text()
        return response.ok
      },
      () => false,
    )
  const until = (condition: () => Promise<boolean>): Promise<void> =>
    vi.waitFor(
      async () => {
        if (!(await condition())) throw new Error('not yet')
      },
      { timeout: 3 * hangMs, interval: 200 },
    )

  const [etcdPort, peerPort, proxyPort] = [await findFreePort(), await findFreePort(), await findFreePort()]
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const etcd = await start('etcd', [
    ...['--data-dir', directory.join('etcd'), '--enable-v2=true', '--log-level', 'error'],
    ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
  ])
  await until(() => ask(etcdPort, '/health'))
  const nodes: Node[] = []
  for (const name of ['a', 'b']) {
    const [port, restPort] = [await findFreePort(), await findFreePort()]
    const [home, file] = [directory.join(name), directory.join(`${name}.yml`)]
    await mkdir(home, { mode: 0o700 })
    await own(home)
    await writeFile(file, describeNode({ name, port, restPort, home, binaries: binaries.trim(), etcdPort }))
    nodes.push({ name, port, restPort, process: await start('patroni', [file]) })
    await until(() => ask(restPort, name === 'a' ? '/primary' : '/sync'))
  }
  const proxyFile = directory.join('haproxy.cfg')
  await writeFile(proxyFile, describeProxy(proxyPort, nodes))
  await start('haproxy', ['-db', '-f', proxyFile])

  const leader = async (): Promise<Node> => {
    let node: Node | undefined
    await until(async () => {
      const answers = await Promise.all(nodes.map(({ restPort }) => ask(restPort, '/primary')))
      node = nodes[answers.indexOf(true)]
      return node !== undefined
    })
    if (node === undefined) throw new Error('There is no leader')
    return node
  }
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const opened = stack.move()
  let signaled: readonly number[] = []
  return {
    url: `postgres://postgres:secret@${hosts}/postgres`,
    proxyUrl: `postgres://postgres:secret@127.0.0.1:${proxyPort}/postgres`,
    leader: async () => (await leader()).name,
    async switchOver() {
      const { name } = await leader()
      const candidate = nodes.find((node) => node.name !== name)?.name ?? ''
      const args = ['-c', directory.join('a.yml'), 'switchover', '--leader', name, '--candidate', candidate, '--force']
      await run('patronictl', args, { ...account, env: environment })
    },
    async signalLeader(name) {
      // A node that is stopped is no leader any more: it is continued by the same processes.
      const isContinued = name === 'SIGCONT'
      if (!isContinued) {
        const node = await leader()
        const postmaster = Number.parseInt(
          await readFile(directory.join(node.name, 'data', 'postmaster.pid'), 'utf8'),
          10,
        )
        const families = await Promise.all([node.process.pid, postmaster].map(familyOf))
        signaled = families.flat()
      }
      for (const pid of signaled) signal(pid, name)
    },
    signalEtcd: (name) => void etcd.kill(name),
    [Symbol.asyncDispose]: async () => {
      for (const pid of [...signaled, etcd.pid ?? 0]) signal(pid, 'SIGCONT')
      await opened.disposeAsync()
    },
  }
}

/** Returns a process and all processes that it has started. */
async function familyOf(pid: number | undefined): Promise<readonly number[]> {
  if (pid === undefined) return []
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid='])
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ').filter(Boolean).map(Number))
  const family = [pid]
  for (const parent of family)
    for (const [child = 0, ofParent] of rows) if (ofParent === parent && child !== parent) family.push(child)
  return family
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name)
  } catch {
    // It has ended.
  }
}

function missing(cause: unknown): never {
  throw new Error(
    'A program is missing; install them: apt-get install -y postgresql patroni python3-etcd etcd-server haproxy',
    { cause },
  )
}

async function readAccount(): Promise<{ readonly uid: number; readonly gid: number }> {
  const read = async (option: string): Promise<number> => Number((await run('id', [option, 'postgres'])).stdout)
  return { uid: await read('-u'), gid: await read('-g') }
}

function describeNode(node: {
  readonly name: string
  readonly port: number
  readonly restPort: number
  readonly home: string
  readonly binaries: string
  readonly etcdPort: number
}): string {
  const { name, port, restPort, home, binaries, etcdPort } = node
  // JSON is YAML.
  return JSON.stringify({
    scope: 'tidings',
    name,
    restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
    // Not etcd3: with Patroni 3.0.2 a leader that hung takes the lead back when it wakes.
    etcd: { host: `127.0.0.1:${etcdPort}` },
    bootstrap: {
      dcs: {
        ttl: ttlSeconds,
        loop_wait: 5,
        retry_timeout: 5,
        primary_start_timeout: 0,
        synchronous_mode: true,
        postgresql: { use_pg_rewind: true, parameters: { max_connections: 90, wal_log_hints: 'on' } },
      },
      initdb: [{ encoding: 'UTF8' }, { 'auth-local': 'trust' }, { 'auth-host': 'scram-sha-256' }, 'no-sync'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: `${home}/data`,
      bin_dir: binaries,
      authentication: {
        superuser: { username: 'postgres', password: 'secret' },
        replication: { username: 'replicator', password: 'secret' },
      },
      pg_hba: [
        'local all all trust',
        'host replication replicator 127.0.0.1/32 scram-sha-256',
        'host all all 127.0.0.1/32 scram-sha-256',
      ],
      parameters: { unix_socket_directories: home, fsync: 'off' },
    },
  })
}

function describeProxy(port: number, nodes: readonly Node[]): string {
  const servers = nodes.map((node) => `  server ${node.name} 127.0.0.1:${node.port} check port ${node.restPort}`)
  return `global
  maxconn 400
defaults
  mode tcp
  timeout connect 2s
  timeout client 30m
  timeout server 30m
  timeout check 2s
listen primary
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fastinter 500ms rise 1 fall 2 on-marked-down shutdown-sessions
${servers.join('\n')}
`
}
