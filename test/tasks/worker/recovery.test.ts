import { describe, expect, test } from 'vitest'
import type { LogEvent } from '../../../src/log/event.ts'
import type { EngineConfig } from '../../../src/tasks/engine.ts'
import { maxLosses, type Task, taskTopic } from '../../../src/tasks/model/task.ts'
import type { TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { type EngineFixture, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { startWorkerProcess } from '../../support/worker.ts'

shareDatabase()

const steady = createSteadyKind()
const serving: Partial<EngineConfig> = { ROLE: 'server' }

function attemptsOf(events: readonly LogEvent[]): readonly (readonly unknown[])[] {
  return events
    .filter(({ type }) => type === 'TaskStarted' || type === 'TaskRetrying')
    .map(({ type, payload }) => [type, payload['attempt'], (payload['error'] as { code: string } | undefined)?.code])
}

const lost = [
  ['TaskStarted', 1, undefined],
  ['TaskRetrying', 2, 'WORKER_LOST'],
  ['TaskStarted', 2, undefined],
]

/** Adds all but one of a task's allowed losses to its attempts, before the last of them. */
async function addLosses({ database }: EngineFixture, { id }: Task): Promise<void> {
  const loss = JSON.stringify([{ attempt: 0, startedAt: new Date().toISOString(), outcome: 'WORKER_LOST' }])
  for (let count = 1; count < maxLosses; count++)
    await database.pool.query('update tidings.task set attempts = $2::jsonb || attempts where id = $1', [id, loss])
}

describe('a worker that is killed', () => {
  test('loses its task to another, with the next attempt and an event that reports it', async () => {
    await using redis = await startRedis()
    await using fixture = await startTestEngine({ definitions: [steady], config: serving, redisUrl: redis.url })
    await using first = await startWorkerProcess(fixture.test.url, redis.url)
    const task = await fixture.start('STEADY', { input: { finishFrom: 2 } })
    expect(await first.readLine()).toBe(`started ${task.id} 1`)
    await fixture.event(task, 'TaskAdvanced')
    await using _second = await startWorkerProcess(fixture.test.url, redis.url)
    first.kill('SIGKILL')
    const events = await fixture.history(task)
    expect(attemptsOf(events)).toEqual(lost)
    expect(events.at(-1)).toMatchObject({ type: 'TaskCompleted', payload: { result: { attempt: 2 } } })
  })

  test('fails its task, and settles it, when that was the last allowed loss', async () => {
    await using redis = await startRedis()
    const definition = createSteadyKind(undefined, 1)
    const settled: unknown[] = []
    await using fixture = await startTestEngine({
      definitions: [
        {
          ...definition,
          settle: async (_client, _input, { status, error }) => {
            settled.push([status, error?.code])
          },
        },
      ],
      config: serving,
      redisUrl: redis.url,
    })
    await using child = await startWorkerProcess(fixture.test.url, redis.url, { attempts: 1 })
    const task = await fixture.start('STEADY', { input: { finishFrom: 9 } })
    await fixture.event(task, 'TaskAdvanced')
    await addLosses(fixture, task)
    child.kill('SIGKILL')
    await child.ended
    await using _sweeping = await startTestEngine({
      definitions: fixture.engine.definitions.values().toArray(),
      on: fixture.test,
      redisUrl: redis.url,
    })
    const events = await fixture.history(task)
    expect(events.at(-1)).toMatchObject({
      type: 'TaskFailed',
      payload: { status: 'FAILED', error: { code: 'WORKER_LOST', retryable: false } },
    })
    expect(await fixture.get(task)).toMatchObject({ status: 'FAILED', worker: null, error: { code: 'WORKER_LOST' } })
    expect(settled).toEqual([['FAILED', 'WORKER_LOST']])
  })
})

test('a worker that was frozen past its lease is fenced: its late reports are refused and its signal aborts', async () => {
  await using redis = await startRedis()
  await using fixture = await startTestEngine({ definitions: [steady], config: serving, redisUrl: redis.url })
  await using zombie = await startWorkerProcess(fixture.test.url, redis.url)
  const task = await fixture.start('STEADY', { input: { finishFrom: 3 } })
  expect(await zombie.readLine()).toBe(`started ${task.id} 1`)
  await fixture.event(task, 'TaskAdvanced')
  await using other = await startWorkerProcess(fixture.test.url, redis.url)
  zombie.kill('SIGSTOP')
  expect(await other.readLine()).toBe(`started ${task.id} 2`)
  zombie.kill('SIGCONT')
  expect(await zombie.readLine()).toBe(`aborted ${task.id} 1 lease lost`)
  const restart = await fixture.event(task, 'TaskStarted', ({ payload }) => payload['attempt'] === 2)
  // The second attempt continues undisturbed, and no event of the first is written after its start.
  const at = (await fixture.get(task)).seq
  await fixture.event(task, 'TaskAdvanced', ({ seq }) => seq > at + 3)
  const messages = (await fixture.events(task))
    .filter(({ seq, type }) => seq > restart.seq && type === 'TaskAdvanced')
    .map(({ payload }) => (payload['progress'] as { message: string }).message)
  expect(messages.filter((message) => !message.startsWith('attempt 2,'))).toEqual([])
  await fixture.engine.tasks.cancel(task.id)
  // The next event of the worker may be rejected before the message about the cancellation arrives.
  expect(await other.readLine()).toMatch(/^aborted task_\w+ 2 (canceled|lease lost)$/)
})

describe('a lease that expired', () => {
  /**
   * Turns a task into one that was held by a worker, on its last allowed loss, with an expired
   * lease.
   */
  async function abandon(fixture: EngineFixture, task: Task): Promise<void> {
    const result = await fixture.engine.appender.append({
      topic: taskTopic(task.id),
      events: [{ type: 'TaskStarted', payload: { status: 'RUNNING', attempt: 3 } }],
      task: {
        id: task.id,
        expect: ['QUEUED'],
        set: { status: 'RUNNING', attempt: 3, worker: 'w_dead', leaseMs: -1 },
      },
    })
    expect(result.accepted).toBe(true)
    await addLosses(fixture, task)
  }

  test('is taken over once by any number of sweepers', async () => {
    const definition: TaskDefinition = {
      ...steady,
      settle: async (client) => {
        await client.query('insert into settled values (1)')
      },
    }
    await using serving = await startTestEngine({ definitions: [definition], config: { ROLE: 'server' } })
    await serving.database.pool.query('create table settled (n int)')
    const tasks = await Promise.all(Array.from({ length: 10 }, () => serving.start('STEADY')))
    for (const task of tasks) await abandon(serving, task)
    const config = { SWEEP_MS: 50 }
    await using _one = await startTestEngine({ definitions: [definition], on: serving.test, config })
    await using _two = await startTestEngine({ definitions: [definition], on: serving.test, config })
    await using _three = await startTestEngine({ definitions: [definition], on: serving.test, config })
    for (const task of tasks)
      expect((await serving.history(task)).at(-1)).toMatchObject({
        type: 'TaskFailed',
        payload: { error: { code: 'WORKER_LOST' } },
      })
    expect((await serving.database.pool.query('select count(*) as count from settled')).rows).toEqual([{ count: 10 }])
  })

  test('ends the task even if the application cannot settle it', async () => {
    const definition: TaskDefinition = { ...steady, settle: () => Promise.reject(new Error('on second thought')) }
    await using serving = await startTestEngine({ definitions: [definition], config: { ROLE: 'server' } })
    const task = await serving.start('STEADY')
    await abandon(serving, task)
    await using _sweeping = await startTestEngine({ definitions: [definition], on: serving.test })
    expect((await serving.history(task)).at(-1)).toMatchObject({ type: 'TaskFailed' })
  })
})

describe('a worker that shuts down', () => {
  test('hands its task over at once, without using up an attempt', async () => {
    await using redis = await startRedis()
    const definition = createSteadyKind(undefined, 1)
    await using fixture = await startTestEngine({ definitions: [definition], config: serving, redisUrl: redis.url })
    // Leases and sweeps are not involved: they are far longer than the test.
    const config = { LEASE_MS: 300_000, SWEEP_MS: 60_000 }
    await using first = await startWorkerProcess(fixture.test.url, redis.url, { attempts: 1, config })
    const task = await fixture.start('STEADY', { input: { finishFrom: 3 } })
    expect(await first.readLine()).toBe(`started ${task.id} 1`)
    await using second = await startWorkerProcess(fixture.test.url, redis.url, { attempts: 1, config })
    first.kill('SIGTERM')
    expect(await first.readLine()).toBe(`aborted ${task.id} 1 shutdown`)
    expect(await first.readLine()).toBe('ended in order')
    expect(await first.ended).toBe(0)
    expect(await second.readLine()).toBe(`started ${task.id} 2`)
    await using _third = await startWorkerProcess(fixture.test.url, redis.url, { attempts: 1, config })
    second.kill('SIGTERM')
    const events = await fixture.history(task)
    expect(attemptsOf(events)).toEqual([
      ['TaskStarted', 1, undefined],
      ['TaskRetrying', 2, 'WORKER_SHUT_DOWN'],
      ['TaskStarted', 2, undefined],
      ['TaskRetrying', 3, 'WORKER_SHUT_DOWN'],
      ['TaskStarted', 3, undefined],
    ])
    expect(events.at(-1)).toMatchObject({ type: 'TaskCompleted' })
    const { attempts, maxAttempts } = await fixture.get(task)
    expect(attempts.map(({ outcome, error }) => [outcome, error])).toEqual([
      ['HANDED_OVER', undefined],
      ['HANDED_OVER', undefined],
      ['COMPLETED', undefined],
    ])
    expect(maxAttempts).toBe(1)
    expect((await fixture.database.pool.query('select id from tidings.worker')).rows).toHaveLength(1)
  })

  test('takes nothing new and hands over everything at once', async () => {
    const definition = createSteadyKind()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const running = await fixture.start('STEADY', { input: { finishFrom: 2 } })
    await fixture.event(running, 'TaskAdvanced')
    const draining = fixture.engine.worker?.drain()
    const later = await fixture.start('STEADY')
    await draining
    expect(await fixture.get(running)).toMatchObject({ status: 'RETRYING', error: { code: 'WORKER_SHUT_DOWN' } })
    expect(await fixture.get(later)).toMatchObject({ status: 'QUEUED' })
    expect(fixture.engine.worker?.running).toBe(0)
    await using other = await startTestEngine({ definitions: [definition], on: fixture.test })
    for (const task of [running, later]) expect(typesOf(await other.history(task)).at(-1)).toBe('TaskCompleted')
  })

  test('abandons an attempt that does not end, in bounded time', async () => {
    const held = Promise.withResolvers<void>()
    const definition: typeof steady = {
      ...steady,
      async *run() {
        try {
          yield { is: 'advance', percent: 1 }
          await held.promise
        } finally {
          await new Promise(() => undefined)
        }
        return {}
      },
    }
    const fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('STEADY')
    await fixture.event(task, 'TaskAdvanced')
    await fixture[Symbol.asyncDispose]()
  })
})
