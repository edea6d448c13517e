import { fileURLToPath } from 'node:url'
import { generate } from '@graphql-codegen/cli'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { createTidings } from 'tidings'
import { createTidingsClient, kindFromDocuments, startTask, type TaskOf } from 'tidings/client'
import { createTestTidings } from 'tidings/testing'
import { describe, expect, expectTypeOf, inject, test } from 'vitest'
import { exportReport } from '../../examples/codegen/export-report.tsx'
import { WatchExportDocument } from '../../examples/codegen/gql/graphql.ts'
import * as tasks from '../../examples/http/tasks.ts'
import * as page from '../../examples/react/tidings.gen.ts'

const example = fileURLToPath(new URL('../../examples/codegen/', import.meta.url))

test('the documents of the example are those that graphql-codegen generates (`-u` writes them)', async () => {
  const files = (await generate(
    {
      cwd: example,
      schema: createTidings({ tasks: [tasks.exportReport] }).printSchema(),
      documents: ['*.tsx'],
      silent: true,
      generates: {
        'gql/': {
          preset: 'client',
          presetConfig: { fragmentMasking: false },
          config: {
            useTypeImports: true,
            importExtension: '.ts',
            enumsAsTypes: true,
            scalars: { ID: 'string', Cursor: 'string', DateTime: 'string' },
          },
        },
      },
    },
    false,
  )) as readonly { readonly filename: string; readonly content: string }[]
  expect(files.map(({ filename }) => filename).toSorted()).toEqual(['gql/gql.ts', 'gql/graphql.ts', 'gql/index.ts'])
  const head =
    '// biome-ignore-all assist: generated\n// biome-ignore-all lint: generated\n// biome-ignore-all format: generated\n'
  for (const { filename, content } of files)
    await expect(`${head}${content}`).toMatchFileSnapshot(`${example}${filename}`)
})

describe('a kind from documents', () => {
  test('has the types of the generated kind', () => {
    type Task = TaskOf<typeof exportReport>
    type Generated = TaskOf<typeof page.exportReport>
    type Result<T> = Extract<T, { readonly status: 'COMPLETED' }> extends { readonly result: infer R } ? R : never
    type Error<T> = Extract<T, { readonly status: 'FAILED' }> extends { readonly error: infer E } ? E : never
    type Code<T> = Error<T> extends infer E extends { readonly code: string } ? E['code'] : never
    type Details<T> = Extract<Error<T>, { readonly code: 'QUOTA' }> extends { readonly details: infer D } ? D : never
    type Input<K> = K extends { readonly types?: infer T } ? NonNullable<T>[keyof NonNullable<T> & 'input'] : never
    expectTypeOf<Task['kind']>().toEqualTypeOf<'EXPORT_REPORT'>()
    expectTypeOf<Result<Task>['url']>().toEqualTypeOf<string>()
    expectTypeOf<Result<Task>['pages']>().toEqualTypeOf<number>()
    expectTypeOf<NonNullable<Details<Task>>['resetsAt']>().toEqualTypeOf<string>()
    expectTypeOf<Code<Task>>().toEqualTypeOf<Code<Generated>>()
    expectTypeOf<Input<typeof exportReport>>().toMatchTypeOf<{ reportId: string }>()
    // @ts-expect-error: not selected
    expectTypeOf<Result<Task>['size']>()
  })

  test('selects what the generated kind selects', () => {
    const compact = (text: string | null): string | undefined => text?.replaceAll(/\s+/g, ' ')
    expect({ ...exportReport, result: compact(exportReport.result), details: compact(exportReport.details) }).toEqual(
      page.exportReport,
    )
  })

  test('can be one that is only watched', () => {
    const watched = kindFromDocuments({ kind: 'EXPORT_REPORT', watch: WatchExportDocument })
    expect(watched.mutation).toBe('')
    // @ts-expect-error: not started by it
    const start = () => startTask(createTidingsClient({ url: 'http://localhost' }), watched, { reportId: '' })
    expect(start).toBeTypeOf('function')
  })

  test('has the details of each code, where several are selected with their names', () => {
    type Data = {
      taskProgress:
        | {
            __typename: 'TaskFailed'
            error: { details: { __typename: 'AError'; a: 1 } | { __typename: 'BError'; b: 2 } | null }
          }
        | {
            __typename: 'TaskCompleted'
            result: { __typename: 'XOutput'; x: string } | { __typename: 'YOutput' } | null
          }
        | { __typename: 'TaskQueued' }
    }
    const watch = 'subscription { taskProgress { __typename } }' as unknown as TypedDocumentNode<
      Data,
      { taskId: string }
    >
    const kind = kindFromDocuments({ kind: 'X', watch, errors: { A: 'AError', B: 'BError' } })
    type Types = NonNullable<(typeof kind)['types']>
    expectTypeOf<Types['errors']['A']['a']>().toEqualTypeOf<1>()
    expectTypeOf<Types['errors']['B']['b']>().toEqualTypeOf<2>()
    expectTypeOf<Types['result']>().toEqualTypeOf<{ __typename: 'XOutput'; x: string }>()
    // @ts-expect-error: none of the details
    expect(kindFromDocuments({ kind: 'X', watch, errors: { A: 'CError' } }).result).toBeNull()
  })

  test('refuses documents that are none of a kind', () => {
    const { watch } = { watch: { kind: 'Document', definitions: [] } as never }
    const start = 'query Nothing { __typename }' as never
    expect(() => kindFromDocuments({ kind: 'X', watch, start })).toThrow('not a mutation with the variable $input')
    const unselected = 'mutation ($input: XInput!) { x(input: $input) { __typename } }' as never
    expect(() => kindFromDocuments({ kind: 'X', watch, start: unselected })).toThrow('does not select the task')
    const varied =
      'subscription ($n: Int) { taskProgress { ... on TaskCompleted { result { ... on A { b(n: $n) } } } } }'
    expect(() => kindFromDocuments({ kind: 'X', watch: varied as never })).toThrow('cannot use variables')
    const spread = `subscription { taskProgress { ... on TaskCompleted { result { ...A } } } } fragment A on XOutput { url }`
    expect(kindFromDocuments({ kind: 'X', watch: spread as never }).result).toMatch(/^\.\.\. on XOutput \{\s+url\s+\}$/)
  })

  test('starts and watches tasks', async () => {
    const options = { tasks: [tasks.exportReport], databaseUrl: inject('templateUrl') }
    await using tidings = await createTestTidings(options)
    await using client = createTidingsClient({ url: `${(await tidings.listen()).url}/graphql` })
    const run = async (pages: number): Promise<TaskOf<typeof exportReport> | undefined> => {
      const { task, refusal } = await startTask(client, exportReport, { reportId: 'report_1', pages })
      if (task === null) throw new Error(refusal.message)
      return (await Array.fromAsync(client.watchTask(exportReport, task.id).states())).at(-1)
    }
    const done = await run(2)
    expect(done?.status === 'COMPLETED' && done.result.url).toBe('https://files.example.com/report_1.pdf')
    const failed = await run(101)
    const resetsAt = failed?.status === 'FAILED' && failed.error.code === 'QUOTA' && failed.error.details?.resetsAt
    expect(resetsAt).toBe('2030-01-01T00:00:00Z')
  })
})
