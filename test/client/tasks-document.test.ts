import { createTidings, defineTask, stage } from 'tidings'
import { createTidingsClient, type GeneratedKind, tasksDocument } from 'tidings/client'
import { expect, expectTypeOf, test, vi } from 'vitest'
import { z } from 'zod'
import { exportReport } from '../../examples/http/tasks.ts'
import * as page from '../../examples/react/tidings.gen.ts'
import { createTestDatabase } from '../support/database.ts'

const sendMail = defineTask({
  kind: 'SEND_MAIL',
  input: z.object({}),
  async *run() {
    yield stage('sending')
  },
})
const sendMailOfPage: GeneratedKind<'SEND_MAIL', object, null> = {
  kind: 'SEND_MAIL',
  mutation: 'sendMail',
  inputType: 'SendMailInput!',
  successType: 'SendMailSuccess',
  result: null,
  details: null,
}

test('a list of several kinds has the result and the error of each, also of kinds that no longer exist', async () => {
  await using database = await createTestDatabase()
  await using tidings = createTidings({
    tasks: [exportReport, sendMail],
    databaseUrl: database.url,
    logLevel: 'silent',
  })
  const { url } = await tidings.listen({ port: 0 })
  await using client = createTidingsClient({ url: `${url}/graphql` })
  const owner = 'local-developer'
  await tidings.start(exportReport, { reportId: 'report_1', pages: 1 }, { owner })
  await tidings.start(exportReport, { reportId: 'report_2', pages: 101 }, { owner })
  await tidings.start(sendMail, {}, { owner })
  await database.database.pool.query(`select tidings.start_task('REMOVED', '{}', $1)`, [owner])

  const query = tasksDocument([page.exportReport, sendMailOfPage])
  const list = async (variables = {}) => {
    const { data, error } = await client.urql.query(query, variables, { requestPolicy: 'network-only' }).toPromise()
    if (data === undefined) throw error
    return data.tasks
  }
  await vi.waitFor(async () =>
    expect((await list()).nodes.map(({ status }) => status)).toEqual(['QUEUED', 'COMPLETED', 'FAILED', 'COMPLETED']),
  )
  const { nodes } = await list()
  const texts = nodes.map((task) => {
    if (task.kind === 'UNKNOWN') return task.kindName
    if (task.kind === 'SEND_MAIL') {
      expectTypeOf(task.result).toEqualTypeOf<null>()
      return task.status
    }
    if (task.status === 'COMPLETED') return task.result?.url
    return task.status === 'FAILED' && task.error.code === 'QUOTA' ? task.error.details?.resetsAt : task.status
  })
  expect(texts).toEqual(['REMOVED', 'COMPLETED', '2030-01-01T00:00:00Z', 'https://files.example.com/report_1.pdf'])
  const { pageInfo, nodes: failed } = await list({ first: 1, status: ['FAILED'] })
  expect([failed.length, failed[0]?.status, pageInfo.hasNextPage]).toEqual([1, 'FAILED', false])
})
