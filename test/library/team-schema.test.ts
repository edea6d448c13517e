import { mergeSchemas } from '@graphql-tools/schema'
import { buildSchema, parse } from 'graphql'
import { createTidings } from 'tidings'
import { expect, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'
import { checkTeamSchema } from '../../src/library/team-schema.ts'
import { createPlans } from '../../src/live/execute/plan.ts'
import { isOwnField } from '../../src/live/execute/topic-field.ts'

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

test('a schema without the subscriptions of Tidings is refused at start', async () => {
  expect(() => checkTeamSchema(schema)).not.toThrow()
  const schemaOfOthers = buildSchema('type Query { a: Int } type Subscription { taskProgress: Int }')
  await using tidings = createTidings({ tasks: [exportReport] })
  await expect(tidings.listen({ port: 0, schema: schemaOfOthers, worker: false })).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
    message: expect.stringContaining('The schema has no subscription of Tidings'),
  })
})
