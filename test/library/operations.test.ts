import { coerceInputValue, type GraphQLInputType, parse, typeFromAST, validate } from 'graphql'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { exportReport } from '../../examples/http/tasks.ts'
import { createTidings, defineTask, stage } from '../../src/index.ts'
import { writeOperations } from '../../src/library/operations.ts'

const node = z.object({
  name: z.string(),
  get children() {
    return z.array(node)
  },
})
const nested = defineTask({
  kind: 'BUILD_TREE',
  input: z.object({
    depth: z.int(),
    at: z.iso.datetime(),
    mode: z.enum(['wide', 'deep']),
    root: z.object({ name: z.string(), isOpen: z.boolean(), note: z.string().optional() }),
    source: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('file'), path: z.string() }),
      z.object({ kind: z.literal('text'), text: z.string() }),
    ]),
    labels: z.array(z.string()),
  }),
  result: z.object({
    root: node,
    outcome: z.discriminatedUnion('is', [
      z.object({ is: z.literal('small'), count: z.int() }),
      z.object({ is: z.literal('large'), size: z.number() }),
    ]),
  }),
  async *run() {
    yield stage('building')
    return await Promise.resolve({ root: { name: '', children: [] }, outcome: { is: 'small' as const, count: 1 } })
  },
})
const silent = defineTask({
  kind: 'SEND_MAIL',
  input: z.object({}),
  async *run() {
    yield stage('sending')
  },
})

test.each([
  ['results and errors', [exportReport, nested, silent], 4],
  ['neither', [silent], 2],
])('writes valid operations with valid variables for kinds with %s', (_, tasks, count) => {
  const { schema } = createTidings({ tasks })
  const operations = writeOperations(schema, tasks)
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
  const [start, watch] = writeOperations(schema, [exportReport])
  expect(JSON.parse(start?.variables ?? '')).toEqual({ input: { reportId: '' } })
  expect(watch?.query).toContain('result { __typename ... on ExportReportOutput { url pages } }')
  expect(watch?.query).toContain('details { __typename ... on ExportReportQuotaError { resetsAt } }')
})
