import { createTcpProxy, type TcpProxy } from '../../support/proxy.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'
import {
  startRedisCluster,
  startRedisSentinel,
  type TestRedisCluster,
  type TestRedisSentinel,
} from '../../support/redis-cluster.ts'
import { createMessageFilter } from './redis-messages.ts'

/** The layouts of Redis. */
export const redisLayouts = ['server', 'cluster', 'sentinel'] as const
export type RedisLayout = (typeof redisLayouts)[number]

/** The Redis of an environment, in one of the layouts. */
export interface RigRedis extends AsyncDisposable {
  /** The one server. @throws Error in another layout, as the next two */
  readonly server: TestRedis
  readonly cluster: TestRedisCluster
  readonly sentinel: TestRedisSentinel
  /** The proxies between the processes and the one server; none in the other layouts, which have their own. */
  readonly proxies: readonly TcpProxy[]
  /** Returns the settings of a process. @param address - where its connections come from */
  settingsFor(address: string): Promise<Readonly<Record<string, string>>>
  heal(): Promise<void>
  /** Resolves when all servers of a cluster, or of Sentinels, are connected with each other. */
  untilConnected(): Promise<void>
}

/**
 * Starts Redis in a layout. In a cluster, and with Sentinels, it also stores the wake-ups of workers.
 *
 * @param isLost - called for each message of the one server; true discards it
 */
export async function startRigRedis(layout: RedisLayout, isLost: () => boolean): Promise<RigRedis> {
  const [server, cluster, sentinel] = await Promise.all([
    layout === 'server' ? startRedis() : undefined,
    layout === 'cluster' ? startRedisCluster({ canBeCut: true }) : undefined,
    layout === 'sentinel' ? startRedisSentinel({ canBeCut: true }) : undefined,
  ])
  const proxies: TcpProxy[] = []
  const demand = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error(`The layout of Redis is ${layout}`)
    return value
  }
  const preload = new URL('./source-address.ts', import.meta.url)
  return {
    get server() {
      return demand(server)
    },
    get cluster() {
      return demand(cluster)
    },
    get sentinel() {
      return demand(sentinel)
    },
    proxies,
    async settingsFor(address) {
      if (server === undefined)
        return {
          REDIS_URL: (cluster ?? demand(sentinel)).url,
          QUEUE_BACKEND: 'redis',
          RIG_SOURCE_ADDRESS: address,
          NODE_OPTIONS: `--import=${preload.href}`,
        }
      const proxy = await createTcpProxy(server.port, { change: () => createMessageFilter(isLost) })
      proxies.push(proxy)
      return { REDIS_URL: `redis://127.0.0.1:${proxy.port}` }
    },
    async heal() {
      await server?.start()
      await cluster?.heal()
      await sentinel?.heal()
    },
    async untilConnected() {
      await cluster?.untilConnected()
      await sentinel?.untilConnected()
    },
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      for (const group of [server, cluster, sentinel]) await group?.[Symbol.asyncDispose]()
    },
  }
}
