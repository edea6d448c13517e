import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { output } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { eventually } from '../log/support.ts'
import { startTestEngine, typesOf } from '../support/engine.ts'
import { startRedisSentinel } from '../support/redis-cluster.ts'

test('a watched task continues through a planned failover of Sentinels, without the comparison with the log', async () => {
  // No failover but the planned one, on slow machines too.
  await using group = await startRedisSentinel({ downAfterMs: 60_000 })
  let isOver = false
  const work = createTaskDefinition({
    kind: 'WORK',
    input: z.object({}),
    concurrency: 2,
    async *run({ signal }) {
      do {
        yield output('text', 'one more line\n')
        await pause(100, undefined, { signal })
      } while (!isOver)
      return {}
    },
  }) as TaskDefinition
  // CHECK_MS is longer than the test: only messages and reports of gaps bring events.
  const config = { QUEUE_BACKEND: 'redis', CHECK_MS: 600_000, LEASE_MS: 60_000 } as const
  const common = { definitions: [work], redisUrl: group.url }
  await using server = await startTestEngine({ ...common, config: { ...config, ROLE: 'server' } })
  await using worker = await startTestEngine({ ...common, config, on: server.test })
  const buses = [server.engine.bus, worker.engine.bus]
  const areConnected = (): void => expect(buses.map((bus) => bus.isConnected())).toEqual([true, true])
  await eventually(areConnected)

  const task = await server.start('WORK')
  const seqs: number[] = []
  const follow = async (): Promise<void> => {
    for await (const update of server.engine.follow({ taskId: task.id, fromStart: true }))
      if (update.is === 'event') seqs.push(update.event.seq)
  }
  const following = follow()
  await eventually(() => expect(seqs.length).toBeGreaterThan(5))

  const former = await eventually(() => group.primary())
  await eventually(async () => {
    try {
      await group.sentinels[0]?.cli('SENTINEL', 'FAILOVER', 'tidings')
    } catch (error) {
      // Refused while the Sentinel does not yet know a replica that can take over; without an answer in time it has begun.
      if (!/INPROG|Command timed out/.test(String(error))) throw error
    }
  })
  await eventually(async () => expect((await group.primary()).port).not.toBe(former.port))
  await eventually(areConnected)
  const before = seqs.length
  await eventually(() => expect(seqs.length).toBeGreaterThan(before + 5))
  isOver = true
  await following

  const events = await server.events(task)
  expect(seqs).toEqual(events.map(({ seq }) => seq))
  expect(typesOf(events).filter((type) => type !== 'TaskOutput')).toEqual([
    'TaskQueued',
    'TaskStarted',
    'TaskCompleted',
  ])
  // The queue, and what it wakes, use the new primary too.
  expect(typesOf(await server.run('WORK')).at(-1)).toBe('TaskCompleted')
})
