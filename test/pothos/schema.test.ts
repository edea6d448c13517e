import SchemaBuilder from '@pothos/core'
import { type GraphQLSchema, lexicographicSortSchema, parse, printSchema, printType, validate } from 'graphql'
import { createTidings, defineTask, stage, viewerOf } from 'tidings'
import { TidingsPlugin, type TidingsPluginOptions } from 'tidings/pothos'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { exportReport } from '../../examples/http/tasks.ts'
import { writeOperations } from '../../src/library/operations.ts'

const convert = defineTask({
  kind: 'CONVERT',
  input: z.object({
    at: z.iso.datetime(),
    tags: z.array(z.string().nullable()).default(['a']),
    source: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('file'), path: z.string() }),
      z.object({ kind: z.literal('text'), text: z.string() }),
    ]),
  }),
  result: z.object({ times: z.array(z.iso.datetime()), size: z.int().nullable() }),
  errors: { BUSY: z.object({ until: z.iso.datetime() }) },
  async *run() {
    yield stage('converting')
    return await Promise.resolve({ times: [], size: null })
  },
})
const tidings = createTidings({ tasks: [exportReport, convert] })

interface Team {
  Context: { readonly mayExport: boolean }
  Scalars: { Date: { Input: Date; Output: Date } }
  Interfaces: { Entity: { readonly id: string } }
}
type TeamTypes = PothosSchemaTypes.ExtendDefaultTypes<Team>

function createBuilder(options: Pick<TidingsPluginOptions<TeamTypes>, 'prefix' | 'types'> = {}) {
  // With the defaults of Pothos, fields are nullable.
  const builder = new SchemaBuilder<Team>({ plugins: [TidingsPlugin], tidings: { instance: tidings, ...options } })
  builder.queryType({ fields: (t) => ({ hello: t.string({ resolve: () => 'Hello' }) }) })
  return builder
}

function start(builder: ReturnType<typeof createBuilder>): GraphQLSchema {
  builder.mutationFields((t) => ({ exportReport: t.startTask(exportReport), convert: t.startTask(convert) }))
  return builder.toSchema()
}

/** The types that are the same in both schemas. */
function printTypes(schema: GraphQLSchema): Readonly<Record<string, string>> {
  const types = Object.values(lexicographicSortSchema(schema).getTypeMap())
  return Object.fromEntries(types.filter(({ name }) => name !== 'Query').map((type) => [type.name, printType(type)]))
}

describe('the schema of a team', () => {
  test('has every type of Tidings as it is, whatever the defaults of the builder are', () => {
    const { Upload: _, ...expected } = printTypes(tidings.schema)
    expect(printTypes(start(createBuilder()))).toEqual(expected)
  })

  test('has only the kinds that a field starts, in fields that the team names', () => {
    const builder = createBuilder()
    builder.mutationField('export', (t) =>
      t.startTask(exportReport, {
        description: 'Exports.',
        authorize(_, { input }, context) {
          expectTypeOf(input).toEqualTypeOf<{ reportId: string; format: 'pdf' | 'csv'; pages: number }>()
          return context.mayExport
        },
      }),
    )
    const schema = builder.toSchema()
    const fields = schema.getMutationType()?.getFields() ?? {}
    expect(Object.keys(fields)).toEqual(['cancelTask', 'deleteTask', 'export', 'retryTask'])
    expect(fields['export']).toMatchObject({ description: 'Exports.', extensions: { kind: 'EXPORT_REPORT' } })
    expect(schema.getType('ConvertInput')).toBeUndefined()
    // A task of the kind may exist.
    expect(schema.getType('ConvertOutput')).toBeDefined()
  })

  test('has a task as a field of a type of the team', () => {
    const builder = createBuilder()
    const report = builder.objectRef<{ readonly taskId: string | null }>('Report').implement({
      fields: (t) => ({ lastExport: t.taskField({ id: ({ taskId }) => taskId, description: 'The last export.' }) }),
    })
    builder.queryField('exportOf', (t) =>
      t.taskField({
        args: { reportId: t.arg.id({ required: true }) },
        id(_, args) {
          expectTypeOf(args.reportId).toEqualTypeOf<string>()
          return args.reportId
        },
      }),
    )
    builder.queryField('report', (t) => t.field({ type: report, resolve: () => ({ taskId: null }) }))
    const schema = builder.toSchema()
    expect(printType(schema.getType('Report') as never)).toContain('lastExport: Task\n')
    expect(printType(schema.getType('Query') as never)).toContain('exportOf(reportId: ID!): Task\n')
    // A field of the team reads the viewer of Tidings.
    expect(viewerOf({})).toBeNull()
  })

  test('has the types and root fields of Tidings with a prefix, and those of the kinds without', () => {
    const builder = createBuilder({ prefix: 'Tidings' })
    builder.objectRef('Task').implement({ fields: (t) => ({ title: t.string({ resolve: () => '' }) }) })
    builder.queryField('task', (t) => t.string({ resolve: () => 'mine' }))
    const schema = start(builder)
    const text = printSchema(schema)
    expect(text).toContain('tidingsTaskProgress(')
    expect(text).toContain('tidingsTask(')
    expect(text).toContain('type TidingsTask implements TidingsNode')
    expect(text).toContain('union TidingsTaskResult = ConvertOutput | ExportReportOutput')
    expect(text).toContain('type ExportReportSuccess {')
    expect(text).toContain('  task: TidingsTask!')
    // The operations that GraphiQL offers have the names of the team.
    for (const { query } of writeOperations(schema)) expect(validate(schema, parse(query)), query).toEqual([])
  })

  test('uses types that the team has', () => {
    // As plugins add types when they are first used.
    const addPage = (team: PothosSchemaTypes.SchemaBuilder<TeamTypes>) => {
      team.queryField('pages', (t) => t.int({ resolve: () => 1 }))
      return team.objectRef<{ readonly endCursor: string }>('Page').implement({
        fields: (t) => ({ endCursor: t.exposeString('endCursor') }),
      })
    }
    const builder = createBuilder({
      types: {
        DateTime: 'Date',
        Node: 'Entity',
        JSON: 'Json',
        Error: 'Failure',
        PageInfo: addPage,
      },
    })
    builder.scalarType('Date', { serialize: (value) => value.toISOString() })
    builder.scalarType('Json' as never, { serialize: (value: unknown) => value } as never)
    builder.interfaceRef<Error>('Failure').implement({
      fields: (t) => ({ message: t.exposeString('message', { nullable: false }) }),
    })
    builder.interfaceType('Entity', { fields: (t) => ({ id: t.exposeID('id', { nullable: false }) }) })
    const schema = start(builder)
    expect(schema.getType('DateTime')).toBeUndefined()
    expect(schema.getQueryType()?.getFields()['node']).toBeUndefined()
    expect(printType(schema.getType('Task') as never)).toContain('type Task implements Entity {')
    expect(printType(schema.getType('Task') as never)).toContain('  input: Json\n')
    expect(printType(schema.getType('TaskConnection') as never)).toContain('  pageInfo: Page!\n')
    expect(printType(schema.getType('NotFoundError') as never)).toContain('type NotFoundError implements Failure {')
    for (const name of ['Node', 'JSON', 'Error', 'PageInfo']) expect(schema.getType(name), name).toBeUndefined()
    expect(printType(schema.getType('ConvertOutput') as never)).toContain('times: [Date!]!')
  })

  const withType = (name: string, options?: Parameters<typeof createBuilder>[0]) => () => {
    const builder = createBuilder(options)
    builder.objectRef(name).implement({ fields: (t) => ({ a: t.string({ resolve: () => '' }) }) })
    return start(builder)
  }
  test.each([
    [
      'a type of the engine',
      withType('Progress'),
      "Tidings adds the type Progress, and the builder has one already: rename yours, or give those of Tidings a prefix: `tidings: { prefix: 'Tidings' }`",
    ],
    [
      'a type that can be shared',
      withType('Node'),
      "Tidings adds the type Node, and the builder has one already: use yours: `tidings: { types: { Node: 'Node' } }`, or give",
    ],
    [
      'a type with the prefix',
      withType('TidingsTask', { prefix: 'Tidings' }),
      'Tidings adds the type TidingsTask, and the builder has one already: rename yours, or give',
    ],
    [
      'a type of a kind',
      withType('ConvertOutput', { prefix: 'Tidings' }),
      'Tidings adds the type ConvertOutput, and the builder has one already: rename yours, or rename the kind',
    ],
    [
      'a root field',
      () => {
        const builder = createBuilder()
        builder.queryField('tasks', (t) => t.string({ resolve: () => '' }))
        return start(builder)
      },
      'Tidings adds the field Query.tasks, and the builder has one already: rename yours, or give',
    ],
    [
      'a shared type that does not exist',
      () => start(createBuilder({ types: { JSON: 'Json' } })),
      'tidings.types.JSON is "Json", and the builder has no such type',
    ],
    [
      'a shared interface with fields that Tidings does not have',
      () => {
        const builder = createBuilder({ types: { Node: 'Entity' } })
        builder.interfaceType('Entity', { fields: (t) => ({ id: t.exposeID('id'), age: t.int({ resolve: () => 1 }) }) })
        return start(builder)
      },
      'The interface Entity has the field "age", which the types of Tidings do not have',
    ],
    [
      'a kind of another instance',
      () => {
        const builder = createBuilder()
        builder.mutationField('a', (t) => t.startTask({ ...convert, kind: 'OTHER' }))
        return builder.toSchema()
      },
      'The kind OTHER is not among the tasks of the instance',
    ],
  ])('is refused with %s', (_, build, message) => {
    expect(build).toThrow(message)
  })
})
