import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { checkTypes, installPacked, root, runIn, startServerIn } from '../../support/packed.ts'

/** Packages that only the Studio, the other applications or the tests need. */
const notOfTheEngine = [
  'unpdf',
  'mammoth',
  'openai',
  'compromise',
  'unified',
  'linkedom',
  'uplot',
  'vite',
  'typescript',
]

/** Replays the recording that the test kit has written. */
const replayProgram = `
import { readFile } from 'node:fs/promises'
import { replay } from 'tidings/testing/client'
const replayed = replay(JSON.parse(await readFile('recording.json', 'utf8')))
replayed.play()
for await (const task of replayed.client.watchTask(replayed.taskId).states())
  if (task.isOver) console.log(task.status)
await replayed[Symbol.asyncDispose]()
`

/** What npm reports about a package that it would publish. */
interface Published {
  readonly size: number
  readonly unpackedSize: number
  readonly entryCount: number
}

function toKb(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`
}

test('the package is built, installed in an empty folder, type-checked there, and runs the first task of the guide', async () => {
  const { directory, file } = await installPacked('@types/node@24')
  await using _ = directory
  await runIn(root, 'npx', '--yes', 'publint@0.3.25', '--strict', `${root}dist/tidings`)
  // The entry of the styles has no types.
  const options = ['--profile', 'esm-only', '--exclude-entrypoints', './styles.css']
  await runIn(directory.path, 'npx', '--yes', '@arethetypeswrong/cli@0.18.5', file, ...options)
  for (const name of ['tidings', 'create-tidings']) {
    // As a release does: whether the manifest may be published is checked, and nothing is sent.
    const report = await runIn(root, 'npm', 'publish', '--dry-run', '--json', `${root}dist/${name}`)
    const published = JSON.parse(report) as Readonly<Record<string, Published>>
    expect(Object.keys(published)).toEqual([name])
    const { size = 0, unpackedSize = 0, entryCount } = published[name] ?? {}
    console.info(`${name}: ${toKb(size)} packed, ${entryCount} files of ${toKb(unpackedSize)}`)
  }
  const lock = JSON.parse(await readFile(directory.join('package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, object>>
  }
  const installed = Object.keys(lock.packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13))
  expect(installed.filter((name) => notOfTheEngine.includes(name))).toEqual([])
  const size = await runIn(directory.path, 'du', '-sm', 'node_modules')
  console.info(`An installation has ${installed.length} packages, ${size.split('\t')[0]} MB`)

  for (const name of ['tasks.ts', 'server.ts', 'page.html'])
    await cp(`${root}examples/http/${name}`, directory.join(name))
  await checkTypes(directory, 'server.ts')
  await using database = await createTestDatabase({ empty: true })
  await using server = await startServerIn(directory.path, 'server.ts', database.url)
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        'mutation { exportReport(input: { reportId: "r", pages: 3 }) { ... on ExportReportSuccess { task { id } } } }',
    }),
  })
  const { data } = (await response.json()) as { data: { exportReport: { task: { id: string } } } }
  const query = `subscription ($taskId: ID!) { taskProgress(taskId: $taskId, fromStart: true) {
    seq ... on TaskCompleted { result { ... on ExportReportOutput { url pages } } } } }`
  const parameters = new URLSearchParams({
    query,
    variables: JSON.stringify({ taskId: data.exportReport.task.id }),
  })
  const stream = await fetch(`${server.url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  expect(await stream.text()).toContain('"result":{"url":"https://files.example.com/r.pdf","pages":3}')

  // A program with the types of the kind, as docs/guide/page.md shows it.
  await writeFile(
    directory.join('tidings.ts'),
    (await readFile(`${root}examples/react/tidings.ts`, 'utf8')).replace('../http/', './'),
  )
  await runIn(directory.path, 'npx', 'tidings', 'schema', '--output', 'tidings.gen.ts')
  const guide = await readFile(`${root}docs/guide/page.md`, 'utf8')
  const [, program = ''] = /^```ts file=script\n([\s\S]*?)^```/m.exec(guide) ?? []
  await writeFile(directory.join('script.ts'), program.replace('http://localhost:4000', server.url))
  await checkTypes(directory, 'script.ts')
  expect(await runIn(directory.path, process.execPath, 'script.ts')).toMatch(
    /https:\/\/files\.example\.com\/report_1\.pdf\n$/,
  )

  // An application on the engine itself, in a database of its own.
  const engineFiles = ['publish-article.ts', 'schema.ts', 'server.ts', 'main.ts']
  await mkdir(directory.join('engine'))
  for (const name of engineFiles) await cp(`${root}examples/engine/${name}`, directory.join(`engine/${name}`))
  // A declaration of graphql-yoga imports a package whose own types do not compile.
  await checkTypes(directory, 'engine/main.ts', true)
  await using articles = await createTestDatabase({ empty: true })
  await using application = await startServerIn(directory.path, 'engine/main.ts', articles.url)
  const answer = await fetch(
    `${application.url}?query=${encodeURIComponent('{ __type(name: "TaskKind") { enumValues { name } } }')}`,
  )
  expect(await answer.text()).toContain('PUBLISH_ARTICLE')

  // The test kit, with the test runner of Node.
  const example = await readFile(`${root}examples/testing/export-report.test.ts`, 'utf8')
  await writeFile(directory.join('export-report.test.ts'), example.replace('../http/', './'))
  await checkTypes(directory, 'export-report.test.ts')
  const variables = [`DATABASE_URL=${database.url}`, 'RECORD=recording.json']
  await runIn(directory.path, 'env', ...variables, process.execPath, '--test', 'export-report.test.ts')
  await writeFile(directory.join('replay.ts'), replayProgram)
  await checkTypes(directory, 'replay.ts')
  expect(await runIn(directory.path, process.execPath, 'replay.ts')).toBe('COMPLETED\n')
})
