import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSingleFlight } from '../async/index.ts'
import type { BuiltStudio } from './studio-page.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'dist')
const directory = join(dist, 'studio')
const stampName = '.stamp'

/**
 * Builds the Studio unless the last build is of the same sources. An up-to-date build costs reading
 * a few hundred small files; their modification times are meaningless where they were copied, as
 * into an image. The build runs in a separate process, so that a server that is running is not
 * blocked, and its result is put in place at once, so that several processes may build at the same
 * time. Concurrent calls share one build.
 *
 * @throws Error with the output of the build, when it fails; the last build is kept
 */
export const ensureStudioBuilt = createSingleFlight(build)

async function build(): Promise<BuiltStudio> {
  const stamp = await stampSources()
  if ((await readStamp()) === stamp) return { directory }
  await mkdir(dist, { recursive: true })
  await removeLeftOver()
  const target = await mkdtemp(join(dist, 'studio-'))
  try {
    await runVite(target)
    await writeFile(join(target, stampName), stamp)
    await putInPlace(target)
  } finally {
    await rm(target, { recursive: true, force: true })
  }
  return { directory }
}

const longestBuildMs = 600_000

/** Removes the files left behind by a build that was killed. */
async function removeLeftOver(): Promise<void> {
  const names = (await readdir(dist)).filter((name) => name.startsWith('studio-'))
  for (const path of names.map((name) => join(dist, name))) {
    const stats = await stat(path).catch((error: unknown) => {
      if (isMissing(error)) return null
      throw error
    })
    if (stats !== null && stats.mtimeMs < Date.now() - longestBuildMs) await rm(path, { recursive: true, force: true })
  }
}

/**
 * Returns a hash of all sources of the build; the same as long as no file has changed, in any
 * location.
 */
async function stampSources(): Promise<string> {
  const client = join(root, 'client')
  const names = (await readdir(client, { recursive: true })).filter((name) => /\.(tsx?|css|html)$/.test(name))
  const files = [
    ...names.map((name) => join(client, name)),
    join(root, 'src/protocol.ts'),
    join(root, 'package-lock.json'),
  ]
  const hash = createHash('sha256')
  for (const file of files.sort()) {
    const content = await readFile(file)
    hash.update(`${relative(root, file).replaceAll(sep, '/')} ${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

async function readStamp(): Promise<string | null> {
  try {
    return await readFile(join(directory, stampName), 'utf8')
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

async function runVite(outDir: string): Promise<void> {
  const require = createRequire(import.meta.url)
  const vite = join(resolveVite(require), '../bin/vite.js')
  const config = join(root, 'client/studio/vite.config.ts')
  const child = spawn(
    process.execPath,
    [vite, 'build', '--config', config, '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' } },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`The Studio could not be built (vite build ended with ${code}):\n${output}`)
}

/** @throws Error when Vite, an optional package, is not installed */
function resolveVite(require: NodeJS.Require): string {
  try {
    return require.resolve('vite/package.json')
  } catch (cause) {
    throw new Error(
      'The Studio is not built, and Vite is not installed: run npm run studio:build where optional packages are, and bring dist along',
      { cause },
    )
  }
}

/**
 * A directory cannot be replaced in one step; among concurrent builds the later ones have the same
 * result.
 */
async function putInPlace(target: string): Promise<void> {
  const old = `${target}-old`
  await rename(directory, old).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  await rename(target, directory).catch((error: unknown) => {
    if (!isTaken(error)) throw error
  })
  await rm(old, { recursive: true, force: true })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}
function isTaken(error: unknown): boolean {
  return codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST'
}
