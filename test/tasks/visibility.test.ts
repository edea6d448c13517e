import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { TidingsError } from '../../src/errors.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import { createTaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { viewerOf } from '../support/api.ts'
import { type EngineFixture, startTestEngine } from '../support/engine.ts'
import { startRedis } from '../support/redis.ts'

/**
 * The users that may watch each task of this test's kind; in production, the application's own
 * table.
 */
const readers = new Set<string>()
let questions = 0
const shared = createTaskDefinition({
  kind: 'SHARED',
  input: z.object({}),
  begin: async () => ({ subject: 'thing_1' }),
  mayWatch: async (_, asked) => {
    questions += 1
    return asked.map(([subject, userId]) => readers.has(`${subject} ${userId}`))
  },
  async *run({ signal }) {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    return {}
  },
})

let fixture: EngineFixture
let task: Task
beforeEach(async () => {
  readers.clear()
  fixture = await startTestEngine({ definitions: [shared], config: { CHECK_MS: 60_000 } })
  task = await fixture.start('SHARED')
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('access to a task', () => {
  test('is for its owner and the users permitted by its kind', async () => {
    const { visibility } = fixture.engine
    readers.add('thing_1 u_2')
    expect(await visibility.maySee(viewerOf('u_1'), task)).toBe(true)
    expect(await visibility.maySee(viewerOf('u_2'), task)).toBe(true)
    expect(await visibility.maySee(viewerOf('u_3'), task)).toBe(false)
    expect(await visibility.maySee(viewerOf('u_2'), { ...task, subject: 'thing_2' })).toBe(false)
  })

  test('with a scoped token covers the tasks it names and those about a subject it names, and cancels nothing else', async () => {
    const { visibility } = fixture.engine
    readers.add('thing_1 u_2')
    const limits: [Parameters<typeof viewerOf>[1], boolean][] = [
      [{ taskIds: [task.id] }, true],
      [{ taskIds: ['task_other'] }, false],
      [{ taskIds: [] }, false],
      [{ sessionIds: ['thing_1'] }, true],
      [{ sessionIds: ['thing_2'] }, false],
      [{ sessionIds: [task.id] }, false],
      [{ taskIds: ['task_other'], sessionIds: ['thing_1'] }, true],
      [{ taskIds: [task.id], sessionIds: [] }, true],
      [{ taskIds: [], sessionIds: [] }, false],
    ]
    for (const [limit, isAllowed] of limits) {
      for (const userId of ['u_1', 'u_2'])
        expect(await visibility.maySee(viewerOf(userId, limit), task), JSON.stringify(limit)).toBe(isAllowed)
      expect(await visibility.mayCancel(viewerOf('u_1', limit), task), JSON.stringify(limit)).toBe(isAllowed)
      expect(await visibility.maySee(viewerOf('u_3', limit), task)).toBe(false)
    }
  })

  test('is checked again for subscribers after it has changed', async () => {
    const { visibility } = fixture.engine
    readers.add('thing_1 u_2').add('thing_1 u_3')
    const revoked: string[] = []
    const stops = ['u_2', 'u_3', 'u_3'].map((id) =>
      visibility.guard(viewerOf(id), task)?.((error: TidingsError) => revoked.push(`${id} ${error.code}`)),
    )
    stops[2]?.()
    readers.clear()
    visibility.changed('thing_2')
    visibility.changed('thing_1')
    await vi.waitFor(() => expect(revoked).toEqual(['u_2 FORBIDDEN', 'u_3 FORBIDDEN']))
    expect(visibility.size).toBe(0)
  })

  test('is checked once for any number of subscribers', async () => {
    const { visibility } = fixture.engine
    const watchers = Array.from({ length: 200 }, (_, index) => `u_${index + 2}`)
    for (const id of watchers) readers.add(`thing_1 ${id}`)
    const revoked: string[] = []
    for (const id of watchers) visibility.guard(viewerOf(id), task)?.(() => revoked.push(id))
    // The checks made at the start of each subscription are over before the count begins.
    await visibility.maySee(viewerOf('u_2'), task)
    questions = 0
    readers.delete('thing_1 u_9')
    visibility.changed('thing_1')
    await vi.waitFor(() => expect(revoked).toEqual(['u_9']))
    // Once for the change itself, and once for its echo on the bus.
    expect(questions).toBeLessThanOrEqual(2)
  })

  test('is checked once more for a new subscriber: it may have changed since', async () => {
    const revoked = await new Promise<TidingsError>((resolve) => {
      fixture.engine.visibility.guard(viewerOf('u_2'), task)?.(resolve)
    })
    expect(revoked.code).toBe('FORBIDDEN')
  })

  test('is never in doubt for owners', () => {
    expect(fixture.engine.visibility.guard(viewerOf('u_1'), task)).toBeUndefined()
  })

  test('changes without the bus at the next check', async () => {
    await using other = await startTestEngine({ definitions: [shared], on: fixture.test, config: { CHECK_MS: 50 } })
    readers.add('thing_1 u_2')
    const revoked = new Promise((resolve) => {
      other.engine.visibility.guard(viewerOf('u_2'), task)?.(resolve)
    })
    readers.clear()
    await revoked
  })

  test('changes are published to the other processes', async () => {
    await using redis = await startRedis()
    const options = { definitions: [shared], on: fixture.test, redisUrl: redis.url, config: { CHECK_MS: 60_000 } }
    await using one = await startTestEngine(options)
    await using two = await startTestEngine(options)
    readers.add('thing_1 u_2')
    let isRevoked = false
    two.engine.visibility.guard(
      viewerOf('u_2'),
      task,
    )?.(() => {
      isRevoked = true
    })
    readers.clear()
    await vi.waitFor(() => {
      one.engine.visibility.changed('thing_1')
      expect(isRevoked).toBe(true)
    })
  })
})
