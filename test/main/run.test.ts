import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createTestDirectory } from '../support/directory.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Creates a project with the launcher alone, and a preload that makes any Node report version 20.
 */
async function createProject() {
  const directory = await createTestDirectory()
  await cp(`${root}/bin`, directory.join('bin'), { recursive: true })
  await writeFile(directory.join('package.json'), '{ "type": "module" }')
  await writeFile(
    directory.join('old.cjs'),
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`,
  )
  await writeFile(
    directory.join('file.ts'),
    `const args: string[] = process.argv.slice(1)
process.on('SIGTERM', () => process.exit(7))
console.log(JSON.stringify({ args, isMain: process.argv[1] === import.meta.filename }))
if (args[1] === 'wait') setInterval(() => undefined, 60_000)`,
  )
  return directory
}
const old = ['--require', './old.cjs']

test('runs a file in the same process where Node strips types', async () => {
  await using project = await createProject()
  const { stdout } = await run(process.execPath, ['bin/run.js', 'file.ts', 'a', '--b'], { cwd: project.path })
  expect(JSON.parse(stdout)).toEqual({ args: [project.join('file.ts'), 'a', '--b'], isMain: true })
})

test('reports the remedy where Node is too old and npm ran no install script', async () => {
  await using project = await createProject()
  const failed = run(process.execPath, [...old, 'bin/run.js', 'file.ts'], { cwd: project.path })
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /needs Node 24 or newer; this is Node 20\.20\.2[\s\S]*npm rebuild --ignore-scripts=false/,
    ),
  })
})

test('passes arguments, signals and the exit code between an old Node and the packaged one', async () => {
  await using project = await createProject()
  await mkdir(project.join('node_modules/node/bin'), { recursive: true })
  await symlink(process.execPath, project.join('node_modules/node/bin/node'))
  const child = spawn(process.execPath, [...old, 'bin/run.js', 'file.ts', 'wait'], {
    cwd: project.path,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  expect(JSON.parse(line.toString())).toMatchObject({ args: [project.join('file.ts'), 'wait'] })
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([7, null])
})

test('every npm script and every command of the documents starts TypeScript through the launcher', async () => {
  const { scripts } = JSON.parse(await readFile(`${root}/package.json`, 'utf8')) as { scripts: Record<string, string> }
  const documents = (await readdir(`${root}/docs`, { recursive: true })).filter((name) => name.endsWith('.md'))
  const texts = await Promise.all(
    ['README.md', 'test/bench/notes.md', ...documents.map((name) => `docs/${name}`)].map(async (name) => [
      name,
      await readFile(`${root}/${name}`, 'utf8'),
    ]),
  )
  for (const [name, text] of [...Object.entries(scripts), ...texts] as [string, string][])
    expect(text.match(/\bnode (?:--\S+ )*(?!bin\/run\.js)\S+\.ts\b/g), name).toBeNull()
})

test('the commands of the Studio read a file .env, and variables that are set take precedence', async () => {
  await using directory = await createTestDirectory()
  await writeFile(directory.join('.env'), 'PORT=high\nLOG_LEVEL=loud\n')
  const environment: NodeJS.ProcessEnv = { ...process.env, LOG_LEVEL: 'error' }
  delete environment['PORT']
  for (const file of ['main.ts', 'worker.ts', 'main/new-epoch.ts']) {
    const failed = run(process.execPath, [`${root}/src/${file}`], { cwd: directory.path, env: environment })
    const { stderr } = await failed.then(
      () => ({ stderr: '' }),
      (error: { stderr: string }) => error,
    )
    expect(stderr, file).toContain('PORT is "high"; allowed: a whole number')
    expect(stderr, file).not.toContain('LOG_LEVEL')
  }
})
