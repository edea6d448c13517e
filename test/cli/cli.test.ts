import { cp, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { SelfTestReport } from '../../src/cli/selftest.ts'
import { readCommand, usage } from '../../src/cli/usage.ts'
import { createTestDatabase } from '../support/database.ts'
import { createTestDirectory, type TestDirectory } from '../support/directory.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Creates a directory with the module of `project`, and the packages that it imports. */
async function createProject(): Promise<TestDirectory> {
  const directory = await createTestDirectory()
  await cp(new URL('project', import.meta.url), directory.path, { recursive: true })
  await mkdir(directory.join('node_modules'))
  await symlink(root, directory.join('node_modules/tidings'))
  await symlink(`${root}node_modules/zod`, directory.join('node_modules/zod'))
  await writeFile(directory.join('package.json'), '{ "type": "module" }')
  return directory
}

function tidings(cwd: string, args: readonly string[], databaseUrl = ''): TestProcess {
  const environment = { DATABASE_URL: databaseUrl, NODE_OPTIONS: '' }
  return startProcess(new URL('../../src/cli/main.ts', import.meta.url), args, environment, cwd)
}

async function readUntil(child: TestProcess, text: string): Promise<readonly string[]> {
  const lines: string[] = []
  while (lines.at(-1)?.includes(text) !== true) lines.push(await child.readLine())
  return lines
}

/** Returns the names of the kinds of a server, as its API lists them. */
async function readKinds(url: string): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ __type(name: "TaskKind") { enumValues { name } } }' }),
  })
  return await response.json()
}

const hasKind = (name: string): unknown => ({ data: { __type: { enumValues: [{ name: 'UNKNOWN' }, { name }] } } })

test('migrate creates the tables, and says when nothing is left to do', async () => {
  await using directory = await createProject()
  await using database = await createTestDatabase({ empty: true })
  await using first = tidings(directory.path, ['migrate'], database.url)
  expect(await first.readLine()).toMatch(/^applied 0030_\w+\.sql$/)
  expect(await first.ended).toBe(0)
  await using second = tidings(directory.path, ['migrate', 'tidings.ts'], database.url)
  expect(await second.readLine()).toBe('The database is up to date')
  expect(await second.ended).toBe(0)
})

test('schema writes the schema to a file, without a database', async () => {
  await using directory = await createProject()
  await using child = tidings(directory.path, ['schema', '--output', 'schema.graphql'])
  expect(await child.ended).toBe(0)
  expect(await readFile(directory.join('schema.graphql'), 'utf8')).toContain('input CountInput {')
  await using page = tidings(directory.path, ['schema', '--output', 'page.gen.ts'])
  expect(await page.ended).toBe(0)
  expect(await readFile(directory.join('page.gen.ts'), 'utf8')).toContain('export const count: GeneratedKind<')
})

test('start serves until a signal', async () => {
  await using directory = await createProject()
  await using database = await createTestDatabase()
  await using child = tidings(directory.path, ['start', '--port', '0'], database.url)
  const [url = ''] = /http:\S+(?=\/graphql)/.exec((await readUntil(child, 'GraphiQL')).at(-1) ?? '') ?? []
  expect(await readKinds(url)).toEqual(hasKind('COUNT'))
  child.kill('SIGTERM')
  expect(await child.ended).toBe(0)
})

test('a worker answers health checks on a port, when one is named', async () => {
  await using directory = await createProject()
  await using database = await createTestDatabase()
  await using child = tidings(directory.path, ['worker', '--port', '0'], database.url)
  const [url = ''] = /http:\S+/.exec((await readUntil(child, 'ready')).at(-1) ?? '') ?? []
  expect((await fetch(url)).status).toBe(200)
  expect(await (await fetch(url.replace('ready', 'live'))).json()).toEqual({ status: 'alive' })
  child.kill('SIGTERM')
  expect(await child.ended).toBe(0)
})

describe('selftest', () => {
  const undo = new AsyncDisposableStack()
  let directory: TestDirectory
  let url = ''
  beforeAll(async () => {
    directory = undo.use(await createProject())
    const database = undo.use(await createTestDatabase())
    const server = undo.use(tidings(directory.path, ['start', '--port', '0'], database.url))
    ;[url = ''] = /http:\S+(?=\/graphql)/.exec((await readUntil(server, 'GraphiQL')).at(-1) ?? '') ?? []
  })
  afterAll(() => undo.disposeAsync())

  /** Runs it with `--json`. */
  const selfTest = async (
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly report: SelfTestReport }> => {
    await using child = tidings(directory.path, ['selftest', ...args, '--json'])
    const lines = await readUntil(child, '}').then(async (read) => {
      const all = [...read]
      while (all.at(-1) !== '}') all.push(await child.readLine())
      return all
    })
    return { code: await child.ended, report: JSON.parse(lines.join('\n')) as SelfTestReport }
  }
  const outcomes = ({ checks }: SelfTestReport): unknown => checks.map(({ name, passed }) => `${name} ${passed}`)

  test('passes at a server that works, with and without a task', async () => {
    const missing = await selfTest(url)
    expect(missing.report.checks.filter(({ passed }) => !passed)).toEqual([])
    expect(outcomes(missing.report)).toEqual(['request true', 'websocket true', 'event stream true', 'polling true'])
    expect(missing.code).toBe(0)
    const { report, code } = await selfTest(`${url}/graphql`, '--kind', 'COUNT', '--input', '{"to": 3}')
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([])
    expect(outcomes(report)).toEqual([
      'request true',
      'start true',
      'websocket true',
      'event stream true',
      'polling true',
    ])
    expect(report.checks.at(-1)?.figures).toMatch(/^\d+ events in order, the first after \d+ ms$/)
    expect(code).toBe(0)
  })

  test('fails with the reason', async () => {
    const unknown = await selfTest(url, '--kind', 'UNKNOWN')
    expect(unknown.report.checks.at(-1)?.figures).toMatch(/^no mutation starts UNKNOWN; the mutations are .*count/)
    const refused = await selfTest(url, '--kind', 'COUNT')
    expect(refused.report.checks.at(-1)?.figures).toContain('"to" of required type "Int!" was not provided')
    const elsewhere = await selfTest('http://127.0.0.1:9')
    expect(elsewhere.report.checks.map(({ figures }) => figures)).toEqual([expect.stringContaining('fetch failed')])
    expect([unknown.code, refused.code, elsewhere.code]).toEqual([1, 1, 1])
  })

  test('prints a line per check', async () => {
    await using child = tidings(directory.path, ['selftest', url])
    const lines = await readUntil(child, 'failed at')
    expect(lines.map((line) => line.replaceAll(/\d+ ms/g, 'N ms'))).toEqual([
      'pass  request       answered in N ms  N ms',
      ...['websocket   ', 'event stream', 'polling     '].map(
        (name) => `pass  ${name}  works: the refusal of an unknown task arrived  N ms`,
      ),
      '',
      `4 passed, 0 failed at ${url}/graphql`,
    ])
  })
})

test('dev serves a page and the API at one address, and starts the API again after each change, also after an error', async () => {
  await using directory = await createProject()
  await writeFile(directory.join('index.html'), '<!doctype html><script type="module" src="./page.tsx"></script>')
  await writeFile(directory.join('page.tsx'), "document.title = 'typed' as string")
  await using database = await createTestDatabase()
  await using child = tidings(directory.path, ['dev', '--port', '0'], database.url)
  const [url = ''] = /http:\S+(?=\/)/.exec((await readUntil(child, 'Page')).at(-1) ?? '') ?? []
  expect(await (await fetch(`${url}/page.tsx`)).text()).toContain('document.title = "typed"')
  expect(await readKinds(url)).toEqual(hasKind('COUNT'))

  const source = await readFile(directory.join('tidings.ts'), 'utf8')
  // As many editors do: into a new file, which replaces the other.
  const change = async (text: string): Promise<void> => {
    await writeFile(directory.join('tidings.ts.new'), text)
    await rename(directory.join('tidings.ts.new'), directory.join('tidings.ts'))
  }
  await change(source.replace("'COUNT'", "'COUNT_UP'"))
  await readUntil(child, 'ready')
  expect(await readKinds(url)).toEqual(hasKind('COUNT_UP'))
  expect(await readFile(directory.join('tidings.gen.ts'), 'utf8')).toContain('export const countUp: GeneratedKind<')
  await change('a mistake')
  await readUntil(child, 'It starts again when a file changes')
  await change(source)
  await readUntil(child, 'ready')
  await vi.waitFor(async () => expect(await readKinds(url)).toEqual(hasKind('COUNT')))
  child.kill('SIGTERM')
  expect(await child.ended).toBe(0)
})

test('a module without Tidings is refused by name, and a failure of the module shows its stack', async () => {
  await using directory = await createProject()
  await writeFile(directory.join('other.ts'), 'export const other = 1')
  await using other = tidings(directory.path, ['schema', 'other.ts'])
  await expect(other.readLine()).rejects.toThrow(/other\.ts does not export what createTidings returns; write: export/)
  expect(await other.ended).toBe(1)
  await writeFile(directory.join('broken.ts'), "throw new Error('no such database')")
  await using broken = tidings(directory.path, ['schema', 'broken.ts'])
  await expect(broken.readLine()).rejects.toThrow(/Error: no such database\n {4}at .*broken\.ts:1/)
  await using missing = tidings(directory.path, ['schema', 'missing.ts'])
  await expect(missing.readLine()).rejects.toThrow(/There is no file missing\.ts in /)
})

test.each([
  [['bild'], 'There is no command "bild"; the commands are dev, start, worker, migrate, schema, selftest'],
  [['dev', '--prot', '1'], "Unknown option '--prot'"],
  [['dev', '--port', '70000'], '--port is "70000"; it must be a number from 0 to 65535'],
  [['dev', '--port'], "Option '--port <value>' argument missing"],
  [['migrate', '--port', '1'], '--port is not an option of migrate'],
  [['start', '--kind', 'COUNT'], '--kind is not an option of start'],
  [['dev', 'one.ts', 'two.ts'], 'Too many arguments: two.ts'],
])('the arguments %j are refused', (args, message) => {
  expect(() => readCommand(args)).toThrow(message)
})

test('arguments have defaults', () => {
  expect(readCommand(['start', '--no-worker'])).toEqual({
    name: 'start',
    file: undefined,
    port: 4000,
    hasPort: false,
    host: '127.0.0.1',
    worker: false,
    output: undefined,
    kind: undefined,
    input: undefined,
    token: undefined,
    json: false,
  })
  expect([readCommand([]), readCommand(['dev', '-h']), readCommand(['--version'])]).toEqual(['help', 'help', 'version'])
})

test('the guide has the help text', async () => {
  expect(await readFile(`${root}docs/guide/command-line.md`, 'utf8')).toContain(`\`\`\`\n${usage}\`\`\``)
})
