import { expect, test } from 'vitest'
import { z } from 'zod'
import { TidingsError } from '../../../src/errors.ts'
import type { Appender } from '../../../src/log/append.ts'
import { FinalError } from '../../../src/tasks/model/failure.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import type { Task } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { claimNext } from '../../../src/tasks/worker/claim.ts'
import { shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'

shareDatabase()

const breakConnection = 'select pg_terminate_backend(pg_backend_pid())'
const outcomesOf = ({ attempts }: Task) => attempts.map(({ outcome, error }) => [outcome, error?.code])

test('a database that disconnects costs an execution, but none of the failures allowed to the handler', async () => {
  const definition = createTaskDefinition({
    kind: 'COMMITTING',
    input: z.object({}),
    attempts: 1,
    async *run({ attempt }) {
      const commit = async (client: { query(text: string): Promise<unknown> }) => {
        if (attempt === 1) await client.query(breakConnection)
      }
      yield advance({ percent: 50, commit })
      return { attempt }
    },
  }) as unknown as TaskDefinition
  await using fixture = await startTestEngine({ definitions: [definition] })
  const task = await fixture.start('COMMITTING')
  await fixture.history(task)
  expect(outcomesOf(await fixture.get(task))).toEqual([
    ['WORKER_LOST', 'UNAVAILABLE'],
    ['COMPLETED', undefined],
  ])
})

test('the end of an attempt is written as soon as the database accepts it, not left to the lease', async () => {
  let endings = 0
  const definition = {
    ...(createTaskDefinition({
      kind: 'SETTLING',
      input: z.object({}),
      // biome-ignore lint/correctness/useYield: it fails before it could
      async *run() {
        throw new FinalError('REFUSED', 'It is refused')
      },
    }) as unknown as TaskDefinition),
    settle: async (client: { query(text: string): Promise<unknown> }) => {
      if (++endings < 3) await client.query(breakConnection)
    },
  }
  await using fixture = await startTestEngine({ definitions: [definition], config: { LEASE_MS: 300_000 } })
  const task = await fixture.start('SETTLING')
  expect(typesOf(await fixture.history(task))).toEqual(['TaskQueued', 'TaskStarted', 'TaskFailed'])
  expect(outcomesOf(await fixture.get(task))).toEqual([['FAILED', 'REFUSED']])
  expect(endings).toBe(3)
})

test.for([true, false])('a claim without a response belongs to the worker if it was written: %s', async (isWritten) => {
  const definition = createTaskDefinition({
    kind: 'CLAIMED',
    input: z.object({}),
    // biome-ignore lint/correctness/useYield: nobody runs it
    async *run() {
      return {}
    },
  }) as unknown as TaskDefinition
  await using fixture = await startTestEngine({ definitions: [definition], config: { ROLE: 'server' } })
  const { database, store, appender } = fixture.engine
  const task = await fixture.start('CLAIMED')
  let appends = 0
  const unanswered: Appender = {
    ...appender,
    async append(request) {
      if (++appends > 1) return appender.append(request)
      if (isWritten) await appender.append(request)
      throw new TidingsError('UNAVAILABLE', 'The answer is lost')
    },
  }
  const options = { database, store, appender: unanswered, worker: 'w_1', leaseMs: 60_000 }
  const claim = await claimNext(options, { kind: 'CLAIMED' })
  expect(claim).toMatchObject({ task: { id: task.id }, attempt: 1, seq: (await fixture.get(task)).seq })
  expect(appends).toBe(isWritten ? 1 : 2)
  expect(await fixture.get(task)).toMatchObject({ status: 'RUNNING', attempt: 1, worker: 'w_1' })
})
