import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTidings } from 'tidings'
import { expect, test } from 'vitest'
import { exportReport } from '../examples/http/tasks.ts'
import { order } from '../examples/topics/order.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** The entries that a team uses, with the page of the reference. */
const entries = {
  tidings: 'tidings',
  'tidings/client': 'client',
  'tidings/react': 'react',
  'tidings/pothos': 'pothos',
  'tidings/yoga': 'yoga',
  'tidings/testing': 'testing',
  'tidings/testing/client': 'testing-client',
} as const

interface Example {
  readonly entry: string
  /** The export; several examples may have one. */
  readonly name: string
  readonly code: string
}

/** Reads the examples, and the names that each entry exports as values and as types. */
async function readReference() {
  const examples: Example[] = []
  const exported: [name: string, entry: string][] = []
  const withoutExample: string[] = []
  for (const [entry, page] of Object.entries(entries)) {
    const sections = (await readFile(join(root, `docs/reference/${page}.md`), 'utf8')).split(/^## /m).slice(1)
    for (const section of sections) {
      const [name = ''] = section.split('\n')
      const [signature = '', ...codes] = [...section.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code)
      if (/^(async function|function|const|class|interface|type)\b/.test(signature)) exported.push([name, entry])
      for (const code of codes) examples.push({ entry, name, code })
      if (codes.length === 0 && /^(async function|function|const|class)\b/.test(signature))
        withoutExample.push(`${entry}: ${name}`)
    }
  }
  return { examples, exported, withoutExample }
}

const words = (code: string): readonly string[] => [...new Set(code.match(/\b[A-Za-z_]\w*\b/g))]

/** What the programs around the examples have: values of the packages that they use, and values of the application. */
const context = `
import SchemaBuilder from '@pothos/core'
import type { TidingsClient, TaskState } from 'tidings/client'
import { TidingsPlugin } from 'tidings/pothos'
export { act, render, screen } from '@testing-library/react'
export { createYoga } from 'graphql-yoga'
export { createServer } from 'node:http'
export { cacheExchange, Client, fetchExchange, useQuery } from 'urql'
export { z } from 'zod'
export type { OrderEvent } from './tidings.gen.ts'
export { SchemaBuilder }
export interface Context {
  mayExport(id: string): boolean
  mayWatch(id: string): boolean
  invoiceOf(id: string): { total: number }
}
export declare const tidings: import('tidings').Tidings
export const builder = new SchemaBuilder<{ Context: Context }>({ plugins: [TidingsPlugin], tidings: { instance: tidings } })
export const Report = builder.objectRef<{ exportTaskId: string | null }>('Report')
export const Invoice = builder.objectRef<{ total: number }>('Invoice')
export declare const client: TidingsClient
export declare const id: string, taskId: string, url: string, reportId: string, text: string
export declare const ids: readonly string[]
export declare const state: TaskState
export declare const task: TaskState
export declare const tasks: readonly TaskState[]
export declare const file: File & { readonly id: string }, files: readonly { readonly id: string; readonly name: string }[]
export declare const signal: AbortSignal, body: ReadableStream<Uint8Array<ArrayBuffer>>, response: Response
export declare const startedAt: number
export declare const sendMail: import('tidings/client').GeneratedKind<'SEND_MAIL', object, null>
export declare const recording: import('tidings/testing/client').Recording
export declare const AddCardDocument: any, App: any, OrderDocument: any, StartExportDocument: any, addCard: any, convert: any, event: any
export declare const exportAs: any, fetchToken: any, graphql: any, input: any, model: any, ownsOrder: any, read: any, readSnapshot: any, removeCard: any
export declare const reduceOrder: any, sql: any, token: any, trx: any, tx: any
`
const contextNames = [
  ...context.matchAll(/^export (?:declare )?(?:const|interface) (.*)$|^export (?:type )?\{(.*)\}/gm),
].flatMap(([, declared = '', listed = '']) => [
  // Those after a bracket are names of members.
  ...[...declared.matchAll(/(?:^|, )(\w+)(?=:| =| \{)/g)].map(([, name = '']) => name),
  ...words(listed),
])

/** The types of names in examples that have others than in the context, by entry or export. */
const otherTypes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Transaction: { client: 'any' },
  createId: { client: 'any' },
  ignoreUnknown: {
    state: 'any',
    event: "{ __typename: 'CardAdded'; card: string } | { __typename: 'CardRemoved'; cardId: string }",
  },
  isNewerSnapshot: { state: 'any' },
  replay: { Report: 'any' },
  'tidings/yoga': { schema: 'any' },
}

/** Makes a program of an example: it imports what it names, and is in a function that may yield, await or return an element. */
function toProgram(
  { entry, name, code }: Example,
  exported: readonly (readonly [name: string, entry: string])[],
): string {
  const isOfPage = entry === 'tidings/client' || entry === 'tidings/react'
  const others = otherTypes[entry] ?? otherTypes[name] ?? {}
  const sources = new Map<string, string>([
    ...exported,
    ['TaskItemsDocument', 'tidings/client'],
    ...contextNames.map((each) => [each, './context.ts'] as const),
    // Entries may have the same name for different things.
    ...exported.filter(([, from]) => from === entry),
    ['exportReport', isOfPage ? './tidings.gen.ts' : '../../examples/http/tasks.ts'],
    ['order', isOfPage ? './tidings.gen.ts' : '../../examples/topics/order.ts'],
    ['schema', './tidings.gen.ts'],
  ])
  const named = words(code)
  const imports = named.flatMap((each) => {
    const source = each in others ? undefined : sources.get(each)
    return source === undefined ? [] : [`import { ${each} } from '${source}'`]
  })
  const isElement = /^[<{]/.test(code)
  const isGenerator = /\byield\b/.test(code)
  const start = isElement
    ? 'export function Example()'
    : `export async function${isGenerator ? '* example()' : ' example(): Promise<unknown>'}`
  return [
    ...imports,
    ...Object.entries(others).map(([each, type]) => `declare const ${each}: ${type}`),
    `${start} {`,
    isElement ? `return <>${code}</>` : code.replaceAll(/^export /gm, ''),
    ...(isElement || isGenerator ? [] : ['return undefined as unknown']),
    '}',
    '',
  ].join('\n')
}

test('every export that is a value has an example', async () => {
  expect((await readReference()).withoutExample).toEqual([])
})

test('the examples of the docblocks compile', async () => {
  const { examples, exported } = await readReference()
  await mkdir(join(root, 'dist'), { recursive: true })
  const folder = await mkdtemp(join(root, 'dist/examples-'))
  try {
    await createTidings({ tasks: [exportReport], topics: [order] }).writeClient(join(folder, 'tidings.gen.ts'))
    await writeFile(join(folder, 'context.ts'), context)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        // Examples are parts of programs.
        compilerOptions: {
          allowUnreachableCode: true,
          noImplicitAny: false,
          noUnusedLocals: false,
          noUnusedParameters: false,
          verbatimModuleSyntax: false,
        },
        include: ['.'],
      }),
    )
    for (const [index, example] of examples.entries())
      await writeFile(join(folder, `${example.name}-${index}.tsx`), toProgram(example, exported))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (error: { readonly stdout: string }) => error,
    )
    // Others are those of the sources, which other options compile.
    expect(stdout.split('\n').filter((line) => line.startsWith('dist/examples-'))).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
