import { Redis } from 'ioredis'
import type { Environment } from '../rig/environment.ts'
import { pause } from '../subscribers/subscriber.ts'
import { at, type Fault, freeze, killAndStart, repeat } from './fault.ts'

const leavesServer = true
const group = 'redis'

/** Runs an action with a connection past all proxies. */
async function withRedis(environment: Environment, act: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis({ port: environment.redis.port, host: '127.0.0.1', maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  try {
    await act(redis)
  } finally {
    redis.disconnect()
  }
}

async function redisPid(environment: Environment): Promise<number> {
  const info = String(await environment.redis.cli('INFO', 'server'))
  return Number(/process_id:(\d+)/.exec(info)?.[1])
}

async function away(environment: Environment, ms: number): Promise<void> {
  await environment.redis.stop()
  await pause(ms)
  await environment.redis.start()
}

/** Faults of Redis and of the connections to it. */
export const redisFaults: readonly Fault[] = [
  {
    name: 'redis kill -9, back after 1 s',
    group,
    leavesServer,
    run: ({ environment }) => away(environment, 1_000),
  },
  {
    name: 'redis kill -9, unavailable for 10 s',
    group,
    leavesServer,
    run: ({ environment }) => away(environment, 10_000),
  },
  {
    name: 'redis restarted 4 times',
    group,
    leavesServer,
    run: ({ environment }) => repeat(4, 700, () => environment.redis.restart()),
  },
  {
    name: 'redis FLUSHALL, 10 times',
    group,
    leavesServer,
    run: ({ environment }) => repeat(10, 400, () => environment.redis.cli('FLUSHALL')),
  },
  ...(['pubsub', 'normal'] as const).map(
    (type): Fault => ({
      name: `redis CLIENT KILL ${type}, 15 times`,
      group,
      leavesServer,
      run: ({ environment }) => repeat(15, 300, () => environment.redis.cli('CLIENT', 'KILL', 'TYPE', type)),
    }),
  ),
  ...[8, 25].map(
    (seconds): Fault => ({
      name: `redis SIGSTOP ${seconds} s (deaf)`,
      group,
      leavesServer,
      run: async ({ environment }) => freeze([await redisPid(environment)], seconds * 1_000),
    }),
  ),
  {
    name: 'redis CLIENT PAUSE 5 s',
    group,
    leavesServer,
    run: async ({ environment }) => {
      await environment.redis.cli('CLIENT', 'PAUSE', 5_000, 'ALL')
      await pause(5_000)
    },
  },
  {
    name: 'redis maxmemory reached 6 s',
    group,
    leavesServer,
    run: async ({ environment }) => {
      await environment.redis.cli('CONFIG', 'SET', 'maxmemory', '1mb')
      await pause(6_000)
      await environment.redis.cli('CONFIG', 'SET', 'maxmemory', '0')
    },
  },
  {
    name: 'redis pub/sub buffer limit 1 kB, cut again and again',
    group,
    leavesServer,
    run: async ({ environment }) => {
      await environment.redis.cli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1024 512 1')
      await pause(6_000)
      await environment.redis.cli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60')
    },
  },
  {
    name: 'redis slow: 150 ms ± 100',
    group,
    leavesServer,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.redis) proxy.delay(50, 200)
      await pause(8_000)
    },
  },
  {
    name: 'redis DEBUG SLEEP 1 s, 4 times',
    group,
    leavesServer,
    run: ({ environment }) =>
      repeat(4, 500, () => environment.redis.cli('DEBUG', 'SLEEP', 1).catch(() => freezeOnce(environment))),
  },
  ...(
    [
      [0.3, '30 % of the messages lost on the way', undefined],
      [1, 'all messages lost, connections fine (deaf subscriber)', true],
    ] as const
  ).map(
    ([share, name, isTelling]): Fault => ({
      name,
      group,
      leavesServer,
      ...(isTelling === undefined ? {} : { isTelling }),
      run: async ({ environment }) => {
        environment.messageLoss = share
        await pause(8_000)
        environment.messageLoss = 0
      },
    }),
  ),
  {
    name: 'redis connections half-open',
    group,
    leavesServer,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.redis) proxy.halfOpen()
      await pause(10_000)
    },
  },
  {
    name: 'redis connections reset 20 times',
    group,
    leavesServer,
    run: ({ environment }) =>
      repeat(20, 250, () => {
        for (const proxy of environment.proxies.redis) proxy.resetAll()
      }),
  },
  {
    name: 'redis refuses connections 8 s',
    group,
    leavesServer,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.redis) {
        proxy.refuse()
        proxy.resetAll()
      }
      await pause(8_000)
    },
  },
  {
    name: 'network to redis stalls 6 s',
    group,
    leavesServer,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.redis) proxy.stall()
      await pause(6_000)
      for (const proxy of environment.proxies.redis) proxy.resume()
    },
  },
  {
    name: 'redis unavailable while a server is killed',
    group: 'several',
    leavesServer: true,
    run: async ({ environment }) => {
      await environment.redis.stop()
      await killAndStart(at(environment.servers, 0), 1_000)
      await environment.redis.start()
    },
  },
  {
    name: 'messages repeated, reordered, damaged by somebody else',
    group,
    leavesServer,
    run: ({ environment, random }) =>
      withRedis(environment, async (publisher) => {
        await withRedis(environment, async (subscriber) => {
          const seen: (readonly [channel: string, text: string])[] = []
          subscriber.on('pmessage', (_pattern: string, channel: string, text: string) => {
            // Each message may cause one more, which must not cause others.
            if (seen.length < 5_000 && random.next() < 0.3) seen.push([channel, text])
          })
          await subscriber.psubscribe('*')
          await repeat(80, 100, async () => {
            for (let turn = 0; turn < 5 && seen.length > 0; turn++) {
              const [channel, text] = random.pick(seen)
              const cut = random.integer(0, text.length)
              const damaged = random.pick([
                text,
                text,
                text.slice(0, cut),
                text.replace(/"seq":(\d)/, '"seq":9$1'),
                '[]',
              ])
              await publisher.publish(channel, damaged)
            }
            if (seen.length > 400) seen.splice(0, 200)
          })
        })
      }),
  },
]

/** For a Redis that does not allow DEBUG. */
async function freezeOnce(environment: Environment): Promise<void> {
  await freeze([await redisPid(environment)], 1_000)
}
