import { createTestTidings } from 'tidings/testing'
import { expect, inject, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'

test('a viewer that authenticate scopes to a task may see that task and nothing else', async () => {
  await using tidings = await createTestTidings({ tasks: [exportReport], databaseUrl: inject('templateUrl') })
  const [id, other] = [
    await tidings.start(exportReport, { reportId: 'report_1', pages: 1 }, { owner: 'ada' }),
    await tidings.start(exportReport, { reportId: 'report_2', pages: 1 }, { owner: 'ada' }),
  ]
  const query = 'query ($id: ID!) { task(id: $id) { id } }'
  const read = (taskId: string, tasks: readonly string[] | null, userId = 'ada') =>
    tidings.execute(query, { id: taskId }, { viewer: { userId, tasks } })
  expect(await read(id, [id])).toEqual({ data: { task: { id } } })
  expect(await read(other, [id])).toEqual({ data: { task: null } })
  expect(await read(other, null)).toEqual({ data: { task: { id: other } } })
  // The scope gives no permission that the user does not have.
  expect(await read(id, [id], 'grace')).toEqual({ data: { task: null } })
  expect(await read(id, [])).toEqual({ data: { task: null } })
  const start = 'mutation { exportReport(input: { reportId: "report_3" }) { __typename } }'
  const { errors } = await tidings.execute(start, {}, { viewer: { userId: 'ada', tasks: [id] } })
  expect(errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN')
})
