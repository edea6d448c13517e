import { coerceInputValue, type GraphQLInputType, parse, typeFromAST, validate } from 'graphql'
import { expect, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'
import { createTidings } from '../../src/index.ts'
import { writeOperations } from '../../src/library/operations.ts'
import { buildTree, sendMail } from './kinds.ts'

test.each([
  ['results and errors', [exportReport, buildTree, sendMail], 4],
  ['neither', [sendMail], 2],
])('writes valid operations with valid variables for kinds with %s', (_, tasks, count) => {
  const { schema } = createTidings({ tasks })
  const operations = writeOperations(schema)
  expect(operations).toHaveLength(count)
  for (const { query, variables } of operations) {
    const document = parse(query)
    expect(validate(schema, document), query).toEqual([])
    const values = JSON.parse(variables) as Readonly<Record<string, unknown>>
    for (const definition of document.definitions)
      for (const { variable, type } of 'variableDefinitions' in definition
        ? (definition.variableDefinitions ?? [])
        : [])
        if (variable.name.value in values)
          coerceInputValue(
            values[variable.name.value],
            typeFromAST(schema, type as never) as unknown as GraphQLInputType,
            (_path, invalid, error) => expect.fail(`${JSON.stringify(invalid)}: ${error.message}`),
          )
  }
})

test('selects the fields of results and of the details of errors', () => {
  const { schema } = createTidings({ tasks: [exportReport] })
  const [start, watch] = writeOperations(schema)
  expect(JSON.parse(start?.variables ?? '')).toEqual({ input: { reportId: '' } })
  expect(watch?.query).toContain('result { __typename ... on ExportReportOutput { url pages } }')
  expect(watch?.query).toContain('details { __typename ... on ExportReportQuotaError { resetsAt } }')
})
