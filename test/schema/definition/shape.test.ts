import SchemaBuilder from '@pothos/core'
import { execute, lexicographicSortSchema, parse, printSchema } from 'graphql'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { graphqlType, json } from '../../../schema/definition/graphql-type.ts'
import { toInputValue } from '../../../schema/definition/input-value.ts'
import { type ObjectShape, readShape } from '../../../schema/definition/shape.ts'
import { createPothosTypes } from '../../../schema/definition/to-pothos.ts'

interface Types {
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: string }
    JSON: { Input: unknown; Output: unknown }
  }
}

function createBuilder() {
  const builder = new SchemaBuilder<Types>({})
  builder.scalarType('DateTime', { serialize: String, parseValue: (value) => new Date(String(value)) })
  builder.scalarType('JSON', { serialize: (value) => value })
  return builder
}

const read = (schema: z.ZodType, io: 'input' | 'output'): ObjectShape => {
  const name = io === 'input' ? 'ExportReportInput' : 'ExportReportOutput'
  const shape = readShape(schema, { name, prefix: 'ExportReport', io, subject: `${io} of EXPORT_REPORT` })
  if (shape === null) throw new Error('It has no fields')
  return shape
}

/** Returns the types of a zod schema in the schema language. */
function print(schema: z.ZodType, io: 'input' | 'output'): string {
  const builder = createBuilder()
  const types = createPothosTypes(builder)
  const shape = read(schema, io)
  builder.queryType({
    fields: (t) => ({
      root: t.field({
        type: io === 'output' ? (types.output(shape) as never) : 'Boolean',
        nullable: true,
        ...(io === 'input' ? { args: { input: t.arg({ type: types.input(shape) as never, required: true }) } } : {}),
        resolve: () => null as never,
      }),
    }),
  })
  const text = printSchema(lexicographicSortSchema(builder.toSchema()))
  return text.replace(/scalar (?:DateTime|JSON)\n\n?/g, '').trim()
}

describe('the types of GraphQL for zod schemas', () => {
  test('are those that an author would write for an input', () => {
    const schema = z.object({
      reportId: z.string().describe('The report to export.'),
      recipientIds: z.array(z.string()).optional(),
      format: z.enum(['pdf', 'csv', 'excelSheet']).default('pdf'),
      copies: z.int().min(1).default(1),
      scale: z.number().nullable(),
      isDraft: z.boolean().optional(),
      after: z.iso.datetime().nullish(),
      range: z.object({ from: z.int(), to: z.int() }).describe('Pages.').optional(),
      source: z.discriminatedUnion('type', [
        z.object({ type: z.literal('text'), text: z.string() }),
        z.object({ type: z.literal('web-page'), url: z.url() }),
      ]),
      options: json(z.record(z.string(), z.number())).optional(),
      old: z.string().optional().meta({ deprecationReason: 'Use format.' }),
    })
    expect(print(schema, 'input')).toMatchInlineSnapshot(`
      "enum ExportReportFormat {
        CSV
        EXCEL_SHEET
        PDF
      }

      input ExportReportInput {
        after: DateTime
        copies: Int = 1
        format: ExportReportFormat = PDF
        isDraft: Boolean
        old: String @deprecated(reason: "Use format.")
        options: JSON

        """Pages."""
        range: ExportReportRangeInput
        recipientIds: [ID!]

        """The report to export."""
        reportId: ID!
        scale: Float
        source: ExportReportSourceInput!
      }

      """Pages."""
      input ExportReportRangeInput {
        from: Int!
        to: Int!
      }

      input ExportReportSourceInput @oneOf {
        text: ExportReportSourceTextInput
        webPage: ExportReportSourceWebPageInput
      }

      input ExportReportSourceTextInput {
        text: String!
      }

      input ExportReportSourceWebPageInput {
        url: String!
      }

      type Query {
        root(input: ExportReportInput!): Boolean
      }"
    `)
  })

  test('are those that an author would write for a result', () => {
    const page = z.object({ number: z.int(), words: z.array(z.string()), createdAt: z.date() })
    const schema = z.object({
      url: z.url().describe('Where the file is.'),
      format: z.enum({ PDF: 'application/pdf', CSV: 'text/csv' }),
      pages: z.array(page).describe('All pages.'),
      cells: z.array(z.array(z.number().nullable())),
      outcome: z.discriminatedUnion('type', [
        z.object({ type: z.literal('sent'), at: z.iso.datetime() }),
        z.object({ type: z.literal('kept'), reason: z.string().nullable() }),
      ]),
      status: z.literal('done'),
      summary: z.unknown().optional().transform(String).pipe(z.string()),
    })
    expect(print(schema, 'output')).toMatchInlineSnapshot(`
      "enum ExportReportFormat {
        CSV
        PDF
      }

      union ExportReportOutcome = ExportReportOutcomeKept | ExportReportOutcomeSent

      type ExportReportOutcomeKept {
        reason: String
      }

      type ExportReportOutcomeSent {
        at: DateTime!
      }

      type ExportReportOutput {
        cells: [[Float]!]!
        format: ExportReportFormat!
        outcome: ExportReportOutcome!

        """All pages."""
        pages: [ExportReportPage!]!
        status: ExportReportStatus!
        summary: String!

        """Where the file is."""
        url: String!
      }

      type ExportReportPage {
        createdAt: DateTime!
        number: Int!
        words: [String!]!
      }

      enum ExportReportStatus {
        DONE
      }

      type Query {
        root: ExportReportOutput
      }"
    `)
  })

  test('may refer to themselves and to each other, and share what has one name', () => {
    const node = z.object({
      id: z.string(),
      get children() {
        return z.array(node)
      },
    })
    const unit = z.enum(['mm', 'inch']).meta({ id: 'LengthUnit', description: 'A unit of length.' })
    expect(print(z.object({ root: node, width: unit, height: unit.nullable() }), 'output')).toMatchInlineSnapshot(`
      "type ExportReportOutput {
        height: LengthUnit
        root: ExportReportRoot!
        width: LengthUnit!
      }

      type ExportReportRoot {
        children: [ExportReportRoot!]!
        id: ID!
      }

      """A unit of length."""
      enum LengthUnit {
        INCH
        MM
      }

      type Query {
        root: ExportReportOutput
      }"
    `)
  })

  test('may be given: by the ref of a type, as ID or String', () => {
    const builder = createBuilder()
    const pointRef = builder.objectRef<readonly [number, number]>('Point').implement({
      fields: (t) => ({ x: t.float({ resolve: ([x]) => x }), y: t.float({ resolve: ([, y]) => y }) }),
    })
    const schema = z.object({
      at: graphqlType(z.tuple([z.number(), z.number()]), pointRef).describe('The place.'),
      maybeAt: graphqlType(z.tuple([z.number(), z.number()]), pointRef).nullable(),
      code: graphqlType(z.string(), 'ID'),
      droid: graphqlType(z.string(), 'String'),
      rest: json().optional(),
    })
    const types = createPothosTypes(builder)
    builder.queryType({
      fields: (t) => ({
        root: t.field({
          type: types.output(read(schema, 'output')) as never,
          resolve: () => ({ at: [1, 2], maybeAt: null, code: 'a', droid: 'b' }) as never,
        }),
      }),
    })
    const graph = builder.toSchema()
    expect(printSchema(graph)).toContain('"""The place."""\n  at: Point!')
    const result = execute({ schema: graph, document: parse('{ root { at { x y } maybeAt { x } code droid rest } }') })
    expect(result).toEqual({ data: { root: { at: { x: 1, y: 2 }, maybeAt: null, code: 'a', droid: 'b', rest: null } } })
  })

  test.for<readonly [string, z.ZodType, RegExp]>([
    [
      'a record',
      z.object({ rows: z.array(z.object({ cells: z.record(z.string(), z.number()) })) }),
      /input of EXPORT_REPORT has no type in GraphQL: "rows\[\]\.cells" is of the type "record".*graphqlType\(schema, type\).*json\(schema\)/,
    ],
    ['a tuple', z.object({ at: z.tuple([z.number()]) }), /"at" is of the type "tuple"/],
    ['any', z.object({ any: z.any() }), /"any" is of the type "any"/],
    ['a bigint', z.object({ big: z.bigint() }), /"big" is of the type "bigint"/],
    ['a map', z.object({ map: z.map(z.string(), z.string()) }), /"map" is of the type "map"/],
    ['z.json()', z.object({ value: z.json() }), /"value" is a union without a discriminator/],
    [
      'a union of scalars',
      z.object({ size: z.union([z.string(), z.number()]) }),
      /"size" is a union without a discriminator/,
    ],
    [
      'a union of objects',
      z.object({ shape: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]) }),
      /"shape" is a union without a discriminator; use z\.discriminatedUnion/,
    ],
    [
      'an intersection',
      z.object({ both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })) }),
      /"both" is an intersection/,
    ],
    ['an empty object', z.object({ empty: z.object({}) }), /"empty" has no fields/],
    ['a property that is no name', z.object({ 'page-count': z.int() }), /"page-count" is no name in GraphQL/],
    ['a reserved name', z.object({ __typename: z.string() }), /"__typename" is no name in GraphQL/],
    [
      'an enum value that is no name',
      z.object({ size: z.enum(['1st']) }),
      /"size" has the value "1st", which is no name/,
    ],
    [
      'enum values with one name',
      z.object({ size: z.enum(['a-b', 'a b']) }),
      /"size" has two values with the name A_B/,
    ],
    ['a root that is no object', z.string(), /It has to be an object/],
  ])('are refused for %s, with the path and the ways out', ([, schema, message]) => {
    expect(() => read(schema, 'input')).toThrow(message)
  })

  test('are none for an object without properties', () => {
    const options = { name: 'PingInput', prefix: 'Ping', io: 'input', subject: 'input of PING' } as const
    expect(readShape(z.object({}), options)).toBeNull()
  })

  test('are refused when two different types have one name', () => {
    const other = readShape(z.object({ format: z.enum(['b']).meta({ id: 'Format' }) }), {
      name: 'OtherOutput',
      prefix: 'Other',
      io: 'output',
      subject: 'result of OTHER',
    })
    expect(other).not.toBeNull()
    const builder = createBuilder()
    const both = createPothosTypes(builder)
    const first = both.output(read(z.object({ format: z.enum(['a']).meta({ id: 'Format' }) }), 'output'))
    builder.queryType({
      fields: (t) => ({
        first: t.field({ type: first as never, resolve: () => null as never }),
        second: t.field({ type: both.output(other as ObjectShape) as never, resolve: () => null as never }),
      }),
    })
    expect(() => builder.toSchema()).toThrow(/Two different types are called Format: name one of them with meta/)
  })
})

describe('the value of an argument', () => {
  test('becomes what zod reads', () => {
    const schema = z.object({
      at: z.iso.datetime(),
      note: z.string().optional(),
      reason: z.string().nullable(),
      sources: z.array(
        z.discriminatedUnion('type', [
          z.object({ type: z.literal('text'), text: z.string() }),
          z.object({ type: z.literal('web-page'), url: z.url() }),
        ]),
      ),
    })
    const value = toInputValue(read(schema, 'input'), {
      at: new Date('2026-01-31T12:00:00Z'),
      note: null,
      reason: null,
      sources: [{ webPage: { url: 'https://example.org' } }, { text: { text: 'Owls' } }],
    })
    expect(schema.parse(value)).toEqual({
      at: '2026-01-31T12:00:00.000Z',
      reason: null,
      sources: [
        { type: 'web-page', url: 'https://example.org' },
        { type: 'text', text: 'Owls' },
      ],
    })
  })
})
