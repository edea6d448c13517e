import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createTestDirectory } from './directory.ts'
import { hangMs } from './patience.ts'
import { findFreePort } from './port.ts'

const run = promisify(execFile)

/**
 * A PostgreSQL with two nodes under Patroni, with synchronous replication, and an HAProxy in front. Faults last until
 * {@link TestPatroni.heal}. Disposing ends all.
 */
export interface TestPatroni extends AsyncDisposable {
  /** A URL with the addresses of both nodes. */
  readonly url: string
  /** The address of HAProxy, which leads to the primary. */
  readonly proxyUrl: string
  /** Resolves when a node is the primary, with its name. */
  leader(): Promise<string>
  /** Moves the lead to the other node as planned. */
  switchOver(): Promise<void>
  /** Sends a signal to all processes of the leader: PostgreSQL and Patroni. */
  signalLeader(signal: 'SIGSTOP' | 'SIGKILL'): Promise<void>
  /**
   * Drops all packets from and to the leader's node, those of etcd and of the other node included, without any answer: its
   * connections stay half-open. Needs root and `nft`.
   */
  isolateLeader(): Promise<void>
  /** Sends a signal to etcd. */
  signalEtcd(signal: NodeJS.Signals): void
  /** Ends all faults, and resolves when there is a primary with a synchronous standby. */
  heal(): Promise<void>
}

interface Node {
  readonly name: string
  readonly port: number
  readonly restPort: number
  /** Of etcd, for this node alone. */
  readonly etcdPort: number
  process: ChildProcess
}

/** How long the lead lasts without being renewed: the shortest that Patroni takes. */
const ttlSeconds = 20

/**
 * Starts the cluster; takes about half a minute.
 *
 * @param parameters - of PostgreSQL, in addition to those of the tests
 * @throws Error with the command that installs the programs when one is missing
 */
export async function startPatroni(parameters: Readonly<Record<string, string | number>> = {}): Promise<TestPatroni> {
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
  const processes = stack.use(new AsyncDisposableStack())
  const start = async (command: string, args: readonly string[]): Promise<ChildProcess> => {
    const options = { stdio: 'ignore', cwd: directory.path, env: environment, detached: true, ...account } as const
    const child = spawn(command, args, options)
    await once(child, 'spawn').catch(missing)
    const exited = once(child, 'exit')
    processes.defer(async () => {
      for (const pid of await familyOf(child.pid)) signal(pid, 'SIGKILL')
      await exited
    })
    return child
  }
  const ask = (port: number, path: string): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(1_500) })
      .then(async (response) => {
        await response.text()
        return response.ok
      })
      .catch(() => false)

  const etcdPorts = { a: await findFreePort(), b: await findFreePort() }
  const [peerPort, proxyPort] = [await findFreePort(), await findFreePort()]
  const etcdUrls = Object.values(etcdPorts)
    .map((port) => `http://127.0.0.1:${port}`)
    .join()
  const etcd = await start('etcd', [
    ...['--data-dir', directory.join('etcd'), '--enable-v2=true', '--log-level', 'error'],
    ...['--listen-client-urls', etcdUrls, '--advertise-client-urls', etcdUrls],
    ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
  ])
  await until(() => ask(etcdPorts.a, '/health'))
  const nodes: Node[] = []
  for (const name of ['a', 'b'] as const) {
    const [port, restPort, etcdPort] = [await findFreePort(), await findFreePort(), etcdPorts[name]]
    const [home, file] = [directory.join(name), directory.join(`${name}.yml`)]
    await mkdir(home, { mode: 0o700 })
    await own(home)
    await writeFile(file, describeNode({ name, port, restPort, home, binaries: binaries.trim(), etcdPort, parameters }))
    nodes.push({ name, port, restPort, etcdPort, process: await start('patroni', [file]) })
    await until(() => ask(restPort, name === 'a' ? '/primary' : '/sync'))
  }
  const proxyFile = directory.join('haproxy.cfg')
  await writeFile(proxyFile, describeProxy(proxyPort, nodes))
  await start('haproxy', ['-db', '-f', proxyFile])

  const leader = async (): Promise<Node> => {
    let leading: Node | undefined
    await until(async () => {
      // The first answer: one that hangs gives none.
      const answers = nodes.map(async (node) => {
        if (!(await ask(node.restPort, '/primary'))) throw new Error(`${node.name} is not the primary`)
        return node
      })
      leading = await Promise.any(answers).catch(() => undefined)
      return leading !== undefined
    })
    if (leading === undefined) throw new Error('There is no leader')
    return leading
  }
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  let signaled: readonly number[] = []
  let filter: ChildProcess | undefined
  const endFaults = async (): Promise<void> => {
    for (const pid of [...signaled, etcd.pid ?? 0]) signal(pid, 'SIGCONT')
    if (filter !== undefined) {
      const exited = once(filter, 'exit')
      filter.stdin?.end()
      await exited
      filter = undefined
    }
  }
  stack.defer(endFaults)
  const opened = stack.move()
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
      const node = await leader()
      const file = directory.join(node.name, 'data', 'postmaster.pid')
      const postmaster = Number.parseInt(await readFile(file, 'utf8'), 10)
      const families = await Promise.all([node.process.pid, postmaster].map(familyOf))
      signaled = families.flat()
      for (const pid of signaled) signal(pid, name)
    },
    async isolateLeader() {
      const { port, restPort, etcdPort } = await leader()
      filter = await startPacketFilter([port, restPort, etcdPort])
    },
    signalEtcd: (name) => void etcd.kill(name),
    async heal() {
      await endFaults()
      for (const node of nodes)
        if (node.process.exitCode !== null || node.process.signalCode !== null)
          node.process = await start('patroni', [directory.join(`${node.name}.yml`)])
      await leader()
      await until(async () => (await Promise.all(nodes.map(({ restPort }) => ask(restPort, '/sync')))).includes(true))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 3 * hangMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('The cluster does not become ready')
    await pause(200)
  }
}

/**
 * Drops every packet of the loopback interface from or to these ports. The filter belongs to the returned process: the
 * kernel removes it with the end of its input, and also when this program is killed.
 */
async function startPacketFilter(ports: readonly number[]): Promise<ChildProcess> {
  const name = `tidings_${process.pid}`
  const rules = ['sport', 'dport'].map((end) => `iif lo tcp ${end} { ${ports.join(', ')} } drop;`).join(' ')
  const child = spawn('nft', ['-i'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  await once(child, 'spawn').catch(missing)
  child.stdin?.write(`table inet ${name} { flags owner; chain cut { type filter hook input priority 0; ${rules} }; }\n`)
  await until(async () => (await run('/usr/sbin/nft', ['list', 'tables'])).stdout.includes(name))
  return child
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
    'A program is missing; install them: apt-get install -y postgresql patroni python3-etcd etcd-server haproxy nftables',
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
  readonly parameters: Readonly<Record<string, string | number>>
}): string {
  const { name, port, restPort, home, binaries, etcdPort, parameters } = node
  // JSON is YAML.
  return JSON.stringify({
    scope: 'tidings',
    name,
    restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
    // Not etcd3: with Patroni 3.0.2 a leader that hung takes the lead back when it wakes.
    // A proxy, so that the node uses no other of its ports.
    etcd: { host: `127.0.0.1:${etcdPort}`, use_proxies: true },
    bootstrap: {
      dcs: {
        ttl: ttlSeconds,
        loop_wait: 5,
        retry_timeout: 5,
        primary_start_timeout: 0,
        synchronous_mode: true,
        postgresql: {
          use_pg_rewind: true,
          parameters: { max_connections: 200, wal_log_hints: 'on', ...parameters },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { 'auth-local': 'trust' }, { 'auth-host': 'scram-sha-256' }, 'no-sync'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: `${home}/data`,
      bin_dir: binaries,
      // Patroni reaches its own PostgreSQL also when the node is isolated.
      use_unix_socket: true,
      use_unix_socket_repl: true,
      authentication: {
        superuser: { username: 'postgres', password: 'secret' },
        replication: { username: 'replicator', password: 'secret' },
      },
      pg_hba: [
        'local all all trust',
        'local replication all trust',
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
