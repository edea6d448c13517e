import { expect, test } from 'vitest'
import { z } from 'zod'
import { selfTestKind } from '../../../src/studio/self-test/self-test.ts'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { startApi } from '../../support/api.ts'

const failing = createTaskDefinition({
  kind: selfTestKind,
  attempts: 2,
  input: z.object({}),
  backoff: { initialDelayMs: 1, maxDelayMs: 2 },
  // biome-ignore lint/correctness/useYield: it fails before it could
  async *run() {
    throw new RetryableError('BUSY', 'The service is busy')
  },
}) as unknown as TaskDefinition

test('Task.attempts has one entry per execution, oldest first', async () => {
  await using api = await startApi({}, [failing])
  const { task } = await api.engine.tasks.start({ kind: selfTestKind, input: {}, owner: localDeveloper.userId })
  await api.event(task, 'TaskFailed')
  const data: { task: { maxAttempts: number; attempts: { startedAt: string; finishedAt: string }[] } } = await api.run(
    'query ($id: ID!) { task(id: $id) { maxAttempts attempts { attempt startedAt finishedAt outcome error { code } } } }',
    { id: task.id },
  )
  expect(data.task).toMatchObject({
    maxAttempts: 2,
    attempts: [
      { attempt: 1, outcome: 'FAILED', error: { code: 'BUSY' } },
      { attempt: 2, outcome: 'FAILED', error: { code: 'BUSY' } },
    ],
  })
  const times = data.task.attempts.flatMap(({ startedAt, finishedAt }) => [startedAt, finishedAt])
  expect(times).toEqual([...times].sort())
  expect(times.every((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time))).toBe(true)
})
