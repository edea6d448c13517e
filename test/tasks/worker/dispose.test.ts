import { expect, test } from 'vitest'
import { startTestEngine, watchInBackground } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { startWorkerProcess } from '../../support/worker.ts'

test('an engine disposed under full load leaves no connection, row or follower behind', async () => {
  await using redis = await startRedis()
  const definitions = [createSteadyKind()]
  await using observer = await startTestEngine({ definitions, config: { ROLE: 'server' } })
  const { pool } = observer.database
  const connections = async (): Promise<unknown> =>
    (
      await pool.query(
        `select application_name, count(*) as count from pg_stat_activity
         where datname = current_database() and application_name not in ('tidings', 'tidings vitals') group by 1 order by 1`,
      )
    ).rows
  const before = await connections()
  for (const QUEUE_BACKEND of ['postgres', 'redis'] as const) {
    const fixture = await startTestEngine({
      definitions,
      on: observer.test,
      redisUrl: redis.url,
      config: { QUEUE_BACKEND },
    })
    const task = await fixture.start('STEADY', { input: { finishFrom: 9 } })
    await fixture.event(task, 'TaskAdvanced')
    await using _watcher = watchInBackground(fixture.engine, { taskId: task.id })
    fixture.engine.queuePositions.watch(task, () => undefined)
    await fixture[Symbol.asyncDispose]()
    expect(await observer.get(task)).toMatchObject({ status: 'RETRYING', error: { code: 'WORKER_SHUT_DOWN' } })
    expect((await pool.query('select id from tidings.worker')).rows).toEqual([])
    await expect.poll(connections).toEqual(before)
    // The querying connection itself.
    await expect
      .poll(
        async () =>
          String(await redis.cli('CLIENT', 'LIST'))
            .trim()
            .split('\n').length,
      )
      .toBe(1)
    expect(fixture.engine.feeds.size).toBe(0)
    await fixture[Symbol.asyncDispose]()
    await observer.engine.tasks.cancel(task.id)
  }
})

test('a process ends without help when its engine is disposed: no timer or socket keeps it alive', async () => {
  await using redis = await startRedis()
  await using observer = await startTestEngine({ definitions: [createSteadyKind()], config: { ROLE: 'server' } })
  for (const QUEUE_BACKEND of ['postgres', 'redis'] as const) {
    const config = { QUEUE_BACKEND }
    await using child = await startWorkerProcess(observer.test.url, redis.url, { config })
    const task = await observer.start('STEADY', { input: { finishFrom: 9 } })
    expect(await child.readLine()).toBe(`started ${task.id} 1`)
    child.kill('SIGTERM')
    expect(await child.ended).toBe(0)
    await observer.engine.tasks.cancel(task.id)
  }
})
