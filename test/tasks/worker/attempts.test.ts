import { expect, test } from 'vitest'
import { z } from 'zod'
import { silentLogger } from '../../../src/logger.ts'
import { createCompletionHooks } from '../../../src/tasks/model/completion-hooks.ts'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { maxLosses, type Task } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { createWakeUps } from '../../../src/tasks/queue/wake-ups.ts'
import { claimNext } from '../../../src/tasks/worker/claim.ts'
import { createSweeper } from '../../../src/tasks/worker/sweeper.ts'
import { type EngineFixture, shareDatabase, startTestEngine, testEngineConfig } from '../../support/engine.ts'

shareDatabase()

/**
 * A kind with a handler that may fail twice. It fails in the attempts named by its input, and
 * otherwise completes.
 */
const fragile = createTaskDefinition({
  kind: 'FRAGILE',
  input: z.object({ failIn: z.array(z.number()).default([]) }),
  attempts: 2,
  backoff: { initialDelayMs: 1, maxDelayMs: 2 },
  // biome-ignore lint/correctness/useYield: it has nothing to report
  async *run({ attempt, input }) {
    if (input.failIn.includes(attempt)) throw new RetryableError('BUSY', 'The service is busy')
    return { attempt }
  },
}) as unknown as TaskDefinition

/** Makes a worker claim the task and die `count` times, each noticed by a sweeper. */
async function loseWorkers({ engine, database }: EngineFixture, count: number): Promise<void> {
  const { store, appender, definitions } = engine
  await using wakeUps = await createWakeUps({ config: testEngineConfig, database, logger: silentLogger, kinds: 0 })
  await using sweeper = createSweeper({
    database,
    store,
    appender,
    wakeUps,
    definitions,
    completionHooks: createCompletionHooks({ definitions, completionHook: undefined, logger: silentLogger }),
    logger: silentLogger,
    sweepMs: 60_000,
    leaseMs: 600_000,
    onReclaimed: () => undefined,
    onWaiting: () => undefined,
  })
  for (let loss = 1; loss <= count; loss++) {
    const claim = await claimNext({ database, store, appender, worker: `w_dead_${loss}`, leaseMs: -1 }, fragile)
    expect(claim).not.toBeNull()
    await sweeper.sweep()
  }
}

const outcomesOf = ({ attempts }: Task) => attempts.map(({ attempt, outcome }) => [attempt, outcome])

test('a task survives all but the last of its allowed losses, however many failures its handler may have', async () => {
  await using fixture = await startTestEngine({ definitions: [fragile], config: { ROLE: 'server' } })
  const task = await fixture.start('FRAGILE')
  await loseWorkers(fixture, maxLosses - 1)
  expect(await fixture.get(task)).toMatchObject({
    status: 'RETRYING',
    attempt: maxLosses - 1,
    maxAttempts: 2,
    error: { code: 'WORKER_LOST', retryable: true },
  })
  await loseWorkers(fixture, 1)
  const failed = await fixture.get(task)
  expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'WORKER_LOST', retryable: false } })
  expect(outcomesOf(failed)).toEqual(Array.from({ length: maxLosses }, (_, index) => [index + 1, 'WORKER_LOST']))
  expect(failed.attempts.at(-1)?.error).toMatchObject({ code: 'WORKER_LOST', retryable: false })
})

test('lost workers do not reduce the failures allowed to the handler', async () => {
  await using serving = await startTestEngine({ definitions: [fragile], config: { ROLE: 'server' } })
  const completing = await serving.start('FRAGILE', { input: { failIn: [5] } })
  await loseWorkers(serving, 4)
  await using working = await startTestEngine({ definitions: [fragile], on: serving.test })
  await working.history(completing)
  expect(outcomesOf(await serving.get(completing))).toEqual([
    ...[1, 2, 3, 4].map((attempt) => [attempt, 'WORKER_LOST']),
    [5, 'FAILED'],
    [6, 'COMPLETED'],
  ])
})

test('failures of the handler are limited by maxAttempts, also after losses', async () => {
  await using serving = await startTestEngine({ definitions: [fragile], config: { ROLE: 'server' } })
  const failing = await serving.start('FRAGILE', { input: { failIn: [3, 4, 5] } })
  await loseWorkers(serving, 2)
  await using working = await startTestEngine({ definitions: [fragile], on: serving.test })
  await working.history(failing)
  const failed = await serving.get(failing)
  expect(failed).toMatchObject({ status: 'FAILED', error: { code: 'BUSY', retryable: false } })
  expect(outcomesOf(failed)).toEqual([
    [1, 'WORKER_LOST'],
    [2, 'WORKER_LOST'],
    [3, 'FAILED'],
    [4, 'FAILED'],
  ])
  expect(failed.attempts[2]?.error).toMatchObject({ code: 'BUSY', retryable: true })
})

test('canceling ends the current attempt, and adds none to a waiting task', async () => {
  await using fixture = await startTestEngine({ definitions: [fragile], config: { ROLE: 'server' } })
  const { store, appender, tasks } = fixture.engine
  const running = await fixture.start('FRAGILE')
  await claimNext({ database: fixture.database, store, appender, worker: 'w_1', leaseMs: 60_000 }, fragile)
  const retrying = await fixture.start('FRAGILE')
  await loseWorkers(fixture, 1)
  const queued = await fixture.start('FRAGILE')
  const canceled = await Promise.all([running, retrying, queued].map(({ id }) => tasks.cancel(id)))
  expect(canceled.map(outcomesOf)).toEqual([[[1, 'CANCELED']], [[1, 'WORKER_LOST']], []])
})
