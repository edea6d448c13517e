import { mergeSchemas } from '@graphql-tools/schema'
import { buildSchema, parse } from 'graphql'
import { createTidings } from 'tidings'
import { expect, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'
import { checkTeamSchema } from '../../src/library/team-schema.ts'
import { createPlans } from '../../src/live/execute/plan.ts'
import { isOwnField } from '../../src/live/execute/topic-field.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { request } from '../support/foreign-client.ts'

const { schema: ownSchema } = createTidings({ tasks: [exportReport] })
const schema = mergeSchemas({
  schemas: [ownSchema],
  typeDefs: 'type Report { title: String } extend type Task { report: Report }',
})

test.each([
  ['only fields of Tidings', '__typename progress { percent } ... on TaskCompleted { task { id } }', true],
  ['a field that depends on the viewer', '... on TaskCompleted { task { input } }', false],
  ['a field of the team', '... on TaskCompleted { task { report { title } } }', false],
])('in a merged schema, a subscription that selects %s is shared: %o', (_, selection, expected) => {
  const document = parse(`subscription { taskProgress(taskId: "task_1") { ${selection} } }`)
  const operation = createPlans(schema, isOwnField).read({ schema, document }, false)
  expect(operation).toMatchObject({ isShared: expected })
})

test('a served schema has fields for anonymous callers, and owners of tasks that its team names', async () => {
  await using database = await createTestDatabase()
  await using tidings = createTidings({
    tasks: [exportReport],
    databaseUrl: database.url,
    logger: silentLogger,
    authenticate: ({ headers }) => (typeof headers['x-user'] === 'string' ? { userId: headers['x-user'] } : null),
  })
  interface Context {
    readonly organization: string | null
  }
  const { url } = await tidings.listen({
    port: 0,
    worker: false,
    schema: mergeSchemas({
      schemas: [tidings.schema],
      typeDefs: 'extend type Query { news: String, organization: String }',
      resolvers: {
        Query: {
          news: { resolve: () => 'Owls', extensions: { withoutToken: true } },
          organization: (_: unknown, __: unknown, { organization }: Context) => organization,
        },
      },
    }),
    context: (viewer): Context => ({ organization: viewer === null ? null : `org_of_${viewer.userId}` }),
    viewer: ({ organization }: Context) => (organization === null ? null : { userId: organization }),
  })
  expect(await request(url, '{ news }')).toEqual({ news: 'Owls' })
  await expect(request(url, '{ news organization }')).rejects.toThrow('UNAUTHENTICATED')
  const ada = { 'x-user': 'ada' }
  const start = 'mutation { exportReport(input: { reportId: "r" }) { ... on ExportReportSuccess { task { id } } } }'
  const { exportReport: started } = (await request(url, start, ada)) as { exportReport: { task: { id: string } } }
  const { rows } = await database.database.pool.query('select owner from tidings.task where id = $1', [started.task.id])
  expect(rows).toEqual([{ owner: 'org_of_ada' }])
  expect(await request(url, '{ organization tasks { nodes { kind } } }', ada)).toEqual({
    organization: 'org_of_ada',
    tasks: { nodes: [{ kind: 'EXPORT_REPORT' }] },
  })
})

test('a schema without the subscriptions of Tidings is refused at start', async () => {
  expect(() => checkTeamSchema(schema)).not.toThrow()
  const schemaOfOthers = buildSchema('type Query { a: Int } type Subscription { taskProgress: Int }')
  await using tidings = createTidings({ tasks: [exportReport] })
  await expect(tidings.listen({ port: 0, schema: schemaOfOthers, worker: false })).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
    message: expect.stringContaining('The schema has no subscription of Tidings'),
  })
})
