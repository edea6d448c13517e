import { readFile } from 'node:fs/promises'
import { buildSchema, concatAST, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { selectTaskResult } from '../../../codegen.ts'
import { addCoreTypes, createBuilder } from '../../../schema/index.ts'
import { addDefinedKinds } from '../../../schema/task/defined-kinds.ts'
import { defineTask } from '../../../src/library/define-task.ts'
import { stage } from '../../../src/tasks/model/report.ts'

const client = new URL('../../../client/', import.meta.url)
const files = ['documents/task.graphql', 'apps/task.graphql'].map((name) => readFile(new URL(name, client), 'utf8'))
const coreDocuments = parse((await Promise.all(files)).join(''))

test('the documents of the core client are valid for a schema without the applications', () => {
  const exportReport = defineTask({
    kind: 'EXPORT_REPORT',
    input: z.object({ reportId: z.string() }),
    result: z.object({ url: z.url(), pages: z.int() }),
    async *run() {
      yield stage('rendering')
      return await Promise.resolve({ url: 'https://files.test/1', pages: 2 })
    },
  })
  const builder = createBuilder()
  addDefinedKinds(addCoreTypes(builder), [exportReport])
  const schema = builder.toSchema()
  const fragment = selectTaskResult(schema, [])
  expect(fragment).toMatch(/^fragment TaskResultFields on TaskResult \{ __typename \.\.\. on \w+ \{ pages url \} \}$/)
  expect(validate(schema, concatAST([coreDocuments, parse(fragment)]))).toEqual([])
})

test('the result of a task is selected by the fragment of an application, where there is one', () => {
  const schema = buildSchema(`
    type Query { task: TaskResult }
    union TaskResult = Counted | Made
    type Counted { count: Int!, label: [String!]! }
    type Made { id: ID!, thing: Counted }
  `)
  expect(selectTaskResult(schema, [parse('fragment MadeFields on Made { thing { count } }')])).toBe(
    'fragment TaskResultFields on TaskResult { __typename ... on Counted { count label } ...MadeFields }',
  )
})
