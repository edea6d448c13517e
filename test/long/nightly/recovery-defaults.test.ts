import { expect, test } from 'vitest'
import { settings } from '../../../src/config.ts'
import { startTestEngine } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { startWorkerProcess } from '../../support/worker.ts'

// A separate file, as it waits for most of its time while others can run.
test('a killed worker’s task runs again within 15 s with the default settings', async () => {
  await using redis = await startRedis()
  await using fixture = await startTestEngine({
    definitions: [createSteadyKind()],
    config: { ROLE: 'server' },
    redisUrl: redis.url,
  })
  const config = {
    LEASE_MS: Number(settings.LEASE_MS.fallback),
    SWEEP_MS: Number(settings.SWEEP_MS.fallback),
    CHECK_MS: Number(settings.CHECK_MS.fallback),
  }
  await using first = await startWorkerProcess(fixture.test.url, redis.url, { config })
  const task = await fixture.start('STEADY', { input: { finishFrom: 2 } })
  await fixture.event(task, 'TaskAdvanced')
  await using _second = await startWorkerProcess(fixture.test.url, redis.url, { config })
  first.kill('SIGKILL')
  const killedAt = Date.now()
  const restarted = await fixture.event(task, 'TaskStarted', ({ payload }) => payload['attempt'] === 2)
  // The guarantee itself is a time.
  expect(Date.parse(restarted.at) - killedAt).toBeLessThan(15_000)
})
