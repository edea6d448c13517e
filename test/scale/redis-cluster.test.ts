import { setTimeout as pause } from 'node:timers/promises'
import slotOf from 'cluster-key-slot'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createRateLimits } from '../../src/rate-limits/rate-limits.ts'
import { eventually } from '../log/support.ts'
import { createTestBus, redisAddressOf } from '../support/redis-bus.ts'
import { type RedisMember, startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts'
import { publishThrough, report, workThrough } from './lossless.ts'

let cluster: TestRedisCluster
beforeEach(async () => {
  cluster = await startRedisCluster()
})
afterEach(() => cluster[Symbol.asyncDispose]())

const slot = slotOf('task:0')
/** Waits until another server than this one is the primary of a slot. */
const untilReplaced = (former: RedisMember, of = slot): Promise<void> =>
  eventually(async () => expect((await cluster.primaryOf(of)).port).not.toBe(former.port))

const faults: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'a primary is killed',
    async () => {
      const primary = await cluster.primaryOf(slot)
      await primary.signal('SIGKILL')
      await untilReplaced(primary)
    },
  ],
  [
    'a primary hangs, and returns as a replica',
    async () => {
      const primary = await cluster.primaryOf(slot)
      await primary.signal('SIGSTOP')
      await untilReplaced(primary)
      await pause(5_000)
      await primary.signal('SIGCONT')
    },
  ],
  [
    'a replica takes over as planned',
    async () => {
      const primary = await cluster.primaryOf(slot)
      const replica = await cluster.replicaOf(primary)
      await replica.cli('CLUSTER', 'FAILOVER')
      await untilReplaced(primary)
    },
  ],
  [
    'a replica takes over without asking (TAKEOVER)',
    async () => {
      const primary = await cluster.primaryOf(slot)
      const replica = await cluster.replicaOf(primary)
      await replica.cli('CLUSTER', 'FAILOVER', 'TAKEOVER')
      await untilReplaced(primary)
    },
  ],
  [
    'slots move to another primary',
    async () => {
      const primary = await cluster.primaryOf(slot)
      const other = await cluster.primaryOf((slot + 8_192) % 16_384)
      await cluster.reshard(primary, other, 3_000)
    },
  ],
  [
    'all replicas are killed',
    async () => {
      for (const member of cluster.members) {
        const [role] = (await member.cli('ROLE')) as readonly unknown[]
        if (role === 'slave') await member.signal('SIGKILL')
      }
      await pause(3_000)
    },
  ],
]

describe('a bus over the shards of a cluster', () => {
  test.for(faults)('reports every loss, and returns, when %s', async ([name, cause]) => {
    await using publisher = createTestBus(cluster.url, { probeMs: 2_000 })
    await using subscriber = createTestBus(cluster.url, { probeMs: 2_000 })
    report(name, await publishThrough({ publisher, subscriber, cause }))
    expect(subscriber.counters.refused).toBe(0)
  })
})

describe('a bus over the classic messages of a cluster', () => {
  test.for(faults.slice(0, 3))('reports every loss, and returns, when %s', async ([name, cause]) => {
    const open = () => createTestBus(cluster.url, { address: redisAddressOf(cluster.url, false), probeMs: 2_000 })
    await using publisher = open()
    await using subscriber = open()
    report(`classic, ${name}`, await publishThrough({ publisher, subscriber, cause }))
  })
})

test('tasks of queues in the cluster are executed once while a primary is killed', async () => {
  const longestMs = await workThrough(cluster.url, async () => {
    const primary = await cluster.primaryOf(slotOf('{bull}'))
    await primary.signal('SIGKILL')
    await untilReplaced(primary, slotOf('{bull}'))
  })
  console.info(`tasks while the primary of the queues is killed: the slowest took ${longestMs} ms`)
})

test('budgets are counted together by all servers', async () => {
  const { RATE_LIMITS: budgets } = parseConfig({ RATE_LIMITS: 'messages=3' })
  const open = () =>
    createRateLimits({
      budgets,
      addressFactor: 2,
      redis: redisAddressOf(cluster.url),
      prefix: 'p',
      logger: silentLogger,
    })
  await using one = await open()
  await using other = await open()
  // Until a server has reached the cluster, it counts alone.
  await eventually(async () => {
    const key = `user:${Math.random()}`
    for (let uses = 0; uses < 3; uses++) await one.take('messages', { key, network: null })
    await expect(other.take('messages', { key, network: null })).rejects.toThrow('Too many messages')
  })
})
