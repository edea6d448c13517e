#!/usr/bin/env node
/** `npm create tidings`: writes a project with a task, a server and a page, and installs its packages. */
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'

const minMajor = 24
const usage = `Creates a project with a task, a server and a page.

Usage:
  npm create tidings@latest [DIRECTORY] [-- options]

Options:
  --tidings PACKAGE  what to install as tidings: a version, or the path of a packed file (default: this version)
  --no-install       installs no packages
  --help             this

The project needs Node ${minMajor} or newer. A PostgreSQL for development is installed with it.
`

/** The package managers that can run this, with their commands. */
const managers = ['npm', 'pnpm', 'yarn', 'bun'] as const

/** What the user can correct. */
class Refusal extends Error {}

try {
  await main()
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  if (values.help === true) return void process.stdout.write(usage)
  if (Number.parseInt(process.versions.node, 10) < minMajor)
    throw new Refusal(`Tidings needs Node ${minMajor} or newer; this is Node ${process.versions.node}`)
  if (positionals.length > 1) throw new Refusal(`Too many arguments: ${positionals.slice(1).join(' ')}`)
  const name = positionals[0] ?? (await askName())
  const directory = resolve(name)
  await createEmptyDirectory(directory)
  await writeProject(directory, values.tidings)
  const manager = findManager()
  const shown = relative(process.cwd(), directory) || '.'
  process.stdout.write(`Created ${shown} with tasks.ts, tidings.ts and page.tsx\n`)
  const isInstalled = values.install !== false && install(manager, directory)
  const steps = [
    ...(shown === '.' ? [] : [`cd ${shown}`]),
    ...(isInstalled ? [] : [`${manager} install`]),
    `${manager} run dev`,
  ]
  process.stdout.write(`\nNext:\n\n${steps.map((step) => `  ${step}\n`).join('')}\nThen open http://127.0.0.1:4000\n`)
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      allowNegative: true,
      options: {
        tidings: { type: 'string' },
        install: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new Refusal(`${(error as Error).message.split('. ')[0]}\nAll options: npm create tidings -- --help`)
  }
}

async function askName(): Promise<string> {
  if (!process.stdin.isTTY) throw new Refusal('Name the directory: npm create tidings@latest my-app')
  const terminal = createInterface(process.stdin, process.stdout)
  const answer = await terminal.question('Directory of the project (my-app): ')
  terminal.close()
  return answer.trim() || 'my-app'
}

async function createEmptyDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(`The directory ${directory} cannot be created: ${error.message}`)
  })
  const [existing] = (await readdir(directory)).filter((name) => name !== '.git')
  if (existing !== undefined)
    throw new Refusal(`The directory ${directory} is not empty: it has ${existing}; name another one`)
}

/** Copies the template. npm would leave out a file that is called `.gitignore`, and read one that is called `package.json`. */
async function writeProject(directory: string, tidings: string | undefined): Promise<void> {
  const template = new URL('template/', import.meta.url)
  for (const file of await readdir(template)) {
    if (file === '_package.json') continue
    await cp(new URL(file, template), join(directory, file.replace(/^_/, '.')))
  }
  const manifest = JSON.parse(await readFile(new URL('_package.json', template), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const dependencies = { ...manifest.dependencies, ...(tidings === undefined ? {} : { tidings: specify(tidings) }) }
  const project = { name: packageName(basename(directory)), ...manifest, dependencies }
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(project, null, 2)}\n`)
}

/** A path is relative to this process, not to the project. */
function specify(tidings: string): string {
  return tidings.endsWith('.tgz') ? `file:${resolve(tidings)}` : tidings
}

/** Returns a name that npm accepts. */
function packageName(name: string): string {
  const allowed = name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-')
  return allowed.replace(/^[._-]+/, '') || 'my-app'
}

/** Returns the package manager that runs this process. */
function findManager(): (typeof managers)[number] {
  const agent = process.env['npm_config_user_agent'] ?? ''
  return managers.find((manager) => agent.startsWith(manager)) ?? 'npm'
}

/** Installs the packages of a project. @returns whether that succeeded */
function install(manager: string, directory: string): boolean {
  process.stdout.write('Installing the packages…\n')
  const quiet = manager === 'npm' ? ['--no-audit', '--no-fund', '--loglevel=error'] : []
  const { status } = spawnSync(manager, ['install', ...quiet], {
    cwd: directory,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.stderr.write('The packages could not be installed\n')
  return status === 0
}
