import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { shareDatabase, startTestEngine, typesOf, watchInBackground } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { startWorkerProcess } from '../../support/worker.ts'

shareDatabase()

const serving = { ROLE: 'server' } as const

/** Creates a kind `WAIT` that waits for its signal, and a promise of the signal's abort reason. */
function createWaiting(): { readonly definition: TaskDefinition; readonly aborted: Promise<unknown> } {
  const aborted = Promise.withResolvers<unknown>()
  const definition = createTaskDefinition({
    kind: 'WAIT',
    input: z.object({}),
    concurrency: 1,
    async *run({ signal }) {
      signal.addEventListener('abort', () => aborted.resolve(signal.reason))
      yield advance({ percent: 50 })
      await aborted.promise
      yield advance({ percent: 60 })
      return {}
    },
  }) as TaskDefinition
  return { definition, aborted: aborted.promise }
}

describe('cancel', () => {
  test('ends a queued task, which never starts', async () => {
    const { definition } = createWaiting()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const first = await fixture.start('WAIT')
    await fixture.event(first, 'TaskAdvanced')
    const queued = await fixture.start('WAIT')
    expect(await fixture.engine.tasks.cancel(queued.id, 'changed my mind')).toMatchObject({
      status: 'CANCELED',
      cancelReason: 'changed my mind',
      finishedAt: expect.any(Date),
    })
    const events = await fixture.history(queued)
    expect(typesOf(events)).toEqual(['TaskQueued', 'TaskCanceled'])
    expect(events.at(-1)?.payload).toMatchObject({ status: 'CANCELED', reason: 'changed my mind' })
    await fixture.engine.tasks.cancel(first.id)
    await expect.poll(() => fixture.engine.worker?.running).toBe(0)
    expect(typesOf(await fixture.events(queued))).toEqual(['TaskQueued', 'TaskCanceled'])
  })

  test("ends a running task, notifies its worker, and refuses the worker's later reports", async () => {
    const { definition, aborted } = createWaiting()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('WAIT')
    await fixture.event(task, 'TaskAdvanced')
    await fixture.engine.tasks.cancel(task.id)
    expect(await aborted).toBe('canceled')
    const events = await fixture.history(task)
    expect(events.at(-1)).toMatchObject({ type: 'TaskCanceled', payload: { progress: { percent: 50 }, reason: null } })
    await expect.poll(() => fixture.engine.worker?.counters.stopped).toBe(1)
    expect(await fixture.events(task)).toEqual(events)
  })

  test('ends a task that waits for its next attempt', async () => {
    const definition = createTaskDefinition({
      kind: 'WAIT',
      input: z.object({}),
      backoff: { initialDelayMs: 60_000 },
      async *run() {
        yield advance({ percent: 1 })
        throw new RetryableError('AGAIN', 'Again.')
      },
    }) as TaskDefinition
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('WAIT')
    await fixture.event(task, 'TaskRetrying')
    await fixture.engine.tasks.cancel(task.id)
    expect(typesOf(await fixture.history(task)).at(-1)).toBe('TaskCanceled')
  })

  test('reaches a worker in another process', async () => {
    await using redis = await startRedis()
    await using fixture = await startTestEngine({
      definitions: [createSteadyKind()],
      config: serving,
      redisUrl: redis.url,
    })
    await using child = await startWorkerProcess(fixture.test.url, redis.url, { config: { LEASE_MS: 60_000 } })
    const task = await fixture.start('STEADY', { input: { finishFrom: 2 } })
    expect(await child.readLine()).toBe(`started ${task.id} 1`)
    await fixture.engine.tasks.cancel(task.id)
    // The next event of the worker may be rejected before the message about the cancellation arrives.
    expect(await child.readLine()).toMatch(/^aborted task_\w+ 1 (canceled|lease lost)$/)
    expect(typesOf(await fixture.history(task)).at(-1)).toBe('TaskCanceled')
  })

  test('is noticed through the heartbeat while the bus is down', async () => {
    await using redis = await startRedis()
    const { definition, aborted } = createWaiting()
    await using serve = await startTestEngine({ definitions: [definition], config: serving, redisUrl: redis.url })
    await using _worker = await startTestEngine({
      definitions: [definition],
      redisUrl: redis.url,
      on: serve.test,
      config: { LEASE_MS: 60_000 },
    })
    const task = await serve.start('WAIT')
    await serve.event(task, 'TaskAdvanced')
    await redis.stop()
    await serve.engine.tasks.cancel(task.id)
    expect(await aborted).toBe('lease lost')
    expect(typesOf(await serve.history(task)).at(-1)).toBe('TaskCanceled')
  })

  test('of a canceled task changes nothing, of another finished task is a conflict, of an unknown task is not found', async () => {
    const definition = createTaskDefinition({
      kind: 'QUICK',
      input: z.object({}),
      async *run() {
        yield advance({ percent: 1 })
        return {}
      },
    }) as TaskDefinition
    const { definition: waiting } = createWaiting()
    await using fixture = await startTestEngine({ definitions: [definition, waiting] })
    const canceled = await fixture.start('WAIT')
    const first = await fixture.engine.tasks.cancel(canceled.id, 'first')
    expect(await fixture.engine.tasks.cancel(canceled.id, 'second')).toEqual(first)
    const completed = await fixture.start('QUICK')
    await fixture.history(completed)
    await expect(fixture.engine.tasks.cancel(completed.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `Task "${completed.id}" is completed and cannot be canceled`,
    })
    await expect(fixture.engine.tasks.cancel('task_none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('called concurrently from everywhere ends a task once', async () => {
    const { definition } = createWaiting()
    await using first = await startTestEngine({ definitions: [definition] })
    await using second = await startTestEngine({ definitions: [definition], on: first.test })
    const task = await first.start('WAIT')
    await first.event(task, 'TaskAdvanced')
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? first : second).engine.tasks.cancel(task.id, `${index}`),
      ),
    )
    expect(new Set(outcomes.map(({ cancelReason }) => cancelReason)).size).toBe(1)
    expect(typesOf(await first.events(task)).filter((type) => type === 'TaskCanceled')).toHaveLength(1)
  })

  test('keeps a reason with characters that the database cannot store', async () => {
    const { definition } = createWaiting()
    await using fixture = await startTestEngine({ definitions: [definition], config: serving })
    const task = await fixture.start('WAIT')
    expect((await fixture.engine.tasks.cancel(task.id, 'a\u0000b\ud83d')).cancelReason).toBe('a\ufffdb\ufffd')
  })
})

test('is not caused by unsubscribing', async () => {
  const gate = Promise.withResolvers<void>()
  const definition = createTaskDefinition({
    kind: 'WAIT',
    input: z.object({}),
    async *run() {
      yield advance({ percent: 50 })
      await gate.promise
      return {}
    },
  }) as TaskDefinition
  await using fixture = await startTestEngine({ definitions: [definition] })
  const task = await fixture.start('WAIT')
  {
    await using watcher = watchInBackground(fixture.engine, { taskId: task.id })
    await fixture.event(task, 'TaskAdvanced')
    await expect.poll(() => watcher.seen.length).toBeGreaterThan(0)
  }
  await expect.poll(() => fixture.engine.feeds.size).toBe(0)
  expect((await fixture.get(task)).status).toBe('RUNNING')
  gate.resolve()
  expect(typesOf(await fixture.history(task)).at(-1)).toBe('TaskCompleted')
})
