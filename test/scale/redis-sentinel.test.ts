import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../log/support.ts'
import { createTestBus } from '../support/redis-bus.ts'
import { type RedisMember, startRedisSentinel, type TestRedisSentinel } from '../support/redis-cluster.ts'
import { publishThrough, report, workThrough } from './lossless.ts'

let group: TestRedisSentinel
beforeEach(async () => {
  group = await startRedisSentinel()
})
afterEach(() => group[Symbol.asyncDispose]())

const untilReplaced = (former: RedisMember): Promise<void> =>
  eventually(async () => expect((await group.primary()).port).not.toBe(former.port))
const killPrimary = async (): Promise<void> => {
  const primary = await group.primary()
  await primary.signal('SIGKILL')
  await untilReplaced(primary)
}

const faults: readonly (readonly [string, () => Promise<void>])[] = [
  ['the primary is killed', killPrimary],
  [
    'the primary hangs, and returns as a replica',
    async () => {
      const primary = await group.primary()
      await primary.signal('SIGSTOP')
      await untilReplaced(primary)
      await pause(5_000)
      await primary.signal('SIGCONT')
    },
  ],
  [
    'a replica takes over as planned',
    async () => {
      const primary = await group.primary()
      await group.sentinels[0]?.cli('SENTINEL', 'FAILOVER', 'tidings')
      await untilReplaced(primary)
    },
  ],
  [
    'a Sentinel is killed with the primary',
    async () => {
      await group.sentinels[0]?.signal('SIGKILL')
      await killPrimary()
    },
  ],
]

describe('a bus over the primary of Sentinels', () => {
  test.for(faults)('reports every loss, and returns, when %s', async ([name, cause]) => {
    await using publisher = createTestBus(group.url, { probeMs: 1_000 })
    await using subscriber = createTestBus(group.url, { probeMs: 1_000 })
    report(name, await publishThrough({ publisher, subscriber, cause }))
  })
})

test.for(faults.slice(0, 3))('tasks of queues there are executed once when %s', async ([name, cause]) => {
  const longestMs = await workThrough(group.url, cause)
  console.info(`tasks when ${name}: the slowest took ${longestMs} ms`)
})
