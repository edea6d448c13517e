import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { createTestDirectory } from './directory.ts'
import { findFreePort } from './port.ts'
import { createTcpProxy, type TcpProxy } from './proxy.ts'
import { untilPassed } from './until-passed.ts'

/** One server of a group. */
export interface RedisMember {
  readonly port: number
  readonly isRunning: boolean
  /** Sends one command. Rejects while the server does not run. */
  cli(command: string, ...args: readonly (string | number)[]): Promise<unknown>
  /** Sends a signal; SIGKILL is awaited until it has ended. */
  signal(name: NodeJS.Signals): Promise<void>
  /** Starts it again on its port. */
  start(): Promise<void>
  /**
   * Cuts the connections between it and all other servers of the group, Sentinels included, until the group is healed. Clients
   * reach it, except those with these addresses.
   *
   * @throws Error unless the group `canBeCut`
   */
  cut(clientAddresses?: readonly string[]): void
}

/** A Redis Cluster of real servers. Disposing ends them. */
export interface TestRedisCluster extends AsyncDisposable {
  /** Its `REDIS_URL`. */
  readonly url: string
  readonly members: readonly RedisMember[]
  /** Returns the primary of a slot, as another server knows it. */
  primaryOf(slot: number): Promise<RedisMember>
  /** Returns a replica of a primary. */
  replicaOf(primary: RedisMember): Promise<RedisMember>
  /** Moves slots from one primary to another, as an operator does. */
  reshard(from: RedisMember, to: RedisMember, slots: number): Promise<void>
  /** Ends every fault, and resolves when all servers run. */
  heal(): Promise<void>
  /** Resolves when all servers are connected with each other. */
  untilConnected(): Promise<void>
}

/** A primary with two replicas, which three Sentinels watch. Disposing ends them. */
export interface TestRedisSentinel extends AsyncDisposable {
  /** Its `REDIS_URL`. */
  readonly url: string
  readonly members: readonly RedisMember[]
  readonly sentinels: readonly RedisMember[]
  /** Returns the primary that the Sentinels name. */
  primary(): Promise<RedisMember>
  /** Ends every fault, and resolves when all servers run. */
  heal(): Promise<void>
  /** Resolves when all servers are connected with each other. */
  untilConnected(): Promise<void>
}

/**
 * Starts a cluster on free ports of the loopback address.
 *
 * @param options.primaries - default 3
 * @param options.replicas - of each primary; default 1
 * @param options.canBeCut - whether its servers are behind TCP proxies, so that `cut` works; default false
 * @throws Error when there is no redis-server or redis-cli
 */
export async function startRedisCluster(
  options: {
    readonly primaries?: number
    readonly replicas?: number
    readonly nodeTimeoutMs?: number
    readonly canBeCut?: boolean
  } = {},
): Promise<TestRedisCluster> {
  const { primaries = 3, replicas = 1, nodeTimeoutMs = 2_000, canBeCut = false } = options
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const size = primaries * (1 + replicas)
  const links = createLinks(stack, canBeCut)
  const members = await Promise.all(
    Array.from({ length: size }, async () => {
      const busPort = await findFreePort()
      const busProxy = await links.open(busPort)
      return startMember({ stack, links, others: busProxy === undefined ? [] : [busProxy] }, (port, announced) => [
        ...['--port', String(port), '--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
        ...(busProxy === undefined
          ? []
          : [
              ...['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', String(announced)],
              ...['--cluster-announce-bus-port', String(busProxy.port)],
            ]),
        ...['--cluster-config-file', directory.join(`${port}.nodes.conf`)],
        ...['--cluster-node-timeout', String(nodeTimeoutMs), '--repl-diskless-sync-delay', '0'],
        ...['--repl-ping-replica-period', '1'],
        ...['--dir', directory.path],
      ])
    }),
  )
  const addresses = members.map(({ port }) => `127.0.0.1:${port}`)
  await redisCli('--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes')
  const untilConnected = (): Promise<void> =>
    untilPassed(async () => {
      for (const member of members) {
        const text = String(await member.cli('CLUSTER', 'INFO'))
        if (!text.includes('cluster_state:ok') || !text.includes(`cluster_known_nodes:${size}`)) throw new Error(text)
        if (String(await member.cli('CLUSTER', 'NODES')).includes('fail')) throw new Error('A server counts as failed')
        const role = (await member.cli('ROLE')) as readonly unknown[]
        if (role[0] === 'slave' && role[3] !== 'connected') throw new Error('A replica is not connected')
        // A replica is listed once its primary has sent it something. To clients it is a new server then.
        const listed = (await member.cli('CLUSTER', 'SLOTS')) as readonly (readonly unknown[])[]
        if (
          new Set(listed.flatMap((range) => range.slice(2).map((node) => (node as readonly unknown[])[1]))).size < size
        )
          throw new Error('A server is not listed')
      }
      const states = (await readNodes()).map(([, , flags = '']) => flags)
      if (states.filter((flags) => flags.includes('slave')).length !== primaries * replicas)
        throw new Error('A server that returned is not a replica yet')
    })

  /** Returns the lines of `CLUSTER NODES` of any server that answers. */
  const readNodes = async (): Promise<readonly (readonly string[])[]> => {
    const text = String(await Promise.any(members.map((member) => member.cli('CLUSTER', 'NODES'))))
    return text
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
  }
  await untilConnected()
  const memberOf = (line: readonly string[] | undefined): RedisMember => {
    const port = Number(/:(\d+)@/.exec(line?.[1] ?? '')?.[1])
    const member = members.find((candidate) => candidate.port === port)
    if (member === undefined) throw new Error('There is no such server')
    return member
  }
  const lineOf = async ({ port }: RedisMember): Promise<readonly string[]> =>
    (await readNodes()).find((line) => line[1]?.includes(`:${port}@`)) ?? []
  const opened = stack.move()
  return {
    url: `redis-cluster://${addresses.join(',')}`,
    members,
    async primaryOf(slot) {
      const owner = (await readNodes()).find((line) => {
        if (!line[2]?.includes('master') || line[2].includes('fail')) return false
        return line.slice(8).some((range) => {
          const [first = -1, last = first] = range.split('-').map(Number)
          return slot >= first && slot <= last
        })
      })
      return memberOf(owner)
    },
    async replicaOf(primary) {
      const [id] = await lineOf(primary)
      return memberOf((await readNodes()).find((line) => line[3] === id && line[2]?.includes('slave')))
    },
    async reshard(from, to, slots) {
      const [[fromId], [toId]] = [await lineOf(from), await lineOf(to)]
      const ids = ['--cluster-from', String(fromId), '--cluster-to', String(toId), '--cluster-slots', String(slots)]
      await redisCli('--cluster', 'reshard', `127.0.0.1:${from.port}`, ...ids, '--cluster-yes')
    },
    heal: () => healMembers(members, links),
    untilConnected,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const primaryName = 'tidings'

/**
 * Starts a primary, two replicas and three Sentinels on free ports of the loopback address.
 *
 * @param options.canBeCut - whether its servers are behind TCP proxies, so that `cut` works; default false
 */
export async function startRedisSentinel({ downAfterMs = 1_000, canBeCut = false } = {}): Promise<TestRedisSentinel> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const links = createLinks(stack, canBeCut)
  const common = ['--repl-diskless-sync-delay', '0', '--repl-timeout', '5', '--dir', directory.path]
  const startServer = (...more: readonly string[]): Promise<RedisMember> =>
    startMember({ stack, links }, (port, announced) => [
      ...['--port', String(port), '--dbfilename', `${port}.rdb`, ...common, ...more],
      ...['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', String(announced)],
    ])
  const first = await startServer()
  const replicas = await Promise.all([1, 2].map(() => startServer('--replicaof', '127.0.0.1', String(first.port))))
  const members = [first, ...replicas]
  const noLinks = createLinks(stack, false)
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startMember({ stack, links: noLinks }, async (port) => {
        const file = directory.join(`sentinel-${port}.conf`)
        const text = `port ${port}
bind 127.0.0.1
dir ${directory.path}
sentinel announce-ip 127.0.0.1
${canBeCut ? `bind-source-addr ${links.newAddress()}` : ''}
sentinel monitor ${primaryName} 127.0.0.1 ${first.port} 2
sentinel down-after-milliseconds ${primaryName} ${downAfterMs}
sentinel failover-timeout ${primaryName} 6000
sentinel parallel-syncs ${primaryName} 2
`
        await writeFile(file, text)
        return [file, '--sentinel']
      }),
    ),
  )
  const untilConnected = (): Promise<void> =>
    untilPassed(async () => {
      for (const sentinel of sentinels) {
        const fields = (await sentinel.cli('SENTINEL', 'MASTER', primaryName)) as readonly string[]
        const fieldOf = (name: string): string | undefined => fields[fields.indexOf(name) + 1]
        if (fieldOf('num-other-sentinels') !== '2' || fieldOf('num-slaves') !== '2')
          throw new Error('Not all are known')
        if (fieldOf('flags') !== 'master') throw new Error('The primary counts as failed')
      }
      const roles = (await Promise.all(members.map((member) => member.cli('ROLE')))) as (readonly unknown[])[]
      if (roles.filter(([role, , , state]) => role === 'slave' && state === 'connected').length !== 2)
        throw new Error('A replica is not connected')
    })
  await untilConnected()
  const opened = stack.move()
  return {
    url: `redis-sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/0?name=${primaryName}`,
    members,
    sentinels,
    async primary() {
      const answers = sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'get-master-addr-by-name', primaryName))
      const [, port] = (await Promise.any(answers)) as readonly string[]
      const member = members.find((candidate) => candidate.port === Number(port))
      if (member === undefined) throw new Error('The primary is not one of the servers')
      return member
    },
    heal: () => healMembers([...members, ...sentinels], links),
    untilConnected,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** The proxies in front of the servers of a group, which know the servers by the addresses that they connect from. */
interface Links {
  readonly canBeCut: boolean
  /** Opens a proxy in front of a port; undefined when there are none. */
  open(port: number): Promise<TcpProxy | undefined>
  /** Returns an address of the loopback interface, for the connections of a server of the group to others. */
  newAddress(): string
  /** Cuts a server off. */
  cut(address: string, own: readonly TcpProxy[], clientAddresses: readonly string[]): void
  heal(): Promise<void>
}

function createLinks(stack: AsyncDisposableStack, canBeCut: boolean): Links {
  const proxies: TcpProxy[] = []
  const addresses: string[] = []
  return {
    canBeCut,
    async open(port) {
      if (!canBeCut) return undefined
      const proxy = stack.use(await createTcpProxy(port))
      proxies.push(proxy)
      return proxy
    },
    newAddress() {
      const address = `127.0.1.${addresses.length + 1}`
      addresses.push(address)
      return address
    },
    cut(address, own, clientAddresses) {
      for (const proxy of proxies) proxy.block(own.includes(proxy) ? [...addresses, ...clientAddresses] : [address])
    },
    async heal() {
      await Promise.all(proxies.map((proxy) => proxy.heal()))
    },
  }
}

async function healMembers(members: readonly RedisMember[], links: Links): Promise<void> {
  await links.heal()
  for (const member of members) {
    if (!member.isRunning) await member.start()
    await member.signal('SIGCONT')
  }
}

/**
 * Starts a server.
 *
 * @param options.others - the proxies of its further ports
 * @param createArguments - returns its arguments for its port, and for the port where others reach it
 */
async function startMember(
  options: { readonly stack: AsyncDisposableStack; readonly links: Links; readonly others?: readonly TcpProxy[] },
  createArguments: (port: number, announced: number) => readonly string[] | Promise<readonly string[]>,
): Promise<RedisMember> {
  const { stack, links, others = [] } = options
  const port = await findFreePort()
  const proxy = await links.open(port)
  const address = proxy === undefined ? undefined : links.newAddress()
  const args = [
    ...(await createArguments(port, proxy?.port ?? port)),
    ...(address === undefined ? [] : ['--bind-source-addr', address]),
  ]
  let child: ChildProcess | undefined
  const cli: RedisMember['cli'] = async (command, ...rest) => {
    const client = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: () => null,
      // A frozen server accepts connections and does not answer.
      commandTimeout: 2_000,
      connectTimeout: 2_000,
    })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.call(command, ...rest)
    } finally {
      client.disconnect()
    }
  }
  const kill = (): void => void child?.kill('SIGKILL')
  process.once('exit', kill)
  const start = async (): Promise<void> => {
    const defaults = args.includes('--sentinel') ? [] : ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const server = spawn('redis-server', [...args, ...defaults], { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' })
    await once(server, 'spawn').catch((error: unknown) => {
      throw new Error('There is no redis-server; install it: apt-get install -y redis-server', { cause: error })
    })
    child = server
    await untilPassed(() => cli('PING'))
  }
  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null
  const signal: RedisMember['signal'] = async (name) => {
    if (child === undefined || !isRunning()) return
    const ended = once(child, 'exit')
    child.kill(name)
    if (name === 'SIGKILL') await ended
  }
  stack.defer(async () => {
    process.removeListener('exit', kill)
    await signal('SIGKILL')
  })
  await start()
  return {
    port: proxy?.port ?? port,
    get isRunning() {
      return isRunning()
    },
    cli,
    signal,
    start,
    cut(clientAddresses = []) {
      if (proxy === undefined || address === undefined) throw new Error('This group has no proxies: set canBeCut')
      links.cut(address, [proxy, ...others], clientAddresses)
    },
  }
}

async function redisCli(...args: readonly string[]): Promise<void> {
  await promisify(execFile)('redis-cli', args, { maxBuffer: 1e8 })
}
