import { execFile, spawn } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../support/database.ts'
import { createTestDirectory } from '../../support/directory.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))

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

test('the package is built, installed in an empty folder, type-checked there, and runs the first task of the guide', async () => {
  await using directory = await createTestDirectory()
  const inFolder = { cwd: directory.path, env: { ...process.env, NODE_OPTIONS: '' } }
  await run(process.execPath, ['bin/run.js', 'packages/build.ts'], { cwd: root })
  const { stdout } = await run('npm', ['pack', './dist/tidings', '--silent', '--pack-destination', directory.path], {
    cwd: root,
  })
  const file = stdout.trim()
  await run('npx', ['--yes', 'publint@0.3.25', '--strict', `${root}dist/tidings`], { cwd: root })
  // The entry of the styles has no types.
  const types = ['--profile', 'esm-only', '--exclude-entrypoints', './styles.css']
  await run('npx', ['--yes', '@arethetypeswrong/cli@0.18.5', file, ...types], inFolder)
  await writeFile(directory.join('package.json'), JSON.stringify({ type: 'module', private: true }))
  const install = ['install', '--no-audit', '--no-fund', '--silent', `./${file}`, '@types/node@24']
  await run('npm', install, inFolder)
  const lock = JSON.parse(await readFile(directory.join('package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, object>>
  }
  const installed = Object.keys(lock.packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13))
  expect(installed.filter((name) => notOfTheEngine.includes(name))).toEqual([])
  const { stdout: size } = await run('du', ['-sm', 'node_modules'], inFolder)
  console.info(`An installation has ${installed.length} packages, ${size.split('\t')[0]} MB`)

  for (const name of ['tasks.ts', 'server.ts', 'page.html'])
    await cp(`${root}examples/http/${name}`, directory.join(name))
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'dom'],
    types: ['node'],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    // The types of the package itself are checked too.
    skipLibCheck: false,
  }
  await writeFile(directory.join('tsconfig.json'), JSON.stringify({ compilerOptions, files: ['server.ts'] }))
  await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', '.'], inFolder)

  await using database = await createTestDatabase({ empty: true })
  const server = spawn(process.execPath, ['server.ts'], {
    ...inFolder,
    env: { ...inFolder.env, DATABASE_URL: database.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await using _ = { [Symbol.asyncDispose]: async () => void server.kill('SIGKILL') }
  let url = ''
  for await (const line of createInterface({ input: server.stdout })) {
    // Log messages come first.
    if (!line.startsWith('http://')) continue
    url = line
    break
  }
  const response = await fetch(`${url}/graphql`, {
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
  const stream = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  expect(await stream.text()).toContain('"result":{"url":"https://files.example.com/r.pdf","pages":3}')
})
