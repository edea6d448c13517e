import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTestDirectory, type TestDirectory } from './directory.ts'

const run = promisify(execFile)

/** The root of the repository, with a slash. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program in a directory, as a user of the package does. @returns its output */
export async function runIn(directory: string, command: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { stdout } = await run(command, args, { cwd: directory, env, maxBuffer: 10 ** 8 })
  return stdout
}

/** Builds and packs the packages into a folder. @returns the names of the files */
export async function packPackages(
  directory: string,
): Promise<{ readonly tidings: string; readonly createTidings: string }> {
  await runIn(root, process.execPath, 'bin/run.js', 'packages/build.ts')
  const pack = async (name: string): Promise<string> =>
    (await runIn(root, 'npm', 'pack', `./dist/${name}`, '--silent', '--pack-destination', directory)).trim()
  return { tidings: await pack('tidings'), createTidings: await pack('create-tidings') }
}

/**
 * Builds and packs the package, and installs it in an empty folder, together with other packages from the registry.
 *
 * @returns the folder, and the name of the packed file in it
 */
export async function installPacked(
  ...packages: readonly string[]
): Promise<{ readonly directory: TestDirectory; readonly file: string }> {
  const directory = await createTestDirectory()
  const { tidings: file } = await packPackages(directory.path)
  await runIn(directory.path, 'npm', 'init', '--yes', '--init-type=module')
  await runIn(directory.path, 'npm', 'install', '--no-audit', '--no-fund', '--silent', `./${file}`, ...packages)
  return { directory, file }
}

/** Compiles a file without output, and checks the types of all packages that it imports. */
export async function checkTypes(directory: TestDirectory, file: string, skipLibCheck = false): Promise<void> {
  const options = [
    ...['--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable,dom', '--types', 'node'],
    ...['--strict', '--noEmit', '--allowImportingTsExtensions', ...(skipLibCheck ? ['--skipLibCheck'] : [])],
  ]
  await runIn(directory.path, process.execPath, `${root}node_modules/typescript/bin/tsc`, ...options, file)
}

/** A server that prints its URL. Disposing kills it. */
export interface StartedServer extends AsyncDisposable {
  readonly url: string
  /** Ends it with SIGTERM. @returns its exit code */
  stop(): Promise<number | null>
}

/** Starts a server in a folder, on a free port. */
export async function startServerIn(directory: string, file: string, databaseUrl: string): Promise<StartedServer> {
  const child = spawn(process.execPath, [file], {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: databaseUrl, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let url: string | undefined
  // Log messages come first.
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('http://')) continue
    url = line
    break
  }
  if (url === undefined) throw new Error(`${file} ended before it printed its URL`)
  child.stdout.resume()
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return code as number | null
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
    },
  }
}
