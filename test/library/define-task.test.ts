import { printType } from 'graphql'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { addCoreTypes, createBuilder } from '../../schema/index.ts'
import { addDefinedKinds, type DefinedKind } from '../../schema/task/defined-kinds.ts'
import { defineTask, type InputOf } from '../../src/library/define-task.ts'
import { stage } from '../../src/tasks/model/report.ts'

const exportReport = defineTask({
  kind: 'EXPORT_REPORT',
  description: 'Exports a report as a file.',
  input: z.object({ reportId: z.string().describe('The report.'), format: z.enum(['pdf', 'csv']) }),
  result: z.object({ url: z.url().describe('The file.'), pages: z.int(), madeAt: z.date() }),
  errors: { QUOTA: z.object({ resetsAt: z.iso.datetime() }).describe('The quota is used up.'), LOCKED: z.object({}) },
  async *run({ input, errors }) {
    yield stage('rendering')
    expectTypeOf(input.format).toEqualTypeOf<'pdf' | 'csv'>()
    if (input.reportId === '') errors.QUOTA({ resetsAt: '2026-01-01T00:00:00Z' })
    // @ts-expect-error an error that the kind does not declare
    if (input.reportId === 'x') errors.OTHER({})
    return await Promise.resolve({ url: 'https://files.test/1', pages: 2, madeAt: new Date() })
  },
})
const sendMail = defineTask({
  kind: 'SEND_MAIL',
  input: z.object({}),
  async *run() {
    yield stage('sending')
    await Promise.resolve()
  },
})

function schemaOf(...definitions: readonly DefinedKind[]) {
  const builder = createBuilder()
  addDefinedKinds(addCoreTypes(builder), definitions)
  return builder.toSchema({ sortSchema: false })
}

describe('a kind of task', () => {
  test('has types in TypeScript: its name, its input and its result', () => {
    expectTypeOf(exportReport.kind).toEqualTypeOf<'EXPORT_REPORT'>()
    expectTypeOf<InputOf<typeof exportReport>>().toEqualTypeOf<{ reportId: string; format: 'pdf' | 'csv' }>()
    const wrong = () =>
      defineTask({
        kind: 'WRONG',
        input: z.object({}),
        result: z.object({ pages: z.int() }),
        // @ts-expect-error the result has another type
        async *run() {
          yield stage('working')
          return await Promise.resolve({ pages: 'two' })
        },
      })
    expect(wrong).not.toThrow()
  })

  test('has types in GraphQL: of its mutation, its result and its errors', () => {
    const schema = schemaOf(exportReport, sendMail)
    const print = (name: string): string => {
      const type = schema.getType(name)
      return type === undefined
        ? ''
        : printType(type)
            .replaceAll(/\s*"""[^"]*"""/g, '')
            .trim()
    }
    expect(print('ExportReportInput')).toBe(
      'input ExportReportInput {\n  reportId: ID!\n  format: ExportReportFormat!\n  idempotencyKey: String\n}',
    )
    expect(print('ExportReportOutput')).toBe(
      'type ExportReportOutput {\n  url: String!\n  pages: Int!\n  madeAt: DateTime!\n}',
    )
    expect(print('ExportReportQuotaError')).toBe('type ExportReportQuotaError {\n  resetsAt: DateTime!\n}')
    expect(print('ExportReportResult')).toBe(
      'union ExportReportResult = ExportReportSuccess | NotFoundError | ConflictError | InvalidInputError | RateLimitedError',
    )
    expect(print('TaskResult')).toBe('union TaskResult = ExportReportOutput')
    expect(print('TaskErrorDetails')).toBe('union TaskErrorDetails = ExportReportQuotaError')
    const fields = schema.getMutationType()?.getFields()
    expect(fields?.['exportReport']?.description).toBe('Exports a report as a file.')
    expect(fields?.['exportReport']?.args.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([
      'input: ExportReportInput!',
    ])
    expect(fields?.['sendMail']?.args.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([
      'input: SendMailInput',
    ])
  })

  test.each([
    ['exportReport', {}, 'The kind "exportReport" cannot be used: write it in upper case, such as EXPORT_REPORT'],
    ['UNKNOWN', {}, 'The kind "UNKNOWN" cannot be used: write it in upper case, such as EXPORT_REPORT'],
    ['A', { quota: z.object({}) }, 'The error "quota" of A cannot be used: write it in upper case, such as QUOTA'],
    ['A', { INTERNAL: z.object({}) }, "The error INTERNAL of A is one of the engine's own: give it another name"],
  ])('is refused with the name %s and the errors %o', (kind, errors, message) => {
    expect(() => defineTask({ ...sendMail, kind, errors })).toThrow(message)
  })

  const withParts = (kind: string, parts: Partial<DefinedKind>): DefinedKind => ({ ...sendMail, kind, ...parts })
  test.each([
    ['two kinds with one name', [sendMail, sendMail], 'The kind "SEND_MAIL" exists already'],
    [
      'results with one field of different types',
      [
        withParts('A', { result: z.object({ size: z.object({ pages: z.int() }) }) }),
        withParts('B', { result: z.object({ size: z.object({ pages: z.int().nullable() }) }) }),
      ],
      'The results of A and B have the field "size.pages" with different types, Int! and Int',
    ],
    [
      'errors with one field of different types',
      [
        withParts('A', { errors: { BUSY: z.object({ until: z.string() }) } }),
        withParts('B', { errors: { BUSY: z.object({ until: z.iso.datetime() }) } }),
      ],
      'The errors of A and B have the field "until" with different types, String! and DateTime!',
    ],
    [
      'an input with the field of the idempotency key',
      [withParts('A', { input: z.object({ idempotencyKey: z.string() }) })],
      'The input of A has a field "idempotencyKey"',
    ],
    [
      'a type that GraphQL does not have',
      [withParts('A', { result: z.object({ totals: z.record(z.string(), z.number()) }) })],
      'The result of A has no type in GraphQL: "totals" is of the type "record"',
    ],
  ])('is refused at start: %s', (_, definitions, message) => {
    expect(() => schemaOf(...definitions)).toThrow(message)
  })
})

async function* run() {
  yield stage('converting')
  await Promise.resolve()
}

test.each([
  [
    { rateLimit: { limit: 0, periodMs: 1 } },
    'The limit of rateLimit of CONVERT is 0; it is an integer from 1 to 10000',
  ],
  [{ rateLimit: { limit: 1, periodMs: 1e9 } }, 'The periodMs of rateLimit of CONVERT is 1000000000'],
  [{ priority: Number.NaN }, 'The priority of CONVERT is NaN'],
  [{ eventRetentionHours: -1 }, 'eventRetentionHours of CONVERT is -1'],
])('refuses %j', (options, message) => {
  const define = () => defineTask({ kind: 'CONVERT', input: z.object({ name: z.string() }), ...options, run })
  expect(define).toThrow(message)
})

test('the key of a rate limit is the owner or a field of the input', () => {
  const define = (key: 'owner' | 'input.name') =>
    defineTask({
      kind: 'CONVERT',
      input: z.object({ name: z.string() }),
      rateLimit: { limit: 1, periodMs: 1, key },
      run,
    })
  expect(define('owner').rateLimit?.key).toBe('owner')
  expect(define('input.name').rateLimit?.key).toBe('input.name')
  // @ts-expect-error: no field of the input
  expect(() => define('input.size')).toThrow(`The key of rateLimit of CONVERT is input.size; it is 'owner' or`)
})
