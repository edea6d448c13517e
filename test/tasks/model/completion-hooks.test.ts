import { expect, test } from 'vitest'
import { z } from 'zod'
import { afterCommit } from '../../../src/db/connect.ts'
import { createTopic } from '../../../src/log/topic.ts'
import type { CompletionHook } from '../../../src/tasks/model/completion-hooks.ts'
import { FinalError } from '../../../src/tasks/model/failure.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { type EngineFixture, startTestEngine } from '../../support/engine.ts'

/** A kind that completes, fails or runs forever. */
const definition = createTaskDefinition({
  kind: 'K',
  input: z.object({ does: z.enum(['complete', 'fail', 'wait']) }),
  attempts: 1,
  async *run({ input }) {
    yield advance({ message: 'running' })
    if (input.does === 'fail') throw new FinalError('NO', 'No.')
    if (input.does === 'wait') await new Promise(() => undefined)
    return { number: 1 }
  },
}) as TaskDefinition

const note: CompletionHook =
  async ({ task, ending: { status, result, error } }) =>
  async (client) => {
    await client.query('insert into noted values ($1, $2, $3, $4)', [
      task.id,
      status,
      JSON.stringify(result),
      error?.code ?? null,
    ])
  }
async function start(completionHook: CompletionHook, kind = definition): Promise<EngineFixture> {
  const fixture = await startTestEngine({ definitions: [kind], createAtEnd: () => completionHook })
  await fixture.database.pool.query('create table noted (task text, status text, result text, code text)')
  return fixture
}
const noted = async ({ database }: EngineFixture): Promise<readonly unknown[]> =>
  (await database.pool.query('select status, result, code from noted order by 1')).rows

test('the completion hook runs at the end of every task with its outcome: completed, failed, canceled', async () => {
  await using fixture = await start(note)
  await fixture.run('K', { input: { does: 'complete' } })
  await fixture.run('K', { input: { does: 'fail' } })
  const waiting = await fixture.start('K', { input: { does: 'wait' } })
  await fixture.event(waiting, 'TaskAdvanced')
  await fixture.engine.tasks.cancel(waiting.id)
  expect(await noted(fixture)).toEqual([
    { status: 'CANCELED', result: 'null', code: null },
    { status: 'COMPLETED', result: '{"number":1}', code: null },
    { status: 'FAILED', result: 'null', code: 'NO' },
  ])
})

test('the completion hook leaves nothing when the task ends in another way at the last moment', async () => {
  let cancel: () => Promise<unknown> = () => Promise.resolve()
  await using fixture = await start(async (ended) => {
    // Between the call of the hook and the terminal transaction, the owner cancels.
    if (ended.ending.status === 'COMPLETED') await cancel()
    return note(ended)
  })
  const task = await fixture.start('K', { input: { does: 'complete' } })
  cancel = () => fixture.engine.tasks.cancel(task.id)
  await fixture.history(task)
  // The worker has noticed by the time it takes the next one.
  await fixture.run('K', { input: { does: 'fail' } })
  expect(await noted(fixture)).toEqual([
    { status: 'CANCELED', result: 'null', code: null },
    { status: 'FAILED', result: 'null', code: 'NO' },
  ])
})

test('a failing completion hook does not keep a task from ending, and its writes are rolled back', async () => {
  const broken: CompletionHook = async (ended) => {
    if (ended.ending.status === 'FAILED') throw new Error('before')
    const commit = await note(ended)
    return async (client) => {
      await commit?.(client)
      await client.query('select 1 / 0')
    }
  }
  await using fixture = await start(broken)
  const completed = await fixture.run('K', { input: { does: 'complete' } })
  expect(completed.at(-1)?.type).toBe('TaskCompleted')
  const failed = await fixture.run('K', { input: { does: 'fail' } })
  expect(failed.at(-1)?.type).toBe('TaskFailed')
  expect(await noted(fixture)).toEqual([])
})

test('the completion hook also runs for a task that its application cannot settle', async () => {
  await using fixture = await start(note, { ...definition, settle: () => Promise.reject(new Error('no')) })
  await fixture.run('K', { input: { does: 'fail' } })
  expect(await noted(fixture)).toEqual([{ status: 'FAILED', result: 'null', code: 'NO' }])
})

test('events appended to other topics by the completion hook are published when the task has ended', async () => {
  await using fixture = await startTestEngine({
    definitions: [definition],
    createAtEnd:
      ({ appender }) =>
      async () =>
      async (client) => {
        await createTopic(client, 'noted')
        const result = await appender.appendIn(client, { topic: 'noted', events: [{ type: 'Noted', payload: {} }] })
        afterCommit(client, () => {
          if (result.accepted) appender.publish(result.events, result.epoch)
        })
      },
  })
  const heard = Promise.withResolvers<unknown>()
  await using _listening = { [Symbol.asyncDispose]: () => subscription.close() }
  const subscription = fixture.engine.bus.subscribe('noted', heard.resolve)
  await subscription.ready
  await fixture.run('K', { input: { does: 'complete' } })
  expect(await heard.promise).toMatchObject([{ topic: 'noted', seq: 1, type: 'Noted' }])
})
