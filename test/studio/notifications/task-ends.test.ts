import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { silentLogger } from '../../../src/logger.ts'
import { createNotifications } from '../../../src/studio/notifications/notifications.ts'
import { createEndNotices } from '../../../src/studio/notifications/task-ends.ts'
import type { EngineConfig } from '../../../src/tasks/engine.ts'
import type { CompletionHook } from '../../../src/tasks/model/completion-hooks.ts'
import { FinalError } from '../../../src/tasks/model/failure.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import { maxLosses, taskTopic } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { eventually } from '../../log/support.ts'
import { type EngineFixture, startTestEngine } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'
import { createSteadyKind } from '../../support/test-kinds.ts'
import { startWorkerProcess } from '../../support/worker.ts'

let go = Promise.withResolvers<void>()
/** A kind that waits for the test, then ends as configured. */
const definition = createTaskDefinition({
  kind: 'BAKE_BREAD',
  input: z.object({ fails: z.boolean().default(false) }),
  attempts: 1,
  async *run({ input }) {
    yield advance({ message: 'baking' })
    await go.promise
    if (input.fails) throw new FinalError('BURNT', 'It was burnt.', { advice: 'Bake another one.' })
    return {}
  },
}) as TaskDefinition

interface Log {
  readonly database: EngineFixture['database']
  readonly appender: EngineFixture['engine']['appender']
  readonly presence: EngineFixture['engine']['presence']
}
const createAtEnd = ({ presence, ...log }: Log): CompletionHook =>
  createEndNotices({ notifications: createNotifications(log), presence, logger: silentLogger })
const start = (
  kind: TaskDefinition = definition,
  options: { on?: EngineFixture['test']; redisUrl?: string; config?: Partial<EngineConfig> } = {},
): Promise<EngineFixture> => startTestEngine({ definitions: [kind], createAtEnd, ...options })

const inboxOf = async ({ engine }: EngineFixture, userId = 'u_1'): Promise<readonly unknown[]> => {
  const rows = await createNotifications(engine).list({ userId, limit: 100 })
  return rows.map(({ level, title, message, aboutId }) => ({ level, title, message, aboutId }))
}

describe('a task that ends without a subscriber', () => {
  test('leaves one notification for its owner, as text, with the reason and the advice when it failed', async () => {
    await using fixture = await start()
    go.resolve()
    const [task] = [await fixture.start('BAKE_BREAD')]
    await fixture.history(task)
    const failed = await fixture.start('BAKE_BREAD', { input: { fails: true } })
    await fixture.history(failed)
    expect(await inboxOf(fixture)).toEqual([
      {
        level: 'ERROR',
        title: 'Bake bread failed',
        message: 'It was burnt. Bake another one.',
        aboutId: failed.id,
      },
      { level: 'SUCCESS', title: 'Bake bread is done', message: null, aboutId: task.id },
    ])
    expect(await inboxOf(fixture, 'somebody else')).toEqual([])
  })

  test('uses the text of its kind, or leaves none when the kind returns null', async () => {
    go.resolve()
    await using fixture = await start({
      ...definition,
      announce: async (_client, input, { status }) =>
        (input as { fails: boolean }).fails ? null : { title: `Bread: ${status}`, isPartial: true, aboutId: 'bread_1' },
    })
    await fixture.run('BAKE_BREAD')
    await fixture.run('BAKE_BREAD', { input: { fails: true } })
    expect(await inboxOf(fixture)).toEqual([
      { level: 'WARNING', title: 'Bread: COMPLETED', message: null, aboutId: 'bread_1' },
    ])
  })

  test('leaves none when its owner canceled it', async () => {
    go = Promise.withResolvers()
    await using fixture = await start()
    const task = await fixture.start('BAKE_BREAD')
    await fixture.event(task, 'TaskAdvanced')
    await fixture.engine.tasks.cancel(task.id)
    go.resolve()
    expect(await inboxOf(fixture)).toEqual([])
  })
})

describe('presence', () => {
  test('counts on any server, and only for the owner', async () => {
    await using redis = await startRedis()
    await using fixture = await start(definition, { redisUrl: redis.url })
    await using other = await start(definition, { on: fixture.test, redisUrl: redis.url, config: { ROLE: 'server' } })
    const endWatchedBy = async (userId: string): Promise<void> => {
      go = Promise.withResolvers()
      const task = await fixture.start('BAKE_BREAD')
      const leave = other.engine.presence.enter(taskTopic(task.id), userId)
      await eventually(async () => expect(await fixture.engine.presence.of(taskTopic(task.id))).toEqual([userId]))
      go.resolve()
      await fixture.history(task)
      leave()
    }
    await endWatchedBy('u_1')
    expect(await inboxOf(fixture)).toEqual([])
    await endWatchedBy('a friend')
    expect(await inboxOf(fixture)).toHaveLength(1)
  })

  test('does not count any more when the owner has unsubscribed', async () => {
    go = Promise.withResolvers()
    await using fixture = await start()
    const { presence } = fixture.engine
    const task = await fixture.start('BAKE_BREAD')
    const leave = presence.enter(taskTopic(task.id), 'u_1')
    await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual(['u_1']))
    leave()
    await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual([]))
    go.resolve()
    await fixture.history(task)
    expect(await inboxOf(fixture)).toHaveLength(1)
  })
})

test('a task with a killed worker leaves one notification, for any number of sweepers', async () => {
  await using redis = await startRedis()
  const steady = createSteadyKind(undefined, 1)
  await using fixture = await start(steady, { redisUrl: redis.url, config: { ROLE: 'server' } })
  await using child = await startWorkerProcess(fixture.test.url, redis.url, { attempts: 1 })
  const task = await fixture.start('STEADY', { input: { finishFrom: 9 } })
  await fixture.event(task, 'TaskAdvanced')
  // As if it had all but one of its allowed losses.
  const loss = { attempt: 0, startedAt: new Date().toISOString(), outcome: 'WORKER_LOST' }
  const losses = JSON.stringify(Array.from({ length: maxLosses - 1 }, () => loss))
  await fixture.database.pool.query('update tidings.task set attempts = $2::jsonb || attempts where id = $1', [
    task.id,
    losses,
  ])
  child.kill('SIGKILL')
  await child.ended
  const sweeping = () => start(steady, { on: fixture.test, redisUrl: redis.url })
  await using _one = await sweeping()
  await using _two = await sweeping()
  await using _three = await sweeping()
  const events = await fixture.history(task)
  expect(events.at(-1)?.type).toBe('TaskFailed')
  expect(await inboxOf(fixture)).toMatchObject([{ level: 'ERROR', title: 'Steady failed', aboutId: task.id }])
})
