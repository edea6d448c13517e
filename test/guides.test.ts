import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse, validate } from 'graphql'
import { createTidings } from 'tidings'
import { expect, test } from 'vitest'
import { exportReport } from '../examples/http/tasks.ts'
import { order } from '../examples/topics/order.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8')
const { schema } = createTidings({ tasks: [exportReport], topics: [order] })

/** The files that other tests compile or run: those of the examples, and those that `create-tidings` writes. */
async function readExamples(): Promise<readonly string[]> {
  const folders = ['examples', 'packages/create-tidings/template']
  const paths = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(`${root}${folder}`, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => `${entry.parentPath}/${entry.name}`),
    ),
  )
  return await Promise.all(paths.flat().map((path) => readFile(path, 'utf8')))
}

/** Whether the lines of a block follow each other in a file, there with any indentation. */
function isPartOf(file: string, block: string): boolean {
  return ['', '  ', '    ', '      '].some((indent) =>
    `\n${file}`.includes(`\n${block.replaceAll(/^(?=.)/gm, indent)}`),
  )
}

const documents = [
  'README.md',
  ...(await readdir(`${root}docs/guide`)).filter((name) => name.endsWith('.md')).map((name) => `docs/guide/${name}`),
]

test.each(documents)('every block of code of %s is a part of an example, or fits the schema', async (document) => {
  const examples = await readExamples()
  const refused = [...(await read(document)).matchAll(/^```(\w+)(.*)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, language = '', attributes = '', block = '']) => {
      // `test/client/docs.test.ts` compiles those with a name.
      if (/^ file=\w+$/.test(attributes)) return []
      if (language === 'graphql') return validate(schema, parse(block)).map(({ message }) => message)
      return examples.some((file) => isPartOf(file, block)) ? [] : [block]
    },
  )
  expect(refused).toEqual([])
})

test('the guides show the examples as a whole', async () => {
  const text = (await Promise.all(documents.map(read))).join('')
  const whole = [
    ...['http/tasks.ts', 'http/server.ts', 'http/page.html', 'react/tidings.ts', 'react/page.tsx', 'topics/order.ts'],
    ...['express', 'fastify', 'hono', 'pothos-yoga', 'sdl'].map((name) => `${name}/server.ts`),
    ...['server.ts', 'tasks.ts', 'token.ts'].map((name) => `authentication/${name}`),
    'codegen/export-report.tsx',
    'deployment/tidings.ts',
    'kinds/translate.ts',
    ...['publish-article.ts', 'schema.ts', 'server.ts'].map((name) => `engine/${name}`),
    ...['export-report.test.ts', 'sync-calendar.test.ts', 'report.test.tsx'].map((name) => `testing/${name}`),
    ...['pg.ts', 'kysely.ts', 'drizzle.ts', 'postgres.ts', 'trigger.sql'].map((name) => `transactions/${name}`),
  ]
  for (const path of whole) expect(text).toContain(`\n${await read(`examples/${path}`)}\`\`\`\n`)
})

test('each folder of examples is compiled or run by the tests', async () => {
  const nightly = 'test/long/nightly'
  const texts = await Promise.all(
    ['tsconfig.json', ...(await readdir(`${root}${nightly}`, { recursive: true })).map((name) => `${nightly}/${name}`)]
      .filter((path) => /\.(ts|json)$/.test(path))
      .map(read),
  )
  const folders = await readdir(`${root}examples`)
  const isTested = (name: string): boolean =>
    texts.some((text) => text.includes(`"examples/${name}"`) || text.includes(`'${name}'`))
  expect(folders.filter((name) => !isTested(name))).toEqual([])
})

test('the guide of kinds has every option of defineTask, with its default', async () => {
  const source = await read('src/library/define-task.ts')
  const [, members = ''] = /^export interface TaskKind<[\s\S]*?> \{\n([\s\S]*?)^\}/m.exec(source) ?? []
  const options = [...members.matchAll(/^ {2}(?:readonly )?(\w+)\?[:(]/gm)].map(([, name]) => name)
  const rows = [...(await read('docs/guide/kinds.md')).matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
  // Those that the first guide explains.
  expect(rows.toSorted()).toEqual(options.filter((name) => name !== 'result' && name !== 'errors').toSorted())
})

test('the index has every guide', async () => {
  const links = [...(await read('docs/guide/README.md')).matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name)
  const guides = (await readdir(`${root}docs/guide`)).filter((name) => name !== 'README.md')
  expect(links.toSorted()).toEqual(guides.toSorted())
})
