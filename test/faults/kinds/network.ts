import type { TcpProxy } from '../../support/proxy.ts'
import { pause } from '../subscribers/subscriber.ts'
import { type Fault, type FaultContext, repeat } from './fault.ts'

const group = 'network'
const leavesServer = true

/** Applies a change to the proxies of all clients, and ends it after a time. */
async function forAWhile({ environment }: FaultContext, ms: number, change: (proxy: TcpProxy) => void): Promise<void> {
  for (const proxy of environment.proxies.clients) change(proxy)
  await pause(ms)
  await Promise.all(environment.proxies.clients.map((proxy) => proxy.heal()))
}

/** Faults of the network between clients and servers. */
export const networkFaults: readonly Fault[] = [
  {
    name: 'every client cut once',
    group,
    leavesServer,
    run: (context) => forAWhile(context, 0, (proxy) => proxy.resetAll()),
  },
  {
    name: 'clients cut after random bytes, again and again',
    group,
    leavesServer,
    isTelling: true,
    run: (context) =>
      repeat(30, 0, () =>
        forAWhile(context, 250, (proxy) =>
          proxy.cutAfter(context.random.integer(1, 20_000), context.random.pick(['toClient', 'toServer'])),
        ),
      ),
  },
  {
    name: 'clients cut within the first 2,000 bytes',
    group,
    leavesServer,
    run: async (context) => {
      for (const proxy of context.environment.proxies.clients) proxy.resetAll()
      await repeat(30, 0, () =>
        forAWhile(context, 200, (proxy) => {
          proxy.resetAll()
          proxy.cutAfter(context.random.integer(1, 2_000), 'toClient')
        }),
      )
    },
  },
  {
    name: 'clients half-open',
    group,
    leavesServer,
    run: (context) => forAWhile(context, 0, (proxy) => proxy.halfOpen()),
  },
  ...[3, 30].map(
    (seconds): Fault => ({
      name: `clients stall ${seconds} s`,
      group,
      leavesServer,
      run: (context) => forAWhile(context, seconds * 1_000, (proxy) => proxy.stall()),
    }),
  ),
  ...(
    [
      ['toClient', 'only answers stall, 15 s'],
      ['toServer', 'only requests stall, 15 s'],
    ] as const
  ).map(
    ([direction, name]): Fault => ({
      name,
      group,
      leavesServer,
      run: (context) => forAWhile(context, 15_000, (proxy) => proxy.stall(direction)),
    }),
  ),
  {
    name: 'answers swallowed 5 s, then reset',
    group,
    leavesServer,
    run: async (context) => {
      await forAWhile(context, 5_000, (proxy) => proxy.swallow('toClient'))
      for (const proxy of context.environment.proxies.clients) proxy.resetAll()
    },
  },
  {
    name: 'storm of resets: 10 a second for 8 s',
    group,
    leavesServer,
    run: (context) => repeat(80, 0, () => forAWhile(context, 100, (proxy) => proxy.resetAll())),
  },
  {
    name: '300 ms ± 200 to the clients',
    group,
    leavesServer,
    run: (context) => forAWhile(context, 8_000, (proxy) => proxy.delay(100, 400)),
  },
  {
    name: 'clients at 2 kB/s',
    group,
    leavesServer,
    run: (context) => forAWhile(context, 8_000, (proxy) => proxy.throttle(2_000)),
  },
  {
    name: 'segments of 1 byte',
    group,
    leavesServer,
    run: (context) => forAWhile(context, 6_000, (proxy) => proxy.segment(1)),
  },
  {
    name: 'clients refused for 8 s',
    group,
    leavesServer,
    run: (context) =>
      forAWhile(context, 8_000, (proxy) => {
        proxy.refuse()
        proxy.resetAll()
      }),
  },
  {
    name: 'one server unreachable for 8 s',
    group,
    leavesServer,
    run: async ({ environment, random }) => {
      const { clients } = random.pick(environment.servers)
      clients.refuse()
      clients.resetAll()
      await pause(8_000)
      await clients.heal()
    },
  },
  {
    name: 'WebSockets blocked for 10 s',
    group,
    leavesServer,
    run: (context) =>
      forAWhile(context, 10_000, (proxy) => {
        proxy.blockUpgrades()
        proxy.resetAll()
      }),
  },
  {
    name: 'nginx reloaded 5 times',
    group,
    leavesServer,
    run: ({ environment }) =>
      repeat(5, 1_000, () => environment.nginx.setServers(environment.servers.map(({ clients }) => clients.port))),
  },
]
