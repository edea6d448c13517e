import { createTestTidings, type TestTidings } from 'tidings/testing'
import { replay } from 'tidings/testing/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { exportReport as exportReportTask } from '../../examples/http/tasks.ts'
import { exportReport } from '../../examples/react/tidings.gen.ts'
import { hangMs } from '../support/patience.ts'

const undo = new AsyncDisposableStack()
let tidings: TestTidings
beforeAll(async () => {
  const options = { tasks: [exportReportTask], databaseUrl: inject('templateUrl'), waitMs: hangMs }
  tidings = undo.use(await createTestTidings(options))
})
afterAll(() => undo.disposeAsync())

test('a recorded task is replayed event by event, with the types of its kind', async () => {
  const id = await tidings.start(exportReportTask, { reportId: 'report_1', pages: 101 })
  await tidings.until(id, 'FAILED')
  // As a test reads it from a file.
  const recording = JSON.parse(JSON.stringify(await tidings.record(id)))
  expect(recording.events.map(({ __typename }: { __typename: string }) => __typename)).toEqual(
    (await tidings.events(id)).map(({ type }) => type),
  )
  await using replayed = replay(recording)
  expect(replayed.taskId).toBe(id)
  const states = replayed.client.watchTask(exportReport, id).states()[Symbol.asyncIterator]()
  const { value: waiting } = await states.next()
  expect(waiting).toMatchObject({ kind: 'EXPORT_REPORT', status: 'QUEUED', maxAttempts: 3, error: null, seq: 1 })
  expect(replayed.next()?.__typename).toBe('TaskStarted')
  const { value: running } = await states.next()
  expect(running).toMatchObject({ status: 'RUNNING', seq: 2 })
  replayed.play()
  let last = running
  for (let step = await states.next(); step.done !== true; step = await states.next()) last = step.value
  if (last?.status !== 'FAILED' || last.error.code !== 'QUOTA') throw new Error('The task has another state')
  const resetsAt: string | undefined = last.error.details?.resetsAt
  expect(resetsAt).toBe('2030-01-01T00:00:00Z')
  expect(replayed.next()).toBeNull()

  // Another subscriber receives all that has happened, or what follows its cursor.
  const types = async (options: object) => {
    const events = await Array.fromAsync(replayed.client.watchTask(id, options))
    return events.map(({ __typename }) => __typename)
  }
  const all = recording.events.map(({ __typename }: { __typename: string }) => __typename)
  expect(await types({ fromStart: true })).toEqual(all)
  expect(await types({})).toEqual(['TaskSnapshot', ...all.slice(1)])
  expect(await types({ after: recording.events[1].cursor })).toEqual(all.slice(2))
  await expect(types.call(null, {}).then(() => Array.fromAsync(replayed.client.watchTask('task_2')))).rejects.toThrow(
    `The recording has the task "${id}" only`,
  )
  const { error } = await replayed.client.urql.query('{ __typename }', {}).toPromise()
  expect(error?.message).toContain('A replayed task has no server')
  expect(() => replay({ ...recording, version: 0 })).toThrow(TypeError)
})

test('a task whose events were deleted is replayed as its last state', async () => {
  const id = await tidings.start(exportReportTask, { reportId: 'report_1', pages: 1 })
  await tidings.until(id, 'COMPLETED')
  await tidings.advance(8 * 24 * 3_600_000)
  const recording = await tidings.record(id)
  expect(recording.events).toEqual([])
  await using replayed = replay(recording)
  const states = await Array.fromAsync(replayed.client.watchTask(exportReport, id).states())
  expect(states).toMatchObject([{ status: 'COMPLETED', result: { pages: 1 }, progress: { percent: 100 } }])
})
