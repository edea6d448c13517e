import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { createRateLimits } from '../../src/rate-limits/rate-limits.ts'
import { eventually } from '../log/support.ts'
import { createTestBus, redisAddressOf } from '../support/redis-bus.ts'
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts'
import { clusterFaults } from '../support/redis-faults.ts'
import { publishThrough, report, workThrough } from './lossless.ts'

let cluster: TestRedisCluster
beforeEach(async () => {
  cluster = await startRedisCluster({ canBeCut: true })
})
afterEach(() => cluster[Symbol.asyncDispose]())

describe('a bus over the shards of a cluster', () => {
  test.for(clusterFaults)('reports every loss, and returns, when $name', async ({ name, cause }) => {
    await using publisher = createTestBus(cluster.url, { probeMs: 2_000 })
    await using subscriber = createTestBus(cluster.url, { probeMs: 2_000 })
    report(name, await publishThrough({ publisher, subscriber, cause: () => cause(cluster, []) }))
    expect(subscriber.counters.refused).toBe(0)
  })
})

describe('a bus over the classic messages of a cluster', () => {
  test.for(clusterFaults.slice(0, 3))('reports every loss, and returns, when $name', async ({ name, cause }) => {
    const open = () => createTestBus(cluster.url, { address: redisAddressOf(cluster.url, false), probeMs: 2_000 })
    await using publisher = open()
    await using subscriber = open()
    report(`classic, ${name}`, await publishThrough({ publisher, subscriber, cause: () => cause(cluster, []) }))
  })
})

test.for(clusterFaults)('tasks of queues in the cluster are executed once when $name', async ({ name, cause }) => {
  const longestMs = await workThrough(cluster.url, () => cause(cluster, []))
  console.info(`tasks when ${name}: the slowest took ${longestMs} ms`)
})

test('budgets are counted together by all servers, and by each alone while Redis is without memory', async () => {
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
  const areTogether = async (): Promise<void> => {
    const key = `user:${Math.random()}`
    for (let uses = 0; uses < 3; uses++) await one.take('messages', { key, network: null })
    await expect(other.take('messages', { key, network: null })).rejects.toThrow('Too many messages')
  }
  await eventually(areTogether)
  for (const member of cluster.members) await member.cli('CONFIG', 'SET', 'maxmemory', '1')
  const key = 'user:ada'
  for (const server of [one, other]) {
    for (let uses = 0; uses < 3; uses++) await server.take('messages', { key, network: null })
    await expect(server.take('messages', { key, network: null })).rejects.toThrow('Too many messages')
  }
  for (const member of cluster.members) await member.cli('CONFIG', 'SET', 'maxmemory', '0')
  await eventually(areTogether)
})
