import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { selfTestKind } from '../../../src/studio/self-test/self-test.ts'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { startApi } from '../../support/api.ts'

const busy = createTaskDefinition({
  kind: selfTestKind,
  attempts: 2,
  input: z.object({}),
  // biome-ignore lint/correctness/useYield: it does not come so far
  async *run() {
    throw new RetryableError('BUSY', 'The service is busy', { retryAfterMs: 60_000 })
  },
}) as unknown as TaskDefinition

test('a late subscriber of a task that waits for its next attempt receives its time, and none once it no longer waits', async () => {
  await using api = await startApi({}, [busy])
  const { task } = await api.engine.tasks.start({ kind: selfTestKind, input: {}, owner: localDeveloper.userId })
  const event = await api.event(task, 'TaskRetrying')
  const ask = async (): Promise<{ status: string; nextAttemptAt: string | null }> => {
    const data: { task: { status: string; nextAttemptAt: string | null } } = await api.run(
      'query ($id: ID!) { task(id: $id) { status nextAttemptAt } }',
      { id: task.id },
    )
    return data.task
  }
  const { status, nextAttemptAt } = await ask()
  expect(status).toBe('RETRYING')
  // The clocks of the worker and of the database, and the latency between them.
  expect(Math.abs(Date.parse(nextAttemptAt ?? '') - Date.parse(String(event.payload['nextAttemptAt'])))).toBeLessThan(
    5_000,
  )
  const snapshots = api.watch(
    'subscription ($id: ID!) { taskProgress(taskId: $id) { ... on TaskSnapshot { task { nextAttemptAt } } } }',
    { id: task.id },
    { catchUp: true },
  )
  expect(await Array.fromAsync(snapshots)).toEqual([{ taskProgress: { task: { nextAttemptAt } } }])
  await api.run('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', { id: task.id })
  await vi.waitFor(async () => expect(await ask()).toEqual({ status: 'CANCELED', nextAttemptAt: null }))
})
