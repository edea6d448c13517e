import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * The layers of server and client, top first. A file that is not listed belongs to the layer of the
 * longest prefix.
 */
const houses = [
  [
    'src/cli',
    'src/main',
    'schema/studio',
    'src/studio',
    'src/index.ts',
    'src/pothos',
    'src/yoga',
    'src/testing',
    'src/library',
    'src/server',
    'src/server/websocket',
    'src/server/http',
    'src/server/sse',
    'src/server/operations',
    'src/server/monitoring',
    'src/server/pages',
    'src/server/connections',
    'src/server/request',
    'schema',
    'schema/task',
    'schema/topic',
    'schema/kit',
    'schema/definition',
    'src/live',
    'src/live/deliver',
    'src/live/execute',
    'src/engine.ts',
    'src/tasks',
    'src/tasks/worker',
    'src/tasks/start',
    'src/tasks/queue',
    'src/tasks/model',
    'src/audit',
    'src/rate-limits',
    'src/presence',
    'src/log',
    'src/bus',
    'src/db',
    'src/tracing',
    'src/async',
    'src',
    'src/rate-limits/rate-limit-classes.ts',
  ],
  [
    'client/studio',
    'client/terminal',
    'client/self-test',
    'client/apps',
    'client/react',
    'client',
    'client/watch-task',
    'client/kinds',
    'client/cache',
    'client/outbox',
    'client/connection',
    'client/transport',
    'client/base',
    'client/reduce',
    'client/gql',
  ],
] as const
/**
 * Files in the root of `src` that are not in its bottom layer: `src/main.ts` and `src/worker.ts`
 * are the top.
 */
const tops = new Set(['src/main.ts', 'src/worker.ts'])
/** Modules that client and server may share: constants, types and texts without other dependencies. */
const shared = new Set(['src/protocol.ts', 'src/recording.ts', 'client/kinds/watch-text.ts'])

/**
 * The folders and programs of the Studio. From the rest they import only the public entries, as a team does, and the documents that codegen
 * makes of their own operations.
 */
const studioPaths = [
  'src/main',
  'src/main.ts',
  'src/worker.ts',
  'client/apps',
  'client/self-test',
  'client/studio',
  'client/terminal',
  'schema/studio',
  'src/studio',
]
const isOfStudio = (file: string): boolean => studioPaths.some((path) => file === path || file.startsWith(`${path}/`))

/** Returns the sources of the entries of the package. */
async function publicEntries(): Promise<ReadonlySet<string>> {
  const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly types: string }>>
  }
  const sourceOf = (target: string): string =>
    normalize(target.replace('./dist/client/types/', '').replace('.d.ts', '.ts'))
  return new Set(Object.values(exports).map((target) => sourceOf(typeof target === 'string' ? target : target.types)))
}

const floorOf = (file: string): { house: number; floor: number } | null => {
  if (tops.has(file)) return { house: 0, floor: 0 }
  for (const [house, floors] of houses.entries()) {
    const floor = floors
      .map((name, index) => ({ name, index }))
      .filter(({ name }) => file === name || file.startsWith(`${name}/`))
      .sort((a, b) => b.name.length - a.name.length)[0]
    if (floor !== undefined) return { house, floor: floor.index }
  }
  return null
}

async function sources(): Promise<string[]> {
  const found: string[] = []
  for (const folder of ['src', 'schema', 'client']) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
    for (const entry of entries)
      if (entry.isFile() && /\.tsx?$/.test(entry.name)) found.push(relative(root, join(entry.parentPath, entry.name)))
  }
  return found
}

const importsByFile = new Map<string, Promise<readonly string[]>>()

/** Returns the relative imports of a file, types and extended modules included, as paths from the root. */
function importsOf(file: string): Promise<readonly string[]> {
  const imports = importsByFile.get(file) ?? readImports(file)
  importsByFile.set(file, imports)
  return imports
}

async function readImports(file: string): Promise<readonly string[]> {
  const text = await readFile(join(root, file), 'utf8')
  const specifiers = text.matchAll(/(?:from|import|declare module)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)
  return [...specifiers].map(([, specifier = '']) => normalize(join(dirname(file), specifier)))
}

/** Returns the files that a file loads, and those that they load: without types. */
async function loadedBy(file: string, loaded = new Set<string>()): Promise<ReadonlySet<string>> {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  const text = await readFile(join(root, file), 'utf8')
  const statements = text.matchAll(/^(?:import (?!type\b)|export (?:\*|\{[^}]*\}) from )[^'"]*'(\.{1,2}\/[^']+\.ts)'/gm)
  const dynamic = text.matchAll(/(?<!typeof )\bimport\('(\.{1,2}\/[^']+\.ts)'\)/g)
  for (const [, specifier = ''] of [...statements, ...dynamic])
    await loadedBy(normalize(join(dirname(file), specifier)), loaded)
  return loaded
}

/** Returns the files of one cycle of imports; empty if there is none. */
function findCycle(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): readonly string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const target of imports.get(file) ?? []) {
      const cycle = visit(target, [...path, file])
      if (cycle.length > 0) return cycle
    }
    done.add(file)
    return []
  }
  for (const file of imports.keys()) {
    const cycle = visit(file, [])
    if (cycle.length > 0) return cycle
  }
  return []
}

describe('the layers', () => {
  it('are imported downwards only, and client and server do not import each other', async () => {
    const wrong: string[] = []
    for (const file of await sources()) {
      const from = floorOf(file)
      for (const target of await importsOf(file)) {
        const to = floorOf(target)
        if (from === null || to === null || shared.has(target)) continue
        if (from.house !== to.house || to.floor < from.floor) wrong.push(`${file} → ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('keep the engine, the core schema and the core client free of applications, types included', async () => {
    const application = /^(src|schema|client)\/(studio|apps)\//
    const engine = (await sources()).filter(
      (file) => !application.test(file) && !/^(src\/main|client\/(terminal|self-test))[./]/.test(file),
    )
    const wrong: string[] = []
    for (const file of engine)
      for (const target of await importsOf(file)) if (application.test(target)) wrong.push(`${file} → ${target}`)
    expect(wrong).toEqual([])
  })

  it('let the Studio import the rest only through the public entries, types included', async () => {
    const entries = await publicEntries()
    const wrong: string[] = []
    for (const file of (await sources()).filter(isOfStudio))
      for (const target of await importsOf(file))
        if (!isOfStudio(target) && !entries.has(target) && !target.startsWith('client/gql/'))
          wrong.push(`${file} → ${target}`)
    expect(wrong).toEqual([])
  })

  it('let the Studio change tables of the engine by its functions only', async () => {
    const files = (await sources()).filter((file) => isOfStudio(file) && !file.startsWith('client/'))
    const texts = await Promise.all(files.map(async (file) => [file, await readAll(file)] as const))
    const changing = texts.filter(([, text]) => /\b(?:insert into|update|delete from) tidings\./.test(text))
    // It moves many changes of many users in one statement (decision 319).
    expect(changing.map(([file]) => file)).toEqual(['src/studio/viewer/viewer-updates.ts'])
  })

  it('keep the engine out of the processes that read texts of users', async () => {
    const programs = (await sources()).filter((file) => /^src\/studio\/.*(-child|-thread|\/jobs)\.ts$/.test(file))
    expect(programs).toHaveLength(6)
    const wrong: string[] = []
    for (const program of programs)
      for (const file of await loadedBy(program))
        if (!file.startsWith('src/studio/') && !file.startsWith('src/async/')) wrong.push(`${program} → ${file}`)
    expect(wrong).toEqual([])
    expect(await loadedBy('src/main.ts')).toContain('src/tasks/engine.ts')
  })

  it('keep the applications separate: one uses another only through its public modules', async () => {
    // `text` and `sandbox` are shared; `content` generates the content of roadmaps, and executes
    // jobs of others in its processes; a document exposes its structure; analytics accepts notes.
    const offered = [
      /^src\/studio\/(text|sandbox)\//,
      /^src\/studio\/content\/apart\/(job|pool)\.ts$/,
      /^src\/studio\/content\/(provider|create|attempt|question|reply|openai\/chat)\.ts$/,
      /^src\/studio\/documents\/(structure\/structure|documents)\.ts$/,
      /^src\/studio\/analytics\/notes\.ts$/,
    ]
    const wrong: string[] = []
    for (const file of await sources()) {
      const own = /^src\/studio\/([^/]+)\//.exec(file)?.[1]
      if (own === undefined) continue
      for (const target of await importsOf(file)) {
        const other = /^src\/studio\/([^/]+)\//.exec(target)?.[1]
        if (other !== undefined && other !== own && !offered.some((one) => one.test(target)))
          wrong.push(`${file} → ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('have no files that import each other, types included', async () => {
    const files = await sources()
    const imports = new Map(await Promise.all(files.map(async (file) => [file, await importsOf(file)] as const)))
    expect(findCycle(imports)).toEqual([])
  })

  it('are detected by this test', async () => {
    const files = await sources()
    expect(files.length).toBeGreaterThan(50)
    expect(await importsOf('src/tasks/engine.ts')).toContain('src/log/append.ts')
    expect(
      findCycle(
        new Map([
          ['a', ['b', 'c']],
          ['b', []],
          ['c', ['d']],
          ['d', ['c']],
        ]),
      ),
    ).toEqual(['c', 'd', 'c'])
    expect(floorOf('src/main.ts')).toEqual({ house: 0, floor: 0 })
    expect(floorOf('src/errors.ts')).toEqual({ house: 0, floor: houses[0].length - 2 })
    const entries = await publicEntries()
    for (const entry of ['src/index.ts', 'client/index.ts', 'client/react/index.ts']) expect(entries).toContain(entry)
    expect(floorOf('client/studio/page.tsx')).toEqual({ house: 1, floor: 0 })
  })
})

describe('functions', () => {
  it('are not written where they are assigned to a property (decision 350)', async () => {
    // Those of a whole module are created once.
    const written =
      /^ +[\w.#[\]]+\.#?\w+ (?:\?\?)?= (?:async )?(?:function\b|\w+ =>|\((?!async \()[^)]*\)(?:: .+)? =>)/m
    const found: string[] = []
    for (const file of (await sources()).filter((file) => !file.startsWith('client/'))) {
      const line = written.exec(await readFile(join(root, file), 'utf8'))?.[0]
      if (line !== undefined && !line.includes('.prototype.')) found.push(`${file}: ${line.trim()}`)
    }
    expect(found).toEqual([])
    expect('  response.end = (text) =>').toMatch(written)
    expect('  this.#end = async () => {').toMatch(written)
    expect('  const end = () => {').not.toMatch(written)
  })
})

describe('decisions', () => {
  it('have a unique number, which is in their title', async () => {
    const files = await readdir(join(root, 'docs/decisions'))
    const numbers = files.map((file) => file.slice(0, 3))
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
    const untitled: string[] = []
    for (const file of files) {
      const text = await readFile(join(root, 'docs/decisions', file), 'utf8')
      if (!text.startsWith(`# ${file.slice(0, 3)}`)) untitled.push(file)
    }
    expect(untitled).toEqual([])
  })
})

describe('the documents', () => {
  it('name only files and folders that exist', async () => {
    const missing: string[] = []
    for (const document of await documents())
      for (const path of pathsIn(await readFile(join(root, document), 'utf8')))
        if (!(await exists(path))) missing.push(`${document}: ${path}`)
    expect(missing).toEqual([])
  })

  it('name functions that the files beside them contain', async () => {
    const text = await readFile(join(root, 'docs/architecture.md'), 'utf8')
    const table = text.slice(text.indexOf('## Where to find it'), text.indexOf('## The path of one event'))
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && line.includes('`'))
    expect(rows.length).toBeGreaterThanOrEqual(20)
    const missing: string[] = []
    for (const row of rows) {
      const code = (await Promise.all(pathsIn(row).map(readAll))).join('\n')
      for (const [, name = ''] of row.matchAll(/`(\w+)`/g))
        if (!new RegExp(`\\b${name}\\b`).test(code)) missing.push(`${name}: ${row.split('|')[1]?.trim()}`)
    }
    expect(missing).toEqual([])
  })
})

/** Returns the documents of the present state. Decisions name the files of their time. */
async function documents(): Promise<readonly string[]> {
  const files = await readdir(join(root, 'docs'))
  return ['README.md', 'CONTRIBUTING.md', ...files.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
}

/** Returns the paths in the code spans of a text. */
function pathsIn(text: string): readonly string[] {
  return [...text.matchAll(/`((?:src|schema|client|test|docs|deploy|bin)\/[\w./-]*\w)\/?`/g)].map(
    ([, path = '']) => path,
  )
}

function exists(path: string): Promise<boolean> {
  return stat(join(root, path)).then(
    () => true,
    () => false,
  )
}

/** Reads a file, or all files of a folder. */
async function readAll(path: string): Promise<string> {
  if (!(await stat(join(root, path))).isDirectory()) return readFile(join(root, path), 'utf8')
  const names = await readdir(join(root, path), { recursive: true })
  const files = names.filter((name) => /\.tsx?$/.test(name))
  return (await Promise.all(files.map((name) => readFile(join(root, path, name), 'utf8')))).join('\n')
}
