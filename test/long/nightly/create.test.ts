import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startBrowser } from '../../e2e/support/browser.ts'
import { createTestDirectory } from '../../support/directory.ts'
import { packPackages, root, runIn } from '../../support/packed.ts'
import { startProcess } from '../../support/processes.ts'

test('from an empty folder to an own kind of task, live on an own page', async () => {
  await using directory = await createTestDirectory()
  const { tidings, createTidings } = await packPackages(directory.path)
  const startedAt = performance.now()
  const output = await runIn(
    directory.path,
    'npx',
    '--yes',
    `./${createTidings}`,
    'my-app',
    '--tidings',
    `./${tidings}`,
  )
  expect(output).toContain('Created my-app with tasks.ts, tidings.ts and page.tsx')
  const project = directory.join('my-app')
  const installedMs = performance.now() - startedAt

  // With the PostgreSQL that was installed with it.
  const main = new URL(`file://${project}/node_modules/tidings/src/cli/main.js`)
  await using dev = startProcess(main, ['dev', '--port', '0'], { NODE_OPTIONS: '' }, project)
  let url: string | undefined
  while (url === undefined) url = /Page +(\S+)/.exec(await dev.readLine())?.[1]
  await using browser = await startBrowser()
  const page = await browser.newPage({ viewport: { width: 390, height: 800 } })
  await page.goto(url)
  await page.getByRole('button', { name: 'Export 20 pages' }).click()
  await page.getByRole('progressbar').waitFor()
  await page.getByRole('link', { name: '20 pages' }).waitFor()
  const completedMs = performance.now() - startedAt
  await runIn(project, 'npm', 'run', 'types')

  // A kind of one's own: defined, added, and used in the page with its types.
  const edit = async (name: string, change: (text: string) => string): Promise<void> => {
    const file = `${project}/${name}`
    const text = await readFile(file, 'utf8')
    const changed = change(text)
    expect(changed, name).not.toBe(text)
    await writeFile(file, changed)
  }
  await edit(
    'tasks.ts',
    (text) => `${text}
export const greet = defineTask({
  kind: 'GREET',
  input: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  async *run({ input }) {
    yield stage('greeting')
    return { text: \`Hello, \${input.name}\` }
  },
})
`,
  )
  await edit('tidings.ts', (text) => text.replaceAll('exportReport', 'exportReport, greet'))
  await edit('page.tsx', (text) =>
    text
      .replace('import { exportReport, schema }', 'import { exportReport, greet, schema }')
      .replace(
        'const root =',
        `function Greeting() {
  const { start, task } = useStart(greet)
  return (
    <p>
      <button type="button" onClick={() => void start({ name: 'Ada' })}>Greet</button>
      {task?.status === 'COMPLETED' && task.result.text}
    </p>
  )
}

const root =`,
      )
      .replace('<Export pages={20} />', '<Greeting /><Export pages={20} />'),
  )
  await page.getByRole('button', { name: 'Greet' }).click()
  await page.getByText('Hello, Ada').waitFor()
  await runIn(project, 'npm', 'run', 'types')
  await runIn(project, 'npm', 'run', 'build')
  const seconds = (ms: number): string => (ms / 1_000).toFixed(0)
  console.info(
    `Installed after ${seconds(installedMs)} s, first task completed after ${seconds(completedMs)} s, own kind after ${seconds(performance.now() - startedAt)} s`,
  )
  await page.screenshot({ path: fileURLToPath(new URL('dist/create.png', `file://${root}`)) })
  dev.kill('SIGTERM')
  expect(await dev.ended).toBe(0)
})

test('a directory that is not empty, and wrong arguments, are refused', async () => {
  await using directory = await createTestDirectory()
  await writeFile(directory.join('notes.txt'), '')
  const create = (...args: readonly string[]): Promise<string> =>
    runIn(directory.path, process.execPath, `${root}packages/create-tidings/create.ts`, ...args)
  await expect(create('.')).rejects.toThrow(/is not empty: it has notes\.txt; name another one/)
  await expect(create('app', '--no-instal')).rejects.toThrow("Unknown option '--no-instal'")
  await expect(create()).rejects.toThrow('Name the directory')
  expect(await create('--help')).toContain('npm create tidings@latest [DIRECTORY]')
})
