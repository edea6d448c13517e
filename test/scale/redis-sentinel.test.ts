import { afterEach, beforeEach, describe, test } from 'vitest'
import { createTestBus } from '../support/redis-bus.ts'
import { startRedisSentinel, type TestRedisSentinel } from '../support/redis-cluster.ts'
import { sentinelFaults } from '../support/redis-faults.ts'
import { publishThrough, report, workThrough } from './lossless.ts'

let group: TestRedisSentinel
beforeEach(async () => {
  group = await startRedisSentinel({ canBeCut: true })
})
afterEach(() => group[Symbol.asyncDispose]())

describe('a bus over the primary of Sentinels', () => {
  test.for(sentinelFaults)('reports every loss, and returns, when $name', async ({ name, cause }) => {
    await using publisher = createTestBus(group.url, { probeMs: 1_000 })
    await using subscriber = createTestBus(group.url, { probeMs: 1_000 })
    report(name, await publishThrough({ publisher, subscriber, cause: () => cause(group, []) }))
  })
})

test.for(sentinelFaults)('tasks of queues there are executed once when $name', async ({ name, cause }) => {
  const longestMs = await workThrough(group.url, () => cause(group, []))
  console.info(`tasks when ${name}: the slowest took ${longestMs} ms`)
})
