import { execFileSync } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type InlineConfig, type Plugin } from 'vite'

/** Packages that users of the client have installed already, or install beside it. */
export const peers: readonly string[] = [
  '@urql/core',
  '@urql/exchange-graphcache',
  'graphql',
  'graphql-ws',
  'react',
  'react-dom',
  'urql',
  'wonka',
]

/** The versions of React supported by the hooks and components. */
export const supportedReact = '^18.2.0 || ^19.0.0'

/**
 * The entries of the package, as named in its `exports`, and the maximum size of each, in bytes
 * after gzip.
 */
const entries: Readonly<Record<string, { readonly file: string; readonly maxGzipBytes: number }>> = {
  // With 1 KB for kindFromDocuments and tasksDocument, which a page without them does not load (decision 327).
  client: { file: 'client/index.ts', maxGzipBytes: 28_160 },
  core: { file: 'client/core.ts', maxGzipBytes: 21_504 },
  react: { file: 'client/react/index.ts', maxGzipBytes: 10_752 },
  apps: { file: 'client/apps/index.ts', maxGzipBytes: 14_080 },
  'apps-react': { file: 'client/apps/react.ts', maxGzipBytes: 9_728 },
  // Not for pages.
  testing: { file: 'client/testing/index.ts', maxGzipBytes: 21_504 },
}

/**
 * The measured modules: the entries, and the part of `tidings/core` that a page uses with no cache
 * and one transport.
 */
export const measured: typeof entries = {
  ...entries,
  'core with one transport': { file: 'client/core-one-transport.ts', maxGzipBytes: 15_360 },
}

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Shares the fragments among the generated documents (client/gql/graphql.ts). Each document has a copy of all its fragments, and
 * gzip does not find copies that are more than 32 KB apart.
 */
export function shareFragments(code: string): string {
  const fragments = new Map<string, string>()
  const shared = code.replaceAll(
    /^(export const \w+ = )(\{.*\})(?= as unknown as DocumentNode)/gm,
    (_, start: string, json: string) => {
      const { definitions, ...rest } = JSON.parse(json) as {
        readonly definitions: readonly { readonly kind: string; readonly name: { readonly value: string } }[]
      }
      const parts = definitions.map((definition) => {
        if (definition.kind !== 'FragmentDefinition') return JSON.stringify(definition)
        const name = `fragment${definition.name.value}`
        fragments.set(name, JSON.stringify(definition))
        return name
      })
      return `${start}${JSON.stringify({ ...rest, definitions: [] }).slice(0, -2)}${parts.join()}]}`
    },
  )
  return [...[...fragments].map(([name, json]) => `const ${name} = ${json};`), shared].join('\n')
}

const fragmentPlugin: Plugin = {
  name: 'share-fragments',
  enforce: 'pre',
  transform: (code, id) => (id.endsWith('client/gql/graphql.ts') ? shareFragments(code) : undefined),
}

function configure(input: Readonly<Record<string, string>>, options: InlineConfig['build']): InlineConfig {
  return {
    root,
    configFile: false,
    publicDir: false,
    plugins: [fragmentPlugin],
    logLevel: 'warn',
    // Whatever NODE_ENV is: in development each element would name its file and line.
    oxc: { jsx: { runtime: 'automatic', development: false } },
    build: {
      target: 'es2022',
      outDir: 'dist/client',
      lib: { entry: { ...input }, formats: ['es'] },
      ...options,
      rolldownOptions: {
        external: (id) => peers.some((peer) => id === peer || id.startsWith(`${peer}/`)),
        // `'use client'` of tidings/react is kept where it takes effect, at the top of the entry; a
        // test checks it.
        checks: { moduleLevelDirective: false },
      },
    },
  }
}

/** Builds one entry as a single module without its peers, minified. */
export async function compileEntry(name: string): Promise<string> {
  const entry = measured[name]
  if (entry === undefined)
    throw new RangeError(`There is no entry "${name}"; there are ${Object.keys(measured).join(', ')}`)
  const bundle = await build(configure({ [name]: entry.file }, { write: false, minify: true }))
  const outputs = (Array.isArray(bundle) ? bundle : [bundle]).flatMap((result) =>
    'output' in result ? result.output : [],
  )
  return outputs.map((output) => (output.type === 'chunk' ? output.code : '')).join('')
}

/** Returns the size of one entry in bytes after gzip. */
export async function measureEntry(name: string): Promise<number> {
  return gzipSync(await compileEntry(name), { level: 9 }).length
}

/** Builds the client into `dist/client`: ES modules and their types. `packages/build.ts` makes a package of it. */
export async function buildClient(): Promise<void> {
  const files = Object.entries(entries).map(([name, { file }]) => [name, file] as const)
  await build(configure(Object.fromEntries(files), { emptyOutDir: true, sourcemap: true, minify: false }))
  execFileSync(
    process.execPath,
    [fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url)), '-p', 'client'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  await copyFile(join(root, 'client/react/styles.css'), join(root, 'dist/client/styles.css'))
}

if (import.meta.main || process.argv[1] === import.meta.filename) {
  if (!process.argv.includes('--size')) await buildClient()
  for (const [name, { maxGzipBytes }] of Object.entries(measured)) {
    const bytes = await measureEntry(name)
    const isTooLarge = bytes > maxGzipBytes
    console.log(`tidings/${name}: ${bytes} bytes after gzip, without peers; at most ${maxGzipBytes}`)
    if (isTooLarge) process.exitCode = 1
  }
}
