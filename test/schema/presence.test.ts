import { parse } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContext, schema } from '../../schema/studio/index.ts'
import { taskTopic } from '../../src/tasks/model/task.ts'
import { type LiveFixture, startLive, watchQuery } from '../live/support.ts'
import { eventually } from '../log/support.ts'
import { viewerOf } from '../support/api.ts'

let fixture: LiveFixture
beforeAll(async () => {
  fixture = await startLive()
})
afterAll(() => fixture[Symbol.asyncDispose]())

test('a subscriber of a task is present until its last subscription ends', async () => {
  const task = await fixture.createTask()
  const { presence } = fixture.engine
  const [one, two] = [await fixture.subscribe(task), await fixture.subscribe(task)]
  await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual(['u_1']))
  one.leave()
  // Happens after it, and is written with it or later.
  const leaveToo = presence.enter(taskTopic(task.id), 'u_2')
  await eventually(async () => expect(await presence.of(taskTopic(task.id))).toContain('u_2'))
  expect(await presence.of(taskTopic(task.id))).toEqual(['u_1', 'u_2'])
  two.leave()
  leaveToo()
  await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual([]))
})

test('presence at a task is cleared when the task has ended', async () => {
  const task = await fixture.createTask()
  const { presence } = fixture.engine
  const { ended } = await fixture.subscribe(task)
  await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual(['u_1']))
  await fixture.complete(task)
  await ended
  await eventually(async () => expect(await presence.of(taskTopic(task.id))).toEqual([]))
  expect(presence.size.here).toBe(0)
})

test('a polling client is present from one request to the next', async () => {
  const task = await fixture.createTask()
  const polled = await fixture.live.subscribe({
    schema,
    document: parse(watchQuery),
    contextValue: createContext(fixture.services, viewerOf('u_1'), { catchUp: true }),
    variableValues: { id: task.id },
  })
  if (!(Symbol.asyncIterator in polled)) throw new Error('It did not subscribe')
  expect(await Array.fromAsync(polled)).toHaveLength(1)
  await eventually(async () => expect(await fixture.engine.presence.of(taskTopic(task.id))).toEqual(['u_1']))
})
