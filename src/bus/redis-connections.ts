import { isIP } from 'node:net'
import { Cluster, Redis, type RedisOptions, SentinelConnector } from 'ioredis'
import type { RedisAddress } from './redis-address.ts'

/** A connection to a server, or to all servers of a cluster. */
export type RedisConnection = Redis | Cluster

/** Opens connections to the Redis of an address. */
export interface RedisConnections extends Disposable {
  readonly address: RedisAddress
  /** Opens a connection. It connects by itself, again and again. */
  open(options: ConnectionOptions): RedisConnection
  /** Returns the options of ioredis for libraries that open connections themselves; null for a cluster. */
  optionsOf(options: ConnectionOptions): RedisOptions | null
}

/** Options of a connection, for servers and clusters alike. */
export interface ConnectionOptions {
  /**
   * A connection that is silent for longer while a command waits for its answer is replaced, in
   * milliseconds.
   */
  readonly silenceMs: number
  /** How often a command is sent again; null for ever. */
  readonly maxRetriesPerRequest: number | null
  /** Whether commands wait while there is no connection. @default true */
  readonly enableOfflineQueue?: boolean
  /** Longest wait for the answer to a command, in milliseconds; none by default. */
  readonly commandTimeout?: number
  /** How often a command follows the slots of a cluster that move. @default 16 */
  readonly maxRedirections?: number
  /** Whether the connection subscribes to channels of a cluster's shards. */
  readonly shardedSubscribers?: boolean
}

const connectMs = 3_000
/** Time between two checks of the slots of a cluster. */
const checkSlotsMs = 1_000
/** Time between two questions to the Sentinels for the primary. */
const checkPrimaryMs = 500

const retryStrategy = (times: number): number =>
  Math.min(50 * 2 ** Math.min(times, 6), 2_000) * (0.5 + Math.random() / 2)

/** Creates the connections of an address. Opens none by itself, except to Sentinels. */
export function createRedisConnections(address: RedisAddress): RedisConnections {
  const { kind, nodes, username, password, db, primaryName, sentinelUsername, sentinelPassword, tls } = address
  const credentials = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === null ? {} : { tls }),
  }
  const baseOf = ({ silenceMs, maxRetriesPerRequest, commandTimeout }: ConnectionOptions) => ({
    ...credentials,
    maxRetriesPerRequest,
    socketTimeout: silenceMs,
    connectTimeout: connectMs,
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
  })
  const watch = kind === 'sentinel' ? watchPrimary(address) : null

  const optionsOf: RedisConnections['optionsOf'] = (options) => {
    if (kind === 'cluster') return null
    const { enableOfflineQueue = true } = options
    const base = { ...baseOf(options), db, enableOfflineQueue, retryStrategy }
    if (watch === null) return { ...base, ...nodes[0] }
    return {
      ...base,
      sentinels: nodes.map((node) => ({ ...node })),
      name: primaryName,
      ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
      ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
      Connector: watch.Connector,
      // A socket to a primary that hangs is not waited for.
      disconnectTimeout: 200,
      sentinelCommandTimeout: 1_000,
      ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    }
  }
  const openCluster = (options: ConnectionOptions): Cluster => {
    const { enableOfflineQueue = true, maxRedirections = 16, shardedSubscribers = false } = options
    return new Cluster([...nodes], {
      redisOptions: baseOf(options),
      enableOfflineQueue,
      maxRedirections,
      shardedSubscribers,
      // ioredis 6.0.0 documents a default and sets none: without it, a connection stays on a primary that hangs, and is
      // deaf after a slot has moved.
      slotsRefreshInterval: checkSlotsMs,
      slotsRefreshTimeout: 1_000,
      retryDelayOnFailover: 200,
      clusterRetryStrategy: retryStrategy,
      // The certificates of a cluster are for its names, which DNS would turn into addresses.
      ...(tls === null
        ? {}
        : { dnsLookup: (host: string, callback: (error: null, address: string) => void) => callback(null, host) }),
    })
  }

  return {
    address,
    optionsOf,
    open(options) {
      const single = optionsOf(options)
      return single === null ? openCluster(options) : new Redis(single as RedisOptions & { replyMapping?: never })
    },
    [Symbol.dispose]: () => watch?.[Symbol.dispose](),
  }
}

type Connector = NonNullable<RedisOptions['Connector']>

/**
 * Asks the Sentinels again and again where the primary is, and ends the connections to any other server. A connection to a
 * primary that hangs, is cut off from its Sentinels, or was named by a Sentinel that had not switched yet, would stay there
 * (decision 311).
 */
function watchPrimary({ nodes, primaryName, sentinelUsername, sentinelPassword, tls }: RedisAddress): Disposable & {
  readonly Connector: Connector
} {
  const open = new Set<WatchedConnector>()
  /** Notes the sockets that ioredis opens to a primary. */
  class WatchedConnector extends SentinelConnector {
    override async connect(...args: Parameters<SentinelConnector['connect']>) {
      const stream = await super.connect(...args)
      open.add(this)
      stream.once('close', () => open.delete(this))
      return stream
    }
    /** Ends the connection if it is one to another server. */
    endUnless(host: string, port: number): void {
      const { remoteAddress, remotePort } = this.stream ?? {}
      if (remotePort === undefined || (remoteAddress === host && remotePort === port)) return
      this.stream?.destroy()
    }
  }
  const sentinels = nodes.map((node) => {
    const sentinel = new Redis({
      ...node,
      ...(sentinelUsername === undefined ? {} : { username: sentinelUsername }),
      ...(sentinelPassword === undefined ? {} : { password: sentinelPassword }),
      ...(tls === null ? {} : { tls }),
      retryStrategy,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      socketTimeout: connectMs,
      connectTimeout: connectMs,
    })
    sentinel.on('error', () => undefined)
    return sentinel
  })
  const check = async (): Promise<void> => {
    const answers = await Promise.all(
      sentinels.map((sentinel) => sentinel.call('SENTINEL', 'get-master-addr-by-name', primaryName).catch(() => null)),
    )
    const votes = new Map<string, number>()
    for (const answer of answers) {
      if (!Array.isArray(answer)) continue
      const name = answer.join(' ')
      votes.set(name, (votes.get(name) ?? 0) + 1)
    }
    const [name] = [...votes].find(([, count]) => count > sentinels.length / 2) ?? []
    const [host = '', port = ''] = name?.split(' ') ?? []
    // Names cannot be compared with the address of a socket.
    if (isIP(host) !== 0) for (const connector of open) connector.endUnless(host, Number(port))
  }
  const timer = setInterval(() => void check(), checkPrimaryMs).unref()
  return {
    Connector: WatchedConnector as unknown as Connector,
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const sentinel of sentinels) sentinel.disconnect()
    },
  }
}
